"""That the cases see what they judge, on the modern stack."""

from tests.contract.judging import *  # noqa: F403
