"""The contract of the filters of executions, on the modern stack."""

from tests.contract.execution_filters import *  # noqa: F403
