"""The contract of health and the scheduler, on the modern stack."""

from tests.contract.system import *  # noqa: F403
