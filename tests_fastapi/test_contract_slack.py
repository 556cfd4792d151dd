"""The contract of the Slack settings, on the modern stack."""

from tests.contract.slack import *  # noqa: F403
