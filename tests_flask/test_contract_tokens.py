"""The contract of tokens, on both stacks and compared."""

from tests.contract.tokens import *  # noqa: F403
