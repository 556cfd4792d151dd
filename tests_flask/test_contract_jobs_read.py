"""The contract of one job and the list of jobs, on both stacks and compared."""

from tests.contract.jobs_read import *  # noqa: F403
