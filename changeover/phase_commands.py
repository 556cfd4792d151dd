"""The commands of the plan's phases: `changeover phase ...`. They read arguments and print."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from changeover.parity_commands import ProjectOption
from changeover.problems import FAILED

__all__ = ["make_app"]

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
_STYLES = {"valid": "green", "none": "yellow", "failed": "red", "stale": "yellow"}


def make_app(console: Console) -> typer.Typer:
    """Return the sub-commands of `changeover phase`."""
    app = typer.Typer(help="See where the phases of the plan stand.", rich_markup_mode=None)

    @app.callback()
    def phase() -> None:
        pass

    @app.command("list")
    def phase_list(project: ProjectOption = None, as_json: JsonFlag = False) -> None:
        """Show the phases, what each has to reach, and whether its route groups hold a valid certificate."""
        from changeover.phases import list_phases
        from changeover.project import load_project

        listed = list_phases(load_project(project))
        if as_json:
            print(json.dumps({"phases": [each.as_json() for each in listed]}, indent=2))
            return
        for each in listed:
            checks = ", ".join(each.phase.checks or ("parity",))
            console.print(f"{each.phase.id}  {each.phase.title}", style="bold")
            console.print(f"   success  {each.phase.success} ({checks})")
            for group, state in each.groups.items():
                console.print(f"   {group:20} {state}", style=_STYLES[state.word])

    @app.command("verify")
    def phase_verify(
        number: Annotated[int, typer.Argument(help="The phase's number.", metavar="N")],
        fresh: Annotated[
            bool, typer.Option("--fresh", help="Replay the recordings even if all certificates are valid.")
        ] = False,
        project: ProjectOption = None,
        as_json: JsonFlag = False,
    ) -> None:
        """Run the checks of a phase's success and say what is missing. Exit 1 when something is."""
        from changeover.phases import Verification
        from changeover.project import load_project

        verification = Verification.of(load_project(project), number, fresh=fresh)
        phase = verification.phase
        if not as_json:
            console.print(f"Phase {phase.id}, {phase.title}: {phase.success}", style="bold")
        outcomes = []
        for each in verification.run(lambda text: None if as_json else console.print(f"...      {text}", style="dim")):
            outcomes.append(each)
            if not as_json:
                said = each.said if each.done else f"{each.said.rstrip('.')}. {each.remedy}".rstrip()
                word, style = ("done", "green") if each.done else ("missing", "red")
                console.print(f"{word:8} {each.check}: {said} ({each.took_s:g} s)", style=style)
        done = all(each.done for each in outcomes)
        if as_json:
            facts = {"phase": phase.id, "title": phase.title, "success": phase.success, "done": done}
            print(json.dumps(facts | {"checks": [asdict(each) for each in outcomes]}, indent=2))
        raise typer.Exit(0 if done else FAILED)

    return app
