"""The commands `changeover scheduler ...`: who runs it, handing it over, and what was not run. They read and print."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal

import typer
from rich.console import Console

from changeover.problems import FAILED, Problem
from changeover.words import one_line

__all__ = ["make_app"]

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def make_app(console: Console) -> typer.Typer:
    """Return the sub-commands."""
    app = typer.Typer(help="Who runs the scheduler: show it, hand it over.", rich_markup_mode=None)
    _add_status(app, console)
    _add_handover(app, console)
    _add_missed(app, console)
    _add_fast_forward(app, console)
    return app


def _add_status(app: typer.Typer, console: Console) -> None:
    @app.command()
    def status(as_json: JsonFlag = False) -> None:
        """Show who runs the scheduler, who could, and what was not run. Exit 1 unless the wanted stack runs it."""
        from changeover.scheduler_state import state_of
        from changeover.scheduler_words import print_state
        from changeover.system import load_system

        found = state_of(load_system().settings)
        if as_json:
            print(json.dumps(found.as_json(), indent=2))
        else:
            print_state(found, console)
        raise typer.Exit(0 if found.healthy else FAILED)


def _add_handover(app: typer.Typer, console: Console) -> None:
    @app.command()
    def handover(
        to: Annotated[str, typer.Option("--to", help="modern, legacy, or none for nobody.", metavar="STACK")],
        reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
        abort_after: Annotated[
            float,
            typer.Option(
                "--abort-after", min=0.1, help="Take it back when nobody took over by then.", metavar="SECONDS"
            ),
        ] = 10.0,
        as_json: JsonFlag = False,
    ) -> None:
        """Hand the scheduler over to a stack, or to nobody: checked before, and taken back when nobody takes over."""
        from changeover.scheduler_handover import Request, hand_over
        from changeover.scheduler_words import print_handover
        from changeover.system import load_system

        say: Callable[[str], None] = (lambda _line: None) if as_json else console.print
        done = hand_over(load_system(), Request(to, one_line(reason), abort_after), say)
        if as_json:
            print(json.dumps(done.as_json(), indent=2))
        else:
            print_handover(done, console)


def _add_missed(app: typer.Typer, console: Console) -> None:
    @app.command()
    def missed(
        since: Annotated[str, typer.Option("--since", help="How far to look back: 30m, 24h, 7d.")] = "24h",
        job: Annotated[str, typer.Option("--job", help="Only this job, by its name.", metavar="NAME")] = "",
        limit: Annotated[int, typer.Option("--limit", min=1, help="How many to show.")] = 50,
        as_json: JsonFlag = False,
    ) -> None:
        """Show ticks that were not run, and why, newest first."""
        from changeover.scheduler_missed import missed_since
        from changeover.scheduler_words import print_missed
        from changeover.system import load_system
        from scheduler.clock import Clock

        span = _span(since)
        settings = load_system().settings
        found = missed_since(settings, Clock(settings.clock_offset_s).now() - span, job, limit)
        if as_json:
            print(json.dumps(found.as_json(), indent=2))
        else:
            print_missed(found, since, console)


def _add_fast_forward(app: typer.Typer, console: Console) -> None:
    @app.command("fast-forward")
    def fast_forward(
        _to: Annotated[Literal["now"], typer.Option("--to", help="Up to when: now.")] = "now",
        record: Annotated[
            Literal["missed", "none"], typer.Option("--record", help="A row for each tick, or none.")
        ] = "missed",
        yes: Annotated[bool, typer.Option("--yes", help="Do it; else it is only counted.")] = False,
        as_json: JsonFlag = False,
    ) -> None:
        """Pass over everything that a restored backup holds to be due, so that nothing is run twice."""
        from changeover.scheduler_forward import fast_forward as pass_over
        from changeover.scheduler_words import print_passed
        from changeover.system import load_system

        passed = pass_over(load_system().settings, record, really=yes)
        if as_json:
            print(json.dumps(passed.as_json(), indent=2))
        else:
            print_passed(passed, record, console)


def _span(text: str) -> timedelta:
    """Return what `24h` means. Raise Problem for anything else."""
    found = re.fullmatch(r"([0-9]{1,4})([mhd])", text)
    if not found:
        raise Problem(f'--since "{text}": write a number and m, h or d, such as 24h.')
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
