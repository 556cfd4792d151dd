"""The commands of the parity runner: `changeover parity ...` and `changeover import`. They read arguments and print."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from changeover.problems import Problem

__all__ = ["import_file", "make_app"]

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
        database: Annotated[
            str,
            typer.Option(
                help="Replay on databases at this URL, with {name} or {folder} in it, instead of parity.database."
            ),
        ] = "",
        shrink: Annotated[int, typer.Option(min=0, help="Look for the fewest requests behind so many groups.")] = 5,
        resume: Annotated[
            bool, typer.Option("--resume", help="Go on with the newest run that was killed before its end.")
        ] = False,
        in_flight: Annotated[
            int, typer.Option(min=1, max=64, help="Send so many reads in a row at once; faster, in no certain order.")
        ] = 1,
        against: Annotated[
            str,
            typer.Option(help="Compare the newer stack with that of a git revision.", metavar="REVISION"),
        ] = "",
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
            database=database,
            resume=resume,
            in_flight=in_flight,
            against=against,
        )
        pair = load_project(project)
        done = run_parity(pair, wanted, console, quiet=as_json)
        if as_json:
            print(pair.report_in(report_folder).read_text(), end="")
        raise typer.Exit(exit_code(done))

    @app.command("explore")
    def parity_explore(
        openapi: Annotated[
            str,
            typer.Option(help="URL or file of the OpenAPI document. Default: parity.openapi.", metavar="URL_OR_FILE"),
        ] = "",
        phase: Annotated[int | None, typer.Option(help="Explore the route groups of this phase of the plan.")] = None,
        group: Annotated[
            list[str] | None, typer.Option(help="Explore this route group; may be given several times.")
        ] = None,
        examples: Annotated[
            int | None, typer.Option(min=1, help="Send so many requests. Default: 1000, or none with --seconds.")
        ] = None,
        seconds: Annotated[float | None, typer.Option(min=1, help="Stop after so many seconds.")] = None,
        seed: Annotated[int, typer.Option(help="The same seed makes the same requests.")] = 0,
        shrink: Annotated[int, typer.Option(min=0, help="Look for the fewest requests behind so many groups.")] = 10,
        report: Annotated[Path | None, typer.Option(help="The folder for the reports.", file_okay=False)] = None,
        project: ProjectOption = None,
        as_json: JsonFlag = False,
    ) -> None:
        """Make up requests from the OpenAPI document and compare what both stacks do. Exit 1 on anything unexplained."""
        from changeover.parity_explore import Wanted, exit_code, run_exploration
        from changeover.project import load_project

        document = str(Path(openapi).absolute()) if openapi and "://" not in openapi else openapi
        wanted = Wanted(
            document,
            tuple(group or ()),
            phase,
            examples,
            seconds,
            seed,
            report.absolute() if report else None,
            shrink,
        )
        pair = load_project(project)
        done = run_exploration(pair, wanted, console, quiet=as_json)
        if as_json:
            print(pair.report_in(wanted.report).read_text(), end="")
        raise typer.Exit(exit_code(done))

    return app


def import_file(console: Console) -> Callable[..., None]:
    """Return the command `changeover import`."""

    def command(
        file: Annotated[
            Path,
            typer.Argument(
                help="A HAR file (gzipped or not), a Postman v2.1 collection or an OpenAPI document.", dir_okay=False
            ),
        ],
        name: Annotated[str, typer.Option(help="The recording's name. Default: the file's.")] = "",
        out: Annotated[
            Path | None, typer.Option(help="Write here instead of into VAR_DIR/recordings.", dir_okay=False)
        ] = None,
        emails: Annotated[bool, typer.Option("--emails", help="Replace e-mail addresses too.")] = False,
        variable: Annotated[
            list[str] | None,
            typer.Option("--variable", help="NAME=VALUE for a collection's variable; may be given several times."),
        ] = None,
        project: ProjectOption = None,
        as_json: JsonFlag = False,
    ) -> None:
        """Turn a file of a browser, Postman or OpenAPI into a recording, without its secrets."""
        from changeover.imports import import_recording, name_of
        from changeover.project import load_project

        source, given = file.absolute(), out.absolute() if out else None
        pair = load_project(project)
        target = given or pair.kept / f"{name or name_of(source)}.jsonl.gz"
        variables = dict(_assigned(text) for text in variable or [])
        imported = import_recording(pair, source, target, emails=emails, variables=variables)
        if as_json:
            said = {
                "recording": str(target),
                "entries": len(imported.entries),
                "left_out": [asdict(left) for left in imported.left_out],
                "notes": list(imported.notes),
            }
            print(json.dumps(said, indent=2))
            return
        console.print(f"{len(imported.entries)} requests in {target}")
        for left in imported.left_out:
            console.print(
                f"left out: {left.count} {left.reason} ({', '.join(left.examples)}{', ...' if left.count > len(left.examples) else ''})"
            )
        for note in imported.notes:
            console.print(f"note: {note}")

    return command


def _assigned(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Problem(f'--variable "{text}" is not NAME=VALUE.')
    return name, value
