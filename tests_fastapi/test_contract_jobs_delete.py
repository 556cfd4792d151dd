"""The contract of deleting jobs, on the modern stack."""

from tests.contract.jobs_delete import *  # noqa: F403
