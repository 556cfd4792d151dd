"""The commands of the parity runner: `changeover parity ...` and `changeover import`. They read arguments and print."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["make_app"]

ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project",
        help="The folder with the pair's dualstack.toml. Default: the current one if it has one.",
        exists=True,
        file_okay=False,
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print the report as one JSON object instead of text.")]


def make_app(console: Console) -> typer.Typer:
    """Return the sub-commands of `changeover parity`."""
    app = typer.Typer(help="Replay recorded requests on both stacks and compare what each does.", rich_markup_mode=None)

    @app.callback()
    def parity() -> None:
        pass

    @app.command("run")
    def parity_run(
        recordings: Annotated[
            list[str] | None,
            typer.Argument(
                help="Files, or names of recordings. Default: those of parity.recordings.", metavar="[RECORDING]..."
            ),
        ] = None,
        phase: Annotated[int | None, typer.Option(help="Judge the route groups of this phase of the plan.")] = None,
        group: Annotated[
            list[str] | None, typer.Option(help="Judge this route group; may be given several times.")
        ] = None,
        report: Annotated[Path | None, typer.Option(help="The folder for the reports.", file_okay=False)] = None,
        project: ProjectOption = None,
        approve: Annotated[
            bool,
            typer.Option(
                "--approve", help="Write the primary's answers as the approved (golden) ones; review the diff."
            ),
        ] = False,
        no_calibration: Annotated[
            bool, typer.Option("--no-calibration", help="Do not run the primary twice to learn what is noise.")
        ] = False,
        coverage: Annotated[
            float | None,
            typer.Option(min=0, max=1, help="The share of routes and statuses asked for, instead of parity.coverage."),
        ] = None,
        shrink: Annotated[int, typer.Option(min=0, help="Look for the fewest requests behind so many groups.")] = 5,
        as_json: JsonFlag = False,
    ) -> None:
        """Replay recordings on both stacks from one start state. Exit 1 on anything unexplained or not covered."""
        from changeover.parity_run import Wanted, exit_code, run_parity
        from changeover.project import load_project

        report_folder = report.absolute() if report else None
        wanted = Wanted(
            recordings or [],
            group or [],
            phase,
            report_folder,
            approve=approve,
            calibrate=not no_calibration,
            coverage=coverage,
            shrink=shrink,
        )
        done = run_parity(load_project(project), wanted, console, quiet=as_json)
        if as_json:
            from parity.report.as_json import dumps, plain

            print(dumps(plain(done.report)))
        raise typer.Exit(exit_code(done))

    return app
