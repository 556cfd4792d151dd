"""The contract of the lists of executions, on the modern stack."""

from tests.contract.execution_lists import *  # noqa: F403
