"""The commands `changeover watch` and `changeover drift`. They read arguments and print."""

import contextlib
import json
import signal
import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from changeover.problems import FAILED

if TYPE_CHECKING:
    from gateway.drift import Drift
    from gateway.judge import Row
    from gateway.watch import Event, Watch

__all__ = ["add_to"]

_STYLES = {"rolled back": "red", "would roll back": "red", "alarm": "yellow", "kept": "yellow", "failed": "red"}
_EVENTS_SHOWN = 10
_REDRAW_S = 0.5


def add_to(app: typer.Typer, console: Console) -> None:
    """Add both commands to the command line."""

    @app.command()
    def watch(
        observe: Annotated[bool, typer.Option("--observe", help="Change nothing; say what would be done.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per event.")] = False,
    ) -> None:
        """Show how moved groups do, and take them back when the stack they moved to does worse. Ctrl-C ends it."""
        from changeover.system import load_system
        from changeover.watch import make_watch

        events: deque[Event] = deque(maxlen=_EVENTS_SHOWN)

        def tell(event: "Event") -> None:
            events.append(event)
            if as_json:
                print(json.dumps(event.as_json()), flush=True)
            elif not console.is_terminal:
                console.print(f"{event.at}  {event.what}: {event.words}")

        running = make_watch(load_system(), tell, observe=observe)
        if running is None:
            console.print("There is one stack only, and nothing to watch.")
            return
        tell(running.beginning())
        with _stopped_by_signals() as stop:
            if as_json or not console.is_terminal:
                running.run(stop)
            else:
                _show_live(running, events, stop, console)

    @app.command()
    def drift(
        minutes: Annotated[float, typer.Option("--minutes", min=0.01, help="How far to look back.")] = 5,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    ) -> None:
        """Compare what was served with what the ownership table says. Exit 1 when they differ."""
        from changeover.system import load_system
        from changeover.watch import drift_of

        found = drift_of(load_system(), minutes)
        if as_json:
            print(json.dumps(found.as_json(), indent=2))
        else:
            for line in _drift_lines(found):
                console.print(line)
        raise typer.Exit(FAILED if found.is_there else 0)


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and TERM set, so that a rollback which just goes on is carried out."""
    stop = threading.Event()
    former = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _show_live(watch: "Watch", events: "deque[Event]", stop: threading.Event, console: Console) -> None:
    thread = threading.Thread(target=watch.run, args=(stop,))
    thread.start()
    with Live(console=console, auto_refresh=False) as live:
        while not stop.wait(_REDRAW_S):
            live.update(_picture(watch.rows, list(events)), refresh=True)
    thread.join()


def _picture(rows: "tuple[Row, ...]", events: "list[Event]") -> Group:
    numbers = [Column(name, justify="right") for name in ("share", "requests", "failed", "primary", "p")]
    table = Table("group", *numbers, box=None, pad_edge=False)
    for row in rows:
        counts = row.counts
        base_bad, base_seen = (counts.base_bad, counts.base_seen) if row.share < 100 else row.known
        p = "-" if row.p >= 0.01 else f"{row.p:.1g}"
        facts = [f"{row.share} %", f"{counts.seen:,}", f"{counts.bad:,}", f"{base_bad:,} of {base_seen:,}", p]
        table.add_row(row.group, *facts, style="yellow" if row.p < 0.01 else None)
    lines = [Text(f"{each.at}  {each.what}: {each.words}", style=_STYLES.get(each.what, "")) for each in events]
    return Group(table if rows else Text("No group has a share of the second stack."), Text(), *lines)


def _drift_lines(found: "Drift") -> list[str]:
    lines = list(found.table)
    for stray in found.strays:
        what = f"{stray.path} ({stray.group}, {stray.cohort})"
        lines.append(f"request {stray.rid}: {what} was {stray.owner}'s, by the table it is {stray.expected}'s")
    if found.stray_count > len(found.strays):
        lines.append(f"and {found.stray_count - len(found.strays)} more")
    if found.blind_count:
        many = "request was" if found.blind_count == 1 else "requests were"
        named = ", ".join(found.blind) + (", ..." if found.blind_count > len(found.blind) else "")
        lines.append(f"{found.blind_count} {many} decided without the table: {named}")
    return lines or [f"No drift in {found.examined} requests of {found.generation}."]
