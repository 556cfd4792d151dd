"""The exchanges that a journal holds whole, found again when one is asked for: only their places are in memory."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from parity.journal import Played, read_at

__all__ = ["Kept"]


class Kept(Mapping[str, Played]):
    """Whole exchanges by id, each as `shown` makes it."""

    def __init__(self, shown: Callable[[Played], Played]) -> None:
        self._shown = shown
        self._places: dict[str, tuple[Path, int]] = {}

    def add(self, exchange: str, journal: Path, offset: int) -> None:
        self._places[exchange] = journal, offset

    def __getitem__(self, exchange: str) -> Played:
        return self._shown(read_at(*self._places[exchange]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
