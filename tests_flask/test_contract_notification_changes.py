"""The contract of notifications read and deleted, on both stacks and compared."""

from tests.contract.notification_changes import *  # noqa: F403
