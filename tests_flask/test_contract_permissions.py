"""The permission matrix, on both stacks and compared."""

from tests.contract.permissions import *  # noqa: F403
