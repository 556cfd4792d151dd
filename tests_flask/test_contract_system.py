"""The contract of health and the scheduler, on both stacks and compared."""

from tests.contract.system import *  # noqa: F403
