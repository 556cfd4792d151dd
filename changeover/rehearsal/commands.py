"""The command `changeover rehearsal`. It reads arguments and prints."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from changeover.problems import FAILED, UNUSABLE, Problem

__all__ = ["add_to"]

_LEAST_MINUTES = 1.0


def add_to(app: typer.Typer, console: Console) -> None:
    """Add the command to the command line."""

    @app.command()
    def rehearsal(
        minutes: Annotated[float, typer.Option(help="About how long it may take.", metavar="N")] = 5.0,
        out: Annotated[
            Path | None, typer.Option(help="Where the report goes (default: VAR_DIR/rehearsal/report).", metavar="DIR")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    ) -> None:
        """Rehearse the whole migration on a copy, under load and with faults, and report. Exit 1 unless all went well."""
        from changeover.rehearsal.progress import telling_on
        from changeover.rehearsal.report import write_reports
        from changeover.rehearsal.run import Wanted, rehearse
        from changeover.system import load_system

        if minutes < _LEAST_MINUTES:
            raise Problem(f"--minutes {minutes:g}: must be {_LEAST_MINUTES:g} or more.", UNUSABLE)
        # Before the system is loaded, which works from the project's folder.
        folder = out.absolute() if out else None
        owner = load_system()
        with telling_on(console, quiet=as_json) as telling:
            outcome = rehearse(owner, Wanted(minutes), telling)
        page = write_reports(outcome, folder or owner.place.var_dir / "rehearsal" / "report")
        if as_json:
            print(json.dumps(outcome.as_json() | {"report": str(page)}, indent=2))
        else:
            for sentence in outcome.wrong:
                console.print(sentence, style="red")
            console.print(f"{outcome.summary}: {outcome.verdict}.", style="red" if outcome.wrong else "green")
            console.print(f"Report: {page}")
        raise typer.Exit(FAILED if outcome.wrong else 0)
