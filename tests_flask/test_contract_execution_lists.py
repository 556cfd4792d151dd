"""The contract of the lists of executions, on both stacks and compared."""

from tests.contract.execution_lists import *  # noqa: F403
