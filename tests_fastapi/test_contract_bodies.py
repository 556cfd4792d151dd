"""What holds for every request body, on the modern stack."""

from tests.contract.bodies import *  # noqa: F403
