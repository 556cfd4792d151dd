"""What holds for every path and answer, on the modern stack."""

from tests.contract.edge import *  # noqa: F403
