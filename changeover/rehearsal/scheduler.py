"""The handover of the scheduler: part of the rehearsal from the day on which the command line has it."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from typer.main import get_command

from changeover.rehearsal.scene import Scene, Unexpected

__all__ = ["COMMAND", "hand_over"]

COMMAND = ("scheduler", "handover")
_WITHIN_S = 60


def hand_over(scene: Scene, say: Callable[[str], None]) -> None:
    """Hand the scheduler over to the candidate, or note that there is no command for it yet. Raise Unexpected."""
    if not is_there():
        scene.notes.append("Scheduler handover: not there yet.")
        say(scene.notes[-1])
        return
    command = [sys.executable, "-m", "changeover", *COMMAND, "--to", scene.copy.candidate]
    system = scene.copy.system
    done = subprocess.run(  # noqa: S603 - our own command
        command,
        cwd=system.root,
        env=dict(system.environ),
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        check=False,
    )
    if done.returncode:
        raise Unexpected(f"the scheduler was not handed over: {(done.stderr or done.stdout).strip()}")
    scene.notes.append("The scheduler was handed over.")
    say(scene.notes[-1])


def is_there() -> bool:
    """Whether the command line has the command."""
    from changeover.cli import app

    found: Any = get_command(app)
    for word in COMMAND:
        found = getattr(found, "commands", {}).get(word)
    return found is not None
