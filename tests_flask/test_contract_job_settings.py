"""What settings mean for jobs, on both stacks and compared."""

from tests.contract.job_settings import *  # noqa: F403
