"""What happens to a job while it runs, on the modern stack."""

from tests.contract.runs_meanwhile import *  # noqa: F403
