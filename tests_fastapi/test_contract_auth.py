"""The contract of logging in and out, on the modern stack."""

from tests.contract.auth import *  # noqa: F403
