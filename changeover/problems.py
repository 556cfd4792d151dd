"""What ends a command early: one line on stderr and an exit code."""

__all__ = ["FAILED", "UNUSABLE", "Problem"]

FAILED = 1
UNUSABLE = 2


class Problem(Exception):
    """A command that cannot go on. The text is one line: the value and the remedy."""

    def __init__(self, text: str, exit_code: int = UNUSABLE) -> None:
        super().__init__(" ".join(text.split()))
        self.exit_code = exit_code
