"""The contract of the filters of executions, on both stacks and compared."""

from tests.contract.execution_filters import *  # noqa: F403
