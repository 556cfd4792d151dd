"""Deliberately broken variants of the scheduler, patched in when a process starts. The checker has to fail each of them."""

from collections.abc import Callable

MUTANTS: dict[str, Callable[[], None]] = {}


def apply(name: str) -> None:
    """Break this process in the named way; with no name leave it as it is."""
    if name:
        MUTANTS[name]()
