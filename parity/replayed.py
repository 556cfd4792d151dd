"""One recording after its replay."""

from dataclasses import dataclass
from pathlib import Path

from parity.golden import Golden, GoldenWriter
from parity.ground import Ground
from parity.recording import Header

__all__ = ["Replayed"]


@dataclass(frozen=True)
class Replayed:
    """The recording, the ground it was replayed on, and the journal of what happened.

    `golden` are the answers approved so far; `writer` has the new ones where they are to be approved.
    """

    path: Path
    header: Header
    digest: str
    entries: int
    ground: Ground
    journal: Path
    golden: Golden
    writer: GoldenWriter | None = None
