"""How far a rehearsal is: a bar on a terminal with a line for each event above it, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from changeover.rehearsal.run import Telling

__all__ = ["telling_on"]


@contextmanager
def telling_on(console: Console, *, quiet: bool) -> Iterator[Telling]:
    """Yield where a rehearsal tells how far it is."""
    if quiet:
        yield Telling(say=lambda _line: None, total=lambda _count: None, tick=lambda: None)
    elif not sys.stdout.isatty():
        yield Telling(say=console.print, total=lambda _count: None, tick=lambda: None)
    else:
        columns = (TextColumn("rehearsal"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("rehearsal", total=None)
            yield Telling(
                say=bar.console.print,
                total=lambda count: bar.update(task, total=count),
                tick=lambda: bar.advance(task),
            )
