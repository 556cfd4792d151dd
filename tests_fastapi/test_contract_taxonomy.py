"""The contract of categories and teams, on the modern stack."""

from tests.contract.taxonomy import *  # noqa: F403
