"""The contract of the cron editor's questions, on the modern stack."""

from tests.contract.cron_tools import *  # noqa: F403
