"""One recording after its replay."""

from dataclasses import dataclass
from pathlib import Path

from parity.ground import Ground
from parity.recording import Header

__all__ = ["Replayed"]


@dataclass(frozen=True)
class Replayed:
    """The recording, the ground it was replayed on, and the journal of what happened."""

    path: Path
    header: Header
    digest: str
    entries: int
    ground: Ground
    journal: Path
