"""The contract of deleting jobs, on both stacks and compared."""

from tests.contract.jobs_delete import *  # noqa: F403
