"""`changeover parity run`: replays, says how far it is, writes the reports and prints the verdict."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from changeover.imports import as_recording, name_of
from changeover.parity_previous import last_release, previous_release
from changeover.problems import FAILED, Problem
from changeover.project import Project
from changeover.run_folders import run_folder, with_logs
from parity.config import Config, Database, Stack
from parity.journal import Played
from parity.report import print_report, write_reports
from parity.runner import Options, Run, run
from parity.values import ParityError

__all__ = ["Wanted", "exit_code", "progress_on", "run_parity"]


@dataclass(frozen=True)
class Wanted:
    """What the command line asked for. `report` is the folder of the reports, None for the project's own."""

    recordings: list[str]
    groups: list[str]
    phase: int | None = None
    report: Path | None = None
    approve: bool = False
    calibrate: bool = True
    coverage: float | None = None
    shrink: int = 5
    database: str = ""
    resume: bool = False
    in_flight: int = 1
    # A git revision whose newer stack is the other side; "" for the pair, and for one stack its last release.
    against: str = ""


def run_parity(project: Project, wanted: Wanted, console: Console, *, quiet: bool) -> Run:
    """Return the outcome; the reports and certificates are written. Raise Problem."""
    groups = project.groups(wanted.groups, wanted.phase)
    named = project.recordings(wanted.recordings)
    folder = wanted.report or project.runs / "report"

    def say(text: str) -> None:
        if not quiet:
            console.print(text)

    with run_folder(project.runs, resume=wanted.resume, say=say) as work:
        try:
            recordings = [_ready(project, file, work, console, quiet=quiet) for file in named]
            stacks = _sides(project, wanted, work, say)
            # Some recordings of several prove nothing about a route group, nor does one stack about the other.
            proves = not (wanted.approve or wanted.recordings or (stacks and len(project.config.stacks) > 1))
            with progress_on(console, quiet=quiet) as progress:
                options = Options(
                    folder=work,
                    groups=groups,
                    calibrate=wanted.calibrate,
                    approve=wanted.approve,
                    coverage=wanted.coverage,
                    shrink=wanted.shrink,
                    certificates=project.certificates if proves else None,
                    stacks=stacks,
                    resume=wanted.resume,
                    in_flight=wanted.in_flight,
                )
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    config = with_database(project.config, wanted.database)
                    done = runner.run(run(config, recordings, options, book=project.book, progress=progress))
            write_reports(done.report, folder)
        except ParityError as error:
            raise Problem(with_logs(error, work)) from None
        if not quiet:
            print_report(done.report, console)
            console.print(f"\nReports in {folder}: index.html, report.json, junit.xml, summary.md")
    return done


def _sides(project: Project, wanted: Wanted, work: Path, say: Callable[[str], None]) -> tuple[Stack, Stack] | None:
    """Return the newer stack and its other release, None where what the configuration names is to be compared.

    A stack that is alone is held against its last release, if that can be started. Raise Problem for one that was named.
    """
    alone = len(project.config.stacks) == 1 and not wanted.approve
    revision = wanted.against or (last_release(project.root) if alone else "")
    if not revision:
        return None
    newer = project.config.pair[1]
    try:
        sides = newer, previous_release(project, newer, revision, work)
    except Problem as problem:
        if wanted.against:
            raise
        say(f"Approved answers alone are compared with. {problem}")
        return None
    say(f"comparing {newer.name} with that of {revision}")
    return sides


def with_database(config: Config, url: str) -> Config:
    """Return the configuration with the clones at another URL, if there is one."""
    if not url:
        return config
    database = (config.parity.database or Database(url=url)).model_copy(update={"url": url})
    return config.model_copy(update={"parity": config.parity.model_copy(update={"database": database})})


def _ready(project: Project, file: Path, folder: Path, console: Console, *, quiet: bool) -> Path:
    """Return the recording; a file of another kind is imported first, and what was left out is said."""
    before = folder / f"{name_of(file)}.jsonl"
    if before.exists():
        return before
    recording, imported = as_recording(project, file, folder)
    if imported and not quiet:
        left_out = ", ".join(f"{left.count} {left.reason}" for left in imported.left_out) or "nothing"
        console.print(f"imported {len(imported.entries)} requests of {file.name}; left out: {left_out}")
    return recording


class _Bars:
    """A bar for each replay, on a terminal; a line for each elsewhere."""

    def __init__(self, console: Console, bars: Progress | None, *, quiet: bool) -> None:
        self._console = console
        self._bars = bars
        self._quiet = quiet
        self._task: TaskID | None = None
        self._different = 0

    def begin(self, name: str, total: int) -> None:
        self._different = 0
        if self._bars:
            self._task = self._bars.add_task(name, total=total or None, note="")
        elif not self._quiet:
            self._console.print(f"replaying {name}" + (f", {total} exchanges" if total else ""))

    def advance(self, played: Played) -> None:
        self._different += bool(played.differences)
        if self._bars and self._task is not None:
            note = f"{self._different} with differences" if self._different else ""
            self._bars.update(self._task, advance=1, note=note)

    def say(self, text: str) -> None:
        if not self._quiet:
            (self._bars.console if self._bars else self._console).print(text)


@contextmanager
def progress_on(console: Console, *, quiet: bool) -> Iterator[_Bars]:
    if quiet or not sys.stderr.isatty():
        yield _Bars(console, None, quiet=quiet)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bars(console, bars, quiet=quiet)


def exit_code(done: Run) -> int:
    return FAILED if done.judged.reasons else 0
