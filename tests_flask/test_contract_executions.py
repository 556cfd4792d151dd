"""The contract of executions, on both stacks and compared."""

from tests.contract.executions import *  # noqa: F403
