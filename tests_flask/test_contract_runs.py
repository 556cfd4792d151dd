"""Running jobs and trying targets, on both stacks and compared."""

from tests.contract.runs import *  # noqa: F403
