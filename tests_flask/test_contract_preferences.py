"""The contract of preferences, on both stacks and compared."""

from tests.contract.preferences import *  # noqa: F403
