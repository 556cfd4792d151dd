"""The contract of categories and teams, on both stacks and compared."""

from tests.contract.taxonomy import *  # noqa: F403
