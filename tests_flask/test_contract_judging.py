"""That the cases see what they judge, on both stacks and compared."""

from tests.contract.judging import *  # noqa: F403
