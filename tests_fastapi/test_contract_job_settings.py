"""What settings mean for jobs, on the modern stack."""

from tests.contract.job_settings import *  # noqa: F403
