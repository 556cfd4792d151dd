"""The contract of creating jobs, on the modern stack."""

from tests.contract.jobs_create import *  # noqa: F403
