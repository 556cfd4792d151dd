"""What holds for every path and answer, on both stacks and compared."""

from tests.contract.edge import *  # noqa: F403
