"""`changeover parity explore`: explores, says how far it is, writes the reports and the recording of what was found."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uvloop
from rich.console import Console

from changeover.parity_run import progress_on
from changeover.problems import FAILED, Problem
from changeover.project import Project
from changeover.run_folders import with_logs
from parity.explore import Exploration, Options, explore, write_found
from parity.report import print_report, write_reports
from parity.values import ParityError

__all__ = ["Wanted", "exit_code", "run_exploration"]

_EXAMPLES = 1_000


@dataclass(frozen=True)
class Wanted:
    """What the command line asked for. Without `examples` and `seconds` there are 1,000 requests."""

    document: str = ""
    groups: tuple[str, ...] = ()
    phase: int | None = None
    examples: int | None = None
    seconds: float | None = None
    seed: int = 0
    report: Path | None = None
    shrink: int = 10


def run_exploration(project: Project, wanted: Wanted, console: Console, *, quiet: bool) -> Exploration:
    """Return what came of it; reports and recording are written. Raise Problem."""
    groups = project.groups(list(wanted.groups), wanted.phase)
    folder = wanted.report or project.runs / "report"
    found = project.kept / f"explored-{wanted.seed}.jsonl.gz"
    project.runs.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="explore-", dir=project.runs))
    options = Options(
        folder=work,
        seed=wanted.seed,
        examples=wanted.examples or (None if wanted.seconds else _EXAMPLES),
        seconds=wanted.seconds,
        document=wanted.document,
        groups=groups,
        recordings=_past(project),
        shrink=wanted.shrink,
    )
    try:
        with (
            progress_on(console, quiet=quiet) as progress,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            done = runner.run(explore(project.config, options, book=project.book, progress=progress))
        write_found(done, found)
    except ParityError as error:
        said = with_logs(error, work)
        if said == str(error):
            shutil.rmtree(work, ignore_errors=True)
        raise Problem(said) from None
    # The reports read the journals, line by line.
    write_reports(done.report, folder)
    shutil.rmtree(work, ignore_errors=True)
    if not quiet:
        _say(done, folder, found, console)
    return done


def exit_code(done: Exploration) -> int:
    return FAILED if done.judged.reasons else 0


def _past(project: Project) -> list[Path]:
    """Return the project's recordings to start from; a pair without any is explored from its document alone."""
    patterns = project.config.parity.recordings
    return sorted({path for pattern in patterns for path in project.root.glob(pattern)})


def _say(done: Exploration, folder: Path, found: Path, console: Console) -> None:
    print_report(done.report, console)
    rate = done.requests / done.played_s if done.played_s else 0.0
    times = "once" if done.chapters == 1 else f"{done.chapters} times"
    console.print(
        f"\n{done.requests:,} requests to both stacks, {rate:.0f} a second, started {times} from fresh clones"
    )
    console.print(f"Reports in {folder}: index.html, report.json, junit.xml, summary.md")
    if done.found:
        console.print(f"What was found is a recording: changeover parity run {found}")
