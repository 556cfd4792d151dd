"""The commands `changeover backup` and `changeover restore`. They read arguments and print."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from changeover.problems import FAILED, Problem

if TYPE_CHECKING:
    from changeover.backup_sidecar import Backup
    from changeover.restore import Restored

__all__ = ["add_to"]

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def add_to(app: typer.Typer, console: Console) -> None:
    """Add both commands to the command line."""

    @app.command()
    def backup(
        phase: Annotated[int | None, typer.Option(help="The phase of the plan that is to begin.", metavar="N")] = None,
        name: Annotated[str, typer.Option(help="A word to find it by.")] = "",
        show: Annotated[bool, typer.Option("--list", help="Make none; show those there are.")] = False,
        as_json: JsonFlag = False,
    ) -> None:
        """Keep a verified copy of the database, also while it is written. Exit 1 when it violates foreign keys."""
        from changeover.backup import in_words, label_of, make_backup, shelf_of
        from changeover.system import load_system

        if show:
            if phase is not None or name:
                raise Problem("--list shows all backups; leave out --phase and --name.")
            shelf = shelf_of(load_system())
            backups, complaints = shelf.listed()
            if as_json:
                listed = [{"file": str(each.file)} | each.as_json() for each in backups]
                print(json.dumps({"folder": str(shelf.folder), "backups": listed, "complaints": complaints}, indent=2))
            else:
                _print_backups(backups, complaints, console)
            return
        system = load_system()
        made = make_backup(system, label_of(system, phase, name))
        if as_json:
            print(json.dumps({"file": str(made.file)} | made.as_json(), indent=2))
            raise typer.Exit(FAILED if made.violations else 0)
        console.print(f"Kept {in_words(made.tables)} of {made.database}, at revision {made.revision}, in")
        console.print(f"  {made.file}")
        if made.violations:
            rows = ", ".join(f"{table} ({count:,} rows)" for table, count in made.violations.items())
            raise Problem(f"The database violates foreign keys, and so does this backup: {rows}.", FAILED)

    @app.command()
    def restore(
        wanted: Annotated[
            str, typer.Argument(help="A backup's name or file, phase-N, or latest.", metavar="[BACKUP]")
        ] = "latest",
        force: Annotated[bool, typer.Option("--force", help="Also if something would be lost.")] = False,
        as_json: JsonFlag = False,
    ) -> None:
        """Put a backup in the place of the database, after keeping the present one. Refused while stacks run."""
        from changeover.restore import restore
        from changeover.system import load_system

        # Before the system is loaded, which works from the project's folder.
        here = Path.cwd()
        done = restore(load_system(), wanted, here, force=force)
        if as_json:
            print(json.dumps(done.as_json(), indent=2))
        else:
            _print_restored(done, console)


def _print_backups(backups: "list[Backup]", complaints: list[str], console: Console) -> None:
    table = Table("backup", "made", "for", Column("rows", justify="right"), "revision", box=None, pad_edge=False)
    for each in backups:
        violated = f", violates foreign keys in {', '.join(each.violations)}" if each.violations else ""
        style = "yellow" if each.violations else None
        facts = (each.when, f"{each.label.text or '-'}{violated}", f"{each.rows:,}", each.revision or "-")
        table.add_row(each.file.stem, *facts, style=style)
    console.print(table if backups else "There are no backups yet; type `changeover backup`.")
    for complaint in complaints:
        console.print(complaint, style="yellow")


def _print_restored(done: "Restored", console: Console) -> None:
    from changeover.backup_contents import Moves

    label = f", {done.backup.label.text}" if done.backup.label.text else ""
    console.print(f"Restored {done.backup.file}, made {done.backup.when}{label}:")
    names = ("rows", "went", "came back") if done.before else ("rows",)
    table = Table("table", *(Column(name, justify="right") for name in names), box=None, pad_edge=False)
    for name, held in done.backup.tables.items():
        moved = done.changes.get(name, Moves(0, 0))
        table.add_row(name, *(f"{count:,}" for count in (held.rows, moved.go, moved.come_back)[: len(names)]))
    console.print(table)
    if done.before:
        console.print(f"What was there before lies in {done.before.file}")
        console.print(f"and comes back with: changeover restore {done.before.file.stem} --force")
    for path in done.aside:
        console.print(f"Moved aside as it was: {path}")
    console.print("Type `make up` to go on.")
