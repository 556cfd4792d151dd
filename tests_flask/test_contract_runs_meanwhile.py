"""What happens to a job while it runs, on both stacks and compared."""

from tests.contract.runs_meanwhile import *  # noqa: F403
