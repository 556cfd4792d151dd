"""Another release of the newer stack, to hold the present one against: its files as git has them, in a folder of the run.

They are unpacked, not checked out as a worktree: nothing is written to the repository, and they go with the run's folder.
"""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from changeover.problems import Problem
from changeover.project import Project
from parity.config import CONFIG_FILE, Release, Stack, load_config
from parity.values import ParityError

__all__ = ["PREVIOUS", "last_release", "previous_release"]

# The name of that stack in reports and certificates.
PREVIOUS = "previous"
_TAGS = "v*"
# No recording's folder can be called so: a recording is named by what stands before its first dot.
_FOLDER = ".previous"


def last_release(root: Path) -> str:
    """Return the last tag `v*` that the present revision comes from, "" where there is none, or no git."""
    try:
        found = _git(root, "describe", "--tags", "--abbrev=0", f"--match={_TAGS}")
    except FileNotFoundError:
        return ""
    return "" if found.returncode else found.stdout.decode().strip()


def previous_release(project: Project, stack: Stack, revision: str, folder: Path) -> Release:
    """Return a stack as it was in a revision, its files below `folder`. Raise Problem where it is not in there.

    Of the present settings it gets the variables; how it is started is its own business.
    """
    if project.config.parity.reach != "process":
        raise Problem(
            f'--against {revision}: another release runs as a process of its own; set parity.reach to "process".'
        )
    if PREVIOUS in {one.name for one in project.config.stacks}:
        raise Problem(f'--against {revision}: a stack of {CONFIG_FILE} is called "{PREVIOUS}" already; rename it.')
    root = folder / _FOLDER
    _unpack(project.root, revision, root)
    try:
        before = load_config(root)
        then = before.stack(stack.name)
    except ParityError as error:
        raise Problem(f"--against {revision}: {error}") from None
    env = {**before.parity.env, **project.config.parity.env, **stack.env}
    return Release(**{**then.model_dump(), "name": PREVIOUS, "env": env, "root": root})


def _unpack(project: Path, revision: str, root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    try:
        # The project may lie in a folder of the repository: only that is packed.
        packed = _git(project, "archive", "--format=tar", "--end-of-options", f"{revision}^{{tree}}")
    except FileNotFoundError:
        raise Problem(f"--against {revision}: git is not installed; install it, or leave out --against.") from None
    if packed.returncode:
        said = packed.stderr.decode(errors="replace").strip().splitlines() or ["git said nothing"]
        raise Problem(f'--against "{revision}": is no revision of the repository of {project}: {said[-1]}.')
    # An empty one is read by those only who are told that it is a tar file.
    with tarfile.open(fileobj=io.BytesIO(packed.stdout), mode="r:") as files:
        files.extractall(root, filter="data")
    settings = project / ".env"
    if settings.exists():
        # What the present release is told by it, this one is told as well.
        (root / settings.name).unlink(missing_ok=True)
        (root / settings.name).symlink_to(settings)


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)  # noqa: S603, S607
