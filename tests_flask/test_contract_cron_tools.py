"""The contract of the cron editor's questions, on both stacks and compared."""

from tests.contract.cron_tools import *  # noqa: F403
