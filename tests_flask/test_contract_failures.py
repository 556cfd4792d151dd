"""What goes wrong on our side, on both stacks and compared."""

from tests.contract.failures import *  # noqa: F403
