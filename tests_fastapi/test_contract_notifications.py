"""The contract of notifications, on the modern stack."""

from tests.contract.notifications import *  # noqa: F403
