"""The contract of creating jobs, on both stacks and compared."""

from tests.contract.jobs_create import *  # noqa: F403
