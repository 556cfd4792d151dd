"""What holds for every request body, on both stacks and compared."""

from tests.contract.bodies import *  # noqa: F403
