"""The contract of users, on the modern stack."""

from tests.contract.users import *  # noqa: F403
