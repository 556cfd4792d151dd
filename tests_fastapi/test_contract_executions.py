"""The contract of executions, on the modern stack."""

from tests.contract.executions import *  # noqa: F403
