"""The command line. Commands only read their arguments and print; what they do lives in the modules beside this one.

Exit codes: 0 fine, 1 differences or a refused gate, 2 usage or configuration. Every error is one line on stderr.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table
from typer._click.exceptions import ClickException

from changeover import (
    backup_commands,
    flip_commands,
    parity_commands,
    phase_commands,
    retire_commands,
    scheduler_commands,
    watch_commands,
)
from changeover.problems import FAILED, UNUSABLE, Problem
from changeover.rehearsal import commands as rehearsal_commands
from changeover.words import duration

__all__ = ["app", "main"]

app = typer.Typer(
    name="changeover",
    help="Move a live service from one stack to the other, side by side: run both, compare them, shift the traffic.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
token_app = typer.Typer(help="Look into tokens.", rich_markup_mode=None)
app.add_typer(token_app, name="token")
record_app = typer.Typer(help="Record real traffic at the gateway.", rich_markup_mode=None)
app.add_typer(record_app, name="record")
# Colours on terminals only; values are never read as markup.
console = Console(highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


app.add_typer(parity_commands.make_app(console), name="parity")
app.add_typer(phase_commands.make_app(console), name="phase")
app.add_typer(scheduler_commands.make_app(console), name="scheduler")
app.command("import")(parity_commands.import_file(console))
flip_commands.add_commands(app, console)
backup_commands.add_to(app, console)
retire_commands.add_to(app, console)
watch_commands.add_to(app, console)
rehearsal_commands.add_to(app, console)


@app.callback(invoke_without_command=True)
def overview(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def up() -> None:
    """Start stacks and gateway in the background and wait until all are healthy; a second time changes nothing."""
    from changeover.system import load_system
    from changeover.up import bring_up

    bring_up(load_system(), console.print)


@app.command()
def down() -> None:
    """Stop what `up` started with this VAR_DIR, and nothing else."""
    from changeover.system import load_system
    from changeover.up import bring_down

    bring_down(load_system(), console.print)


@app.command()
def demo(as_json: JsonFlag = False) -> None:
    """Add people of each role, teams, 25 jobs and a month of runs to look at. Refused in production."""
    from changeover.demo import DEMO_PEOPLE, fill
    from changeover.system import load_system

    filled = fill(load_system().settings, (lambda _line: None) if as_json else console.print)
    if as_json:
        _print_json(asdict(filled))
    else:
        console.print(f"Log in as {', '.join(DEMO_PEOPLE)} with the password {filled.password}")


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="Only this group, such as modern.")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines of each.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
) -> None:
    """Show the last lines of every log."""
    from changeover.system import load_system

    place = load_system().place
    known = place.logs()
    if not known:
        raise Problem(f"VAR_DIR={place.var_dir} has no logs yet; type `make up` first.")
    files = [file for group, files in known.items() for file in files if name in ("", group)]
    if not files:
        raise Problem(f'There is no log of "{name}"; there are {", ".join(known)}.')
    options = ["-n", str(lines), *(["-F"] if follow else [])]
    os.execvp("tail", ["tail", *options, *map(str, files)])  # noqa: S606, S607 - tail does exactly this


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Show processes, health, database, scheduler and versions. Exit 1 unless all is healthy."""
    from changeover.status import report
    from changeover.system import load_system

    found = report(load_system())
    if as_json:
        _print_json(found.as_json())
    else:
        if found.remark:
            console.print(found.remark, style="yellow")
        groups = Table(
            "group",
            "state",
            "health",
            "pid",
            "up for",
            "restarts",
            Column("address", overflow="fold"),
            box=None,
            pad_edge=False,
        )
        for group in found.groups:
            facts = [str(group.pid or "-"), duration(group.uptime_s) if group.pid else "-", str(group.restarts)]
            style = "green" if group.healthy else "red"
            groups.add_row(group.name, group.state.lower(), group.health, *facts, group.url, style=style)
        console.print(groups)
        database, scheduler = found.database, found.scheduler
        console.print(f"database   {database.url}: {database.problem or f'revision {database.revision}, as expected'}")
        console.print(f"scheduler  {_owner(scheduler)}" if scheduler else "scheduler  unknown")
        console.print(f"versions   {', '.join(f'{name} {version}' for name, version in found.versions.items())}")
    raise typer.Exit(0 if found.healthy else FAILED)


def _owner(scheduler: Any) -> str:
    owner = f"{scheduler.owner_stack} ({scheduler.owner_process})" if scheduler.owner_stack else "nobody"
    return f"run by {owner}, wanted: {scheduler.desired_stack}, epoch {scheduler.epoch}"


@app.command()
def migrate() -> None:
    """Bring the database to this release's schema and make the first admin; `up` does this by itself."""
    from changeover.database import prepare
    from changeover.system import load_system

    system = load_system()
    prepare(system.settings, [stack.name for stack in system.config.stacks], console.print)


