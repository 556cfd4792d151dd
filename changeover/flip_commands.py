"""The commands that change who serves what, and those that tell what was changed. They read arguments and print."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from changeover.problems import FAILED, UNUSABLE, Problem
from changeover.words import one_line

__all__ = ["add_commands"]

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
To = Annotated[str, typer.Option("--to", help="The stack that is to serve them: modern or legacy.", metavar="STACK")]
Percent = Annotated[
    int | None, typer.Option("--percent", help="Only this share of the visitors: 1, 5, 25, 50 or 100.", metavar="N")
]


def _in_words(text: str) -> str:
    """Return a reason as one line of what can be printed. Raise BadParameter where nothing is left of it."""
    said = one_line(text)
    if text and not said:
        raise typer.BadParameter("it is blank; say why")
    return said


Reason = Annotated[str, typer.Option("--reason", help="Why, for the history.", callback=_in_words)]
Override = Annotated[
    str,
    typer.Option(
        "--override",
        help="Do it although a gate refuses, and write down this reason.",
        metavar="REASON",
        callback=_in_words,
    ),
]


def add_commands(app: typer.Typer, console: Console) -> None:
    """Add the commands to the command line's own."""
    _add_planning(app, console)
    _add_flipping(app, console)
    _add_taking_back(app, console)
    _add_telling(app, console)


def _add_planning(app: typer.Typer, console: Console) -> None:
    @app.command()
    def plan(
        to: Annotated[
            list[str] | None,
            typer.Option("--to", help="The share of modern in a group, such as jobs.read=25; may be given again."),
        ] = None,
        phase: Annotated[int | None, typer.Option(help="All groups of this phase, wholly or by --percent.")] = None,
        percent: Percent = None,
        out: Annotated[
            Path | None, typer.Option(help="Where to write the plan (default: VAR_DIR/flips/plan.json).")
        ] = None,
        as_json: JsonFlag = False,
    ) -> None:
        """Show what would change and what the gates say, and write it down for `apply`. Exit 1 when a gate refuses."""
        from changeover.flip_words import Words
        from changeover.flips import open_control, shares_planned
        from changeover.system import load_system

        control = open_control(load_system())
        standing = control.flips.standing().ownership
        made = control.plan(standing.moved(shares_planned(control.system, to or [], phase, percent)))
        path = out or control.flips.folder / "plan.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(made.as_json(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise Problem(f"{path}: cannot be written ({error.strerror}); name another file with --out.") from None
        if as_json:
            print(json.dumps(made.as_json() | {"file": str(path)}, indent=2))
        else:
            Words(console, control.system.config).plan(made)
            if made.changes:
                console.print(f"Written to {path}; carry it out with: changeover apply {path}")
        raise typer.Exit(FAILED if made.refused else 0)

    @app.command()
    def apply(
        file: Annotated[Path, typer.Argument(help="What `plan` wrote.", metavar="PLAN")],
        override: Override = "",
        reason: Reason = "",
        as_json: JsonFlag = False,
    ) -> None:
        """Carry out a plan. Refused when anything it was made from has changed since, or a gate refuses."""
        from changeover.flips import open_control
        from changeover.system import load_system
        from gateway.plan import BadPlan, read_plan

        control = open_control(load_system())
        try:
            planned = read_plan(file)
        except BadPlan as error:
            raise Problem(str(error), UNUSABLE) from None
        now = control.check(planned)
        outcome = control.carry_out("apply", now, reason=reason, override=override, digest=planned.digest())
        _say(console, control, outcome, as_json)


def _add_flipping(app: typer.Typer, console: Console) -> None:
    @app.command()
    def flip(
        groups: Annotated[list[str], typer.Argument(help="Route groups, or the word all.", metavar="GROUP...")],
        to: To,
        percent: Percent = None,
        override: Override = "",
        reason: Reason = "",
        as_json: JsonFlag = False,
    ) -> None:
        """Move route groups to a stack, for everybody or for a share of the visitors: plan, gates, swap and proof in one."""
        from changeover.flips import groups_of, open_control, share_wanted
        from changeover.system import load_system

        control = open_control(load_system())
        share = share_wanted(control.system, to, percent)
        wanted = dict.fromkeys(groups_of(control.system, groups), share)
        made = control.plan(control.flips.standing().ownership.moved(wanted))
        _say(console, control, control.carry_out("flip", made, reason=reason, override=override), as_json)

    @app.command()
    def step(
        group: Annotated[str, typer.Argument(help="The route group.")],
        wait: Annotated[bool, typer.Option("--wait", help="Wait until the group has soaked long enough.")] = False,
        override: Override = "",
        as_json: JsonFlag = False,
    ) -> None:
        """Move a group one step on (1, 5, 25, 50, 100 %), once the last step has soaked and answered enough requests."""
        from changeover.flip_step import next_step
        from changeover.flips import open_control
        from changeover.system import load_system

        control = open_control(load_system())
        made = next_step(control, group, wait=wait, override=override, say=_quiet(console, as_json))
        _say(console, control, control.carry_out("step", made, reason="", override=override), as_json)


