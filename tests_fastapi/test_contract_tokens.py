"""The contract of tokens, on the modern stack."""

from tests.contract.tokens import *  # noqa: F403
