"""`changeover retire`: the end of the plan. Finds what is left of the old stack, and takes it out of the project.

Each part is looked for by itself, and the settings are rewritten before the folders go: what a killed run left, the next
one takes.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from changeover.containers import COMMITTED, as_services, write_committed
from changeover.phase_flows import FLOWS_FILE, Retired, load_flows
from changeover.problems import FAILED, Problem
from changeover.retire_edits import compose_without, settings_without
from changeover.retire_gates import Blocks, OpenGroups, blocks_of, open_groups
from changeover.system import System
from gateway.config import CONFIG_FILE, load
from gateway.flips import Flips, who
from gateway.render import CONF, nginx_conf
from gateway.tables import load_toml

__all__ = ["Part", "Retirement", "retirement_of"]

COMPOSE = "docker-compose.yml"
LOCK = "requirements.lock"
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """One thing that goes: where, what, and how. `take` is None for what `make` does later."""

    place: str
    said: str
    take: Callable[[], object] | None


@dataclass(frozen=True)
class Retirement:
    """What would go, and what stands in its way. `stack` is "" once the settings do not name it any more."""

    system: System
    stack: str
    parts: tuple[Part, ...]
    blocks: Blocks

    def refusal(self, override: str) -> str:
        """Return why it cannot be done, "" where it can. A reason overrides the gates, never what work would be lost by."""
        kinds = [*self.blocks.firm, *(() if override else self.blocks.gates)]
        if not kinds:
            return ""
        more = f" (and {len(kinds) - 1} more)" if len(kinds) > 1 else ""
        return f"{self.stack or 'The old stack'} stays: {kinds[0]}{more}"

    def carry_out(self, override: str, say: Callable[[str], None]) -> None:
        """Take every part out, the folders last. Raise Problem where that is refused; then nothing was changed."""
        if refusal := self.refusal(override):
            raise Problem(refusal, FAILED)
        if self.stack:
            overridden = list(self.blocks.gates)
            facts = {"stack": self.stack, "by": who(), "reason": override, "overridden": overridden}
            Flips.of(self.system.config, self.system.place.var_dir).audit.append("retire", facts)
        for part in self.parts:
            if part.take:
                part.take()
                say(f"{part.place}: {part.said}")


def retirement_of(system: System, *, groups_open: OpenGroups = open_groups) -> Retirement:
    """Return what is left of the stack that `[retired]` of flows.toml is about. Raise Problem where it cannot be told."""
    wanted = load_flows(system.root / _flows_file(system)).retired
    if wanted is None:
        raise Problem(f"{FLOWS_FILE} has no [retired]; name the folders and modules of the stack that is to go.")
    if unfit := [name for name in wanted.folders if not re.fullmatch(r"\w[\w.-]*", name)]:
        raise Problem(f'{FLOWS_FILE}: retired.folders: "{unfit[0]}" is no folder of the project; name one beside it.')
    stanzas = load_toml(system.root / CONFIG_FILE, CONFIG_FILE).data["stacks"]
    stack = next((name for name, stanza in stanzas.items() if stanza.get("folder") in wanted.folders), "")
    parts = tuple(_parts(system, wanted, stack, _heir(system, stanzas, stack)))
    touched = [part.place for part in parts if part.take]
    return Retirement(system, stack, parts, blocks_of(system, stack, touched, groups_open) if parts else Blocks())


def _flows_file(system: System) -> Path:
    routes = load_toml(system.root / CONFIG_FILE, CONFIG_FILE).data["gateway"]["routes"]
    return Path(routes).with_name(FLOWS_FILE)


def _heir(system: System, stanzas: Sequence[str], stack: str) -> str:
    """Return the stack that stays. Raise Problem where there is none."""
    there = [one.name for one in system.config.stacks if one.name != stack]
    if not there:
        others = ", ".join(name for name in stanzas if name != stack) or "none"
        raise Problem(f"Nothing would be left to answer without {stack}: other stacks of {CONFIG_FILE}: {others}.")
    return there[0]


def _parts(system: System, wanted: Retired, stack: str, heir: str) -> Iterator[Part]:
    """Yield what is left, in the order in which it has to go."""
    root = system.root
    if stack:
        yield from _compose(root, stack)
        edited = settings_without((root / CONFIG_FILE).read_text(encoding="utf-8"), stack, heir)
        prefix = system.config.stack(heir).prefix
        said = f"[stacks.{stack}] goes; {heir} serves its addresses as well as {prefix}"
        yield Part(CONFIG_FILE, said, lambda: _write(root / CONFIG_FILE, edited))
    yield from _rendered(root, pending=bool(stack))
    for name in wanted.folders:
        if (root / name).is_dir():
            packages = _packages(root, name)
            yield Part(f"{name}/", f"{_files(root / name)} files go", partial(shutil.rmtree, root / name))
            if packages:
                yield Part(".venv", f"{', '.join(packages)} go with the next `make`", None)


def _compose(root: Path, stack: str) -> Iterator[Part]:
    file = root / COMPOSE
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    after = compose_without(before, stack)
    if before != after:
        yield Part(COMPOSE, f"the service {stack} goes, and who waits for it", lambda: _write(file, after))


def _rendered(root: Path, *, pending: bool) -> Iterator[Part]:
    """Yield the gateway's committed files where they will not be current, or are not."""

    def own() -> str:
        return nginx_conf(load(root, {}, complete=True))

    if pending or (root / CONF).read_text(encoding="utf-8") != own():
        yield Part(CONF, "is rendered for one stack", lambda: _write(root / CONF, own()))
    contained = root / COMMITTED
    if pending or contained.read_text(encoding="utf-8") != nginx_conf(as_services(root, complete=True)):
        yield Part(str(COMMITTED), "is rendered for one stack", lambda: write_committed(root))


def _files(folder: Path) -> int:
    return sum(path.is_file() and "__pycache__" not in path.parts for path in folder.rglob("*"))


def _packages(root: Path, folder: str) -> list[str]:
    """Return the packages that only the folder's own lock file names."""
    others = [path for path in (root / LOCK, *root.glob(f"*/{LOCK}")) if path.parent != root / folder]
    return sorted(_locked(root / folder / LOCK) - set().union(*map(_locked, others)))


def _locked(lock: Path) -> set[str]:
    return set(_LOCKED.findall(lock.read_text(encoding="utf-8"))) if lock.is_file() else set()


def _write(path: Path, text: str) -> None:
    """Replace a file in one step, so that a kill leaves the old text or the new one."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(path.stat().st_mode)
    draft.replace(path)
