"""What stands in the way of retiring a stack: gates that a reason overrides, and what work or requests would be lost by."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from changeover.backup import shelf_of
from changeover.backup_sidecar import BEFORE_RESTORE
from changeover.health import is_alive
from changeover.status import scheduler_of
from changeover.supervision import Supervisor
from changeover.system import System
from gateway.flips import Flips

__all__ = ["Blocks", "OpenGroups", "blocks_of", "open_groups"]

# Names the route groups that the stack which is to go still answers, with what is known of each.
OpenGroups = Callable[[System], list[str]]
_SHOWN = 4


@dataclass(frozen=True)
class Blocks:
    """Sentences with their remedies. `gates` can be overridden by a reason, `firm` ones cannot."""

    firm: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()


def blocks_of(system: System, stack: str, places: Sequence[str], groups_open: OpenGroups) -> Blocks:
    """Return what stands in the way of `stack`; once the settings do not name it, nothing but work that would be lost."""
    return Blocks((*_running(system, stack), *_uncommitted(system.root, places)), _gates(system, stack, groups_open))


def open_groups(system: System) -> list[str]:
    """Return `group (25 %)` for each route group that the ownership table does not give to the candidate wholly."""
    ownership = Flips.of(system.config, system.place.var_dir).standing().ownership
    shares = {group.id: ownership.share(group.id) for group in system.config.routes.groups}
    return [f"{group} ({share} %)" for group, share in shares.items() if share < 100]


def _gates(system: System, stack: str, groups_open: OpenGroups) -> tuple[str, ...]:
    if stack not in {one.name for one in system.config.stacks}:
        # Nobody is served by what is not there.
        return ()
    found = []
    if left := groups_open(system):
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        found.append(
            f"{stack} still answers {len(left)} of {len(system.config.routes.groups)} route groups, by the share that "
            f"moved: {', '.join(left[:_SHOWN])}{more}; flip them to 100 % first."
        )
    found += _scheduler(system, stack)
    last = max((phase.id for phase in system.config.routes.phases), default=0)
    backups, _ = shelf_of(system).listed()
    if last and not any(each.label.phase == last and each.label.name != BEFORE_RESTORE for each in backups):
        found.append(
            f"there is no backup for phase {last} in {system.place.var_dir}; type: changeover backup --phase {last}"
        )
    return tuple(found)


def _scheduler(system: System, stack: str) -> Iterator[str]:
    """Yield that the stack runs the scheduler; a database that cannot be read has no say."""
    found = scheduler_of(system.settings.database_url)
    if found is None or stack not in (found.desired_stack, found.owner_stack):
        return
    heir = next((one.name for one in system.config.stacks if one.name != stack), "none")
    yield f"{stack} is to run the scheduler; `make up`, then type: changeover scheduler handover --to {heir}"


def _running(system: System, stack: str) -> Iterator[str]:
    if Supervisor(system.place).is_running():
        yield f"the copy in VAR_DIR={system.place.var_dir} is running; type `make down` first."
        return
    for one in system.config.stacks:
        if one.name == stack and is_alive(f"{one.url}{one.live}"):
            yield f"{stack} answers at {one.url}; stop it first."


def _uncommitted(root: Path, places: Sequence[str]) -> Iterator[str]:
    """Yield what `git checkout` would not bring back. Folders that were removed by hand are no changes to be lost."""
    command = ["git", "status", "--porcelain", "--untracked-files=all", "--", *places]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        yield "git is not installed, and nothing else would bring the files back; install it."
        return
    if done.returncode:
        yield f"{root} is in no git repository, and nothing else would bring the files back; commit it first."
        return
    changed = [line[3:] for line in done.stdout.splitlines() if line[:2] not in {" D", "D "}]
    if changed:
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        yield f"changes are not committed, and git would not bring them back: {', '.join(changed[:_SHOWN])}{more}; commit them."
