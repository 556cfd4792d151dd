"""The contract of the figures of executions, on both stacks and compared."""

from tests.contract.statistics import *  # noqa: F403
