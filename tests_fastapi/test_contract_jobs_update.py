"""The contract of changing jobs, on the modern stack."""

from tests.contract.jobs_update import *  # noqa: F403