def _add_taking_back(app: typer.Typer, console: Console) -> None:
    @app.command()
    def rollback(
        group: Annotated[str, typer.Argument(help="Only this route group, wholly to legacy.")] = "",
        everything: Annotated[bool, typer.Option("--all", help="Every route group, wholly to legacy.")] = False,
        reason: Reason = "",
        as_json: JsonFlag = False,
    ) -> None:
        """Go back at once, past all gates: to the table before the last change, or with one group or all to legacy."""
        from changeover.flips import groups_of, open_control
        from changeover.system import load_system

        if group and everything:
            raise Problem("Say one of them: a group, or --all.")
        control = open_control(load_system())
        if group or everything:
            groups = groups_of(control.system, ["all"] if everything else [group])
            outcome = control.give_back(groups, reason)
        else:
            outcome = control.undo(reason)
        _say(console, control, outcome, as_json)

    @app.command()
    def pin(
        prefix: Annotated[str, typer.Argument(help="The prefix, such as v2 for /api/v2.")],
        off: Annotated[bool, typer.Option("--off/--on", help="Take the pin out, or put it in again.")] = False,
        reason: Reason = "",
        as_json: JsonFlag = False,
    ) -> None:
        """Pin a prefix to its own stack, or let the route groups decide about it too, so that a rollback can reach it."""
        from changeover.flips import face_of, open_control
        from changeover.system import load_system

        control = open_control(load_system())
        face = face_of(control.system, prefix)
        standing = control.flips.standing().ownership
        loose = standing.loose | {face.prefix} if off else standing.loose - {face.prefix}
        _say(console, control, control.pin(replace(standing, loose=loose), reason), as_json)


def _add_telling(app: typer.Typer, console: Console) -> None:
    @app.command()
    def routes(
        check: Annotated[
            bool, typer.Option("--check", help="Only check that every route of both apps is in exactly one group.")
        ] = False,
        as_json: JsonFlag = False,
    ) -> None:
        """Show who serves each route group, since when, its certificate, and the last hour's requests and errors."""
        from changeover.flip_words import Words
        from changeover.flips import open_control
        from changeover.route_status import routes_report
        from changeover.system import load_system

        system = load_system()
        if check:
            _check_coverage(console, system, as_json)
        report = routes_report(open_control(system))
        if as_json:
            print(json.dumps(report.as_json(), indent=2))
        else:
            Words(console, system.config).routes(report)

    @app.command()
    def history(
        last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many changes.")] = 20,
        as_json: JsonFlag = False,
    ) -> None:
        """Show the last changes of who serves what: when, by whom, why, and how they were proven."""
        from changeover.flip_words import Words
        from changeover.flips import flips_of
        from changeover.system import load_system

        flips = flips_of(load_system())
        records = [record for record in flips.audit.records() if record["event"] != "wanted"][-last:]
        if as_json:
            print(json.dumps({"changes": records}, indent=2))
            return
        words = Words(console, flips.config)
        for record in records:
            words.record(record)
        if not records:
            console.print("Nothing was ever changed.", style="dim")

    @app.command("verify-audit")
    def verify_audit(as_json: JsonFlag = False) -> None:
        """Check that no line of the history was edited or removed, and that the table is the one it tells of."""
        from changeover.flips import audit_problems, flips_of
        from changeover.system import load_system

        flips = flips_of(load_system())
        records, problems = flips.audit.records(), audit_problems(flips)
        if as_json:
            print(json.dumps({"intact": not problems, "lines": len(records), "problems": problems}, indent=2))
        elif problems:
            for problem in problems:
                console.print(problem, style="red")
        else:
            console.print(f"{len(records)} lines, none edited, none missing.", style="green")
        raise typer.Exit(FAILED if problems else 0)


def _check_coverage(console: Console, system: Any, as_json: bool) -> NoReturn:
    from changeover.coverage import uncovered
    from changeover.project import load_project

    problems = uncovered(system, load_project(system.root))
    if as_json:
        print(json.dumps({"covered": not problems, "problems": problems}, indent=2))
    for problem in problems if not as_json else ():
        console.print(problem, style="red")
    raise typer.Exit(FAILED if problems else 0)


def _quiet(console: Console, as_json: bool) -> Callable[[str], None]:
    return (lambda _line: None) if as_json else console.print


def _say(console: Console, control: Any, outcome: Any, as_json: bool) -> None:
    """Print what came of it and end: 1 where it was taken back."""
    from changeover.flip_words import Words

    if as_json:
        facts = {"outcome": outcome.word, "generation": outcome.generation, "proof": asdict(outcome.proof)}
        print(json.dumps(facts | {"changes": [change.as_json() for change in outcome.changes]}, indent=2))
    else:
        Words(console, control.system.config).outcome(outcome)
    raise typer.Exit(FAILED if outcome.word == "reverted" else 0)
