"""The contract of the Slack settings, on both stacks and compared."""

from tests.contract.slack import *  # noqa: F403
