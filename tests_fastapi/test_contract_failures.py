"""What goes wrong on our side, on the modern stack."""

from tests.contract.failures import *  # noqa: F403