@app.command()
def serve(stack: Annotated[str, typer.Argument(help="The stack's name, such as modern.")]) -> None:
    """Run one stack in the foreground, listening on BIND_HOST: what a container does."""
    from changeover.containers import listening_on
    from changeover.system import load_system

    system = load_system()
    stacks = {one.name: one for one in system.config.stacks}
    if stack not in stacks:
        raise Problem(f'There is no stack "{stack}"; there are {", ".join(stacks)}.')
    command = listening_on(stacks[stack], system.settings.bind_host)
    os.execvpe(command[0], command, dict(system.environ))  # noqa: S606 - becoming the server is the purpose


@app.command()
def containers(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if it is not current.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Write all of the gateway's files here, for an image.")] = None,
) -> None:
    """Render deploy/nginx.conf, the gateway of docker-compose.yml."""
    from changeover.containers import check_committed, write_committed, write_folder
    from changeover.system import ROOT

    if check:
        check_committed(ROOT)
    elif folder:
        write_folder(ROOT, folder)
    else:
        write_committed(ROOT)


@token_app.callback()
def tokens() -> None:
    pass


@token_app.command("inspect")
def token_inspect(
    token: Annotated[str, typer.Argument(help='The token, with or without "Bearer "; - reads it from standard input.')],
    as_json: JsonFlag = False,
) -> None:
    """Show the claims of a token, when it expires, and which stack accepts it. Exit 1 when one refuses it."""
    from changeover.system import load_system
    from changeover.token import inspect
    from scheduler.clock import Clock

    text = (sys.stdin.read() if token == "-" else token).strip()
    system = load_system()
    now = Clock(system.settings.clock_offset_s).now()
    stacks = {stack.name: stack.url for stack in system.config.stacks}
    found = inspect(text.removeprefix("Bearer ").strip(), system.settings.jwt_secret_key, now, stacks)
    if as_json:
        _print_json(found.as_json())
    else:
        for name, value in found.claims.items():
            console.print(f"{name:10} {json.dumps(value)}")
        console.print(f"\n{found.kind} token, {found.expiry}; signature: {found.signature}")
        verdicts = {"by the rules": found.rules, **found.stacks}
        for name, verdict in verdicts.items():
            style = {True: "green", False: "red", None: "yellow"}[verdict.accepted]
            said = f"refused: {verdict.reason}" if verdict.accepted is False else verdict.reason
            console.print(f"{name:12} {said}", style=style)
    raise typer.Exit(0 if found.accepted else FAILED)


@record_app.callback()
def records() -> None:
    pass


@record_app.command("start")
def record_start(
    name: Annotated[str, typer.Argument(help="What to call it; the present time where nothing is given.")] = "",
    group: Annotated[list[str] | None, typer.Option(help="Only this route group; may be given again.")] = None,
    user: Annotated[str, typer.Option(help="Only requests with this user's token: an id, username or e-mail.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All traffic of the stacks.")] = False,
    with_snapshot: Annotated[
        bool, typer.Option("--snapshot/--no-snapshot", help="Copy the database first, for replays to begin with.")
    ] = True,
) -> None:
    """Record what clients send and get from now on; nothing else is slowed."""
    from changeover.record import start
    from changeover.record_plan import Request
    from changeover.system import load_system

    if everything == bool(group or user):
        raise Problem("Say what to record: --all, or --group and --user, one of them or both.")
    start(load_system(), Request(name, tuple(group or ()), user, with_snapshot), console.print)


@record_app.command("stop")
def record_stop(as_json: JsonFlag = False) -> None:
    """End the recording and say where it lies. Exit 1 when exchanges are missing in it."""
    from changeover.record import stop
    from changeover.system import load_system

    last = stop(load_system(), (lambda _line: None) if as_json else console.print)
    if as_json:
        _print_json(last.as_json())
    else:
        console.print(last.text())
    raise typer.Exit(FAILED if last.missing else 0)


@record_app.command("status")
def record_status(as_json: JsonFlag = False) -> None:
    """Show what is being recorded. Exit 1 when the recorder is gone or exchanges are missing."""
    from changeover.record import status
    from changeover.system import load_system

    found = status(load_system())
    if as_json:
        _print_json(found.as_json())
    else:
        console.print(found.text())
    raise typer.Exit(FAILED if found.missing or found.state == "dead" else 0)


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, indent=2))


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        code = app(standalone_mode=False, prog_name="changeover")
    except Problem as problem:
        code = _complain(str(problem), problem.exit_code)
    except ClickException as usage:
        code = _complain(f"{usage.format_message().rstrip('.')}. See: changeover --help", UNUSABLE)
    except (KeyboardInterrupt, typer.Abort):
        code = _complain("Interrupted.", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except OSError as error:
        code = _complain(
            f"{error.filename or 'The system'}: {error.strerror or error}; make room or give rights.", FAILED
        )
    sys.exit(code or 0)


def _complain(text: str, exit_code: int) -> int:
    print(" ".join(text.split()), file=sys.stderr)
    return exit_code
