"""The contract of notifications read and deleted, on the modern stack."""

from tests.contract.notification_changes import *  # noqa: F403
