"""The contract of changing jobs, on both stacks and compared."""

from tests.contract.jobs_update import *  # noqa: F403
