"""What the scheduler does with jobs and says of it, on both stacks and compared."""

from tests.contract.scheduled import *  # noqa: F403
