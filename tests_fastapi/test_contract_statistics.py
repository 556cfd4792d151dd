"""The contract of the figures of executions, on the modern stack."""

from tests.contract.statistics import *  # noqa: F403
