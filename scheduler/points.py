"""Named places between two steps that may not be torn apart silently. A fault test stops or kills its process there.

Nothing listens in a process that serves: no setting and no request can change that, only code of a test can.
"""

from collections.abc import Callable
from typing import Final

__all__ = ["POINTS", "listen", "reach"]

POINTS: Final = (
    "acquire.written",
    "claim.fenced",
    "claim.written",
    "claim.committed",
    "run.started",
    "run.answered",
    "run.recorded",
    "release.written",
)
"""`written` is inside a transaction, before its commit; `fenced` after its first statement; the others hold nothing open.

run.started: the run is in the database, nothing was sent; run.answered: its effect happened, nothing says so yet.
"""


def _silence(_name: str) -> None:
    pass


_listener: Callable[[str], None] = _silence


def reach(name: str) -> None:
    """Tell whoever listens that this thread is at the point."""
    _listener(name)


def listen(listener: Callable[[str], None] | None) -> None:
    """Have `listener` called, in the thread that reaches a point; None ends it."""
    global _listener  # noqa: PLW0603 - one listener a process, and none but in tests
    _listener = listener or _silence
