"""The command `changeover retire`. It reads its arguments and prints."""

from typing import Annotated

import typer
from rich.console import Console

from changeover.problems import FAILED

__all__ = ["add_to"]


def add_to(app: typer.Typer, console: Console) -> None:
    """Add the command to the command line."""

    @app.command()
    def retire(
        yes: Annotated[bool, typer.Option("--yes", help="Do it; without this it is only said what would go.")] = False,
        override: Annotated[
            str, typer.Option(help="Pass the gates for this reason, which is kept.", metavar="REASON")
        ] = "",
    ) -> None:
        """Take the old stack out of the project: folders, settings, service. Exit 1 while something stands in its way."""
        from changeover.retire import retirement_of
        from changeover.system import load_system

        system = load_system()
        found = retirement_of(system)
        if not found.parts:
            console.print("Nothing is left to retire.")
            return
        if not yes:
            for part in found.parts:
                console.print(f"{part.place:20} {part.said}")
            for block in found.blocks.firm:
                console.print(f"refused: {block}", style="red")
            for gate in found.blocks.gates:
                console.print(
                    f"{'overridden' if override else 'refused'}: {gate}", style="yellow" if override else "red"
                )
            console.print("Nothing was changed; with --yes it is.")
            raise typer.Exit(FAILED if found.refusal(override) else 0)
        with system.place.lock():
            # Asked again: somebody may have started the stacks meanwhile.
            retirement_of(system).carry_out(override, console.print)
        console.print("Done. `git status` shows what changed; type `make check`, then `make up`.")
