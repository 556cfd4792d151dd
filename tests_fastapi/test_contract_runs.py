"""Running jobs and trying targets, on the modern stack."""

from tests.contract.runs import *  # noqa: F403
