"""What the scheduler does with jobs and says of it, on the modern stack."""

from tests.contract.scheduled import *  # noqa: F403
