"""The contract of notifications, on both stacks and compared."""

from tests.contract.notifications import *  # noqa: F403
