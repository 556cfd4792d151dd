"""The contract of users, on both stacks and compared."""

from tests.contract.users import *  # noqa: F403
