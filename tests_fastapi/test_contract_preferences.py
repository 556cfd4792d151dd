"""The contract of preferences, on the modern stack."""

from tests.contract.preferences import *  # noqa: F403
