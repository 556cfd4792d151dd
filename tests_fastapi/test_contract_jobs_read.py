"""The contract of one job and the list of jobs, on the modern stack."""

from tests.contract.jobs_read import *  # noqa: F403
