"""The contract of logging in and out, on both stacks and compared."""

from tests.contract.auth import *  # noqa: F403
