"""The permission matrix, on the modern stack."""

from tests.contract.permissions import *  # noqa: F403
