"""What a check is, and the checks that need no stack of their own: running copy, imports, parity, retirement, tests."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from changeover.health import is_alive, told
from changeover.parity_run import Wanted, run_parity
from changeover.phase_certificates import Certificates
from changeover.phase_flows import FLOWS_FILE, Flows
from changeover.problems import Problem
from changeover.project import Project
from changeover.system import load_system
from gateway.routes import Phase
from gateway.tables import load_toml
from parity.config import CONFIG_FILE, Stack

__all__ = ["Bench", "Found", "Say", "imported", "parity", "respond", "retired", "run_tests"]

Say = Callable[[str], None]
_NO_CODE = frozenset({"__pycache__", "node_modules"})
# Runs in a process of the stack's own: its app first, then what that has imported of the tables.
_TABLES = """
import importlib, json, sys
app, module, path = sys.argv[1:]
importlib.import_module(app)
itself = module in sys.modules
found = importlib.import_module(module)
for name in path.split("."):
    found = getattr(found, name)
print(json.dumps({"itself": itself, "tables": sorted(found)}))
"""


@dataclass(frozen=True)
class Found:
    """What a check found. `remedy` is "" where it is done."""

    done: bool
    said: str
    remedy: str = ""


@dataclass(frozen=True)
class Bench:
    """What a check works with. `folder` is its own, kept only where something is missing; `say` tells what takes long."""

    project: Project
    phase: Phase
    flows: Flows
    folder: Path
    fresh: bool
    say: Say

    def lacking(self, key: str) -> Found:
        """Return what a check finds that needs a table which flows.toml does not have."""
        return Found(False, f"{FLOWS_FILE} has no [{key}]", "Add it, or take the check out of the phase.")

    @property
    def gone(self) -> list[str]:
        """Return the stacks that are declared and not there, each with its folder."""
        there = {stack.name for stack in self.project.config.stacks}
        stacks = load_toml(self.project.root / CONFIG_FILE, CONFIG_FILE).table("stacks")
        return [f"{name} ({stacks.table(name).text('folder', '')})" for name in stacks.data if name not in there]

    def needs_both(self) -> Found | None:
        """Return what is found where a stack is not there any more, None where both are."""
        if not self.gone and len(self.project.config.stacks) > 1:
            return None
        missing = ", ".join(self.gone) or "a second stack"
        return Found(False, f"not there: {missing}", "This is about both stacks; check it before one is retired.")

    @property
    def newer(self) -> Stack:
        """Return the stack that things move to: the one that is not the primary. Raise Problem where it is not there."""
        config = self.project.config
        found = [stack for stack in config.stacks if stack.name != config.parity.primary]
        if not found:
            raise Problem(
                f"{CONFIG_FILE} has no stack besides {config.parity.primary}; add it, or put its folder back."
            )
        return found[-1]


def respond(bench: Bench) -> Found:
    """Ask every stack of the running copy on its own port."""
    if lacking := bench.needs_both():
        return lacking
    own = [probe for probe in load_system(bench.project.root).probes() if probe.via == probe.stack]
    silent = [probe for probe in own if not is_alive(probe.url)]
    if not silent:
        return Found(True, ", ".join(f"{probe.stack} at {probe.url}" for probe in own))
    remedy = "Type `make up`." if len(silent) == len(own) else "`make status` and `make logs` say why."
    return Found(False, "; ".join(told(probe.url) for probe in silent), remedy)


def imported(bench: Bench) -> Found:
    """Import each stack's app in a fresh process and list the tables that it sees."""
    if bench.flows.import_check is None:
        return bench.lacking("import")
    if lacking := bench.needs_both():
        return lacking
    module, _, path = bench.flows.import_check.tables.partition(":")
    seen: dict[str, list[str]] = {}
    for stack in bench.project.config.stacks:
        words = [sys.executable, "-c", _TABLES, stack.app.partition(":")[0], module, path]
        done = subprocess.run(words, cwd=bench.project.root, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            return Found(False, f"{stack.name}: {stack.app} cannot be imported: {said}", "Mend the import.")
        found = json.loads(done.stdout.splitlines()[-1])
        if not found["itself"]:
            return Found(False, f"{stack.name} does not use {module}", f"Let {stack.app} take its tables from there.")
        seen[stack.name] = found["tables"]
    tables = next(iter(seen.values()))
    if not tables or any(other != tables for other in seen.values()):
        counts = ", ".join(f"{name} {len(found)}" for name, found in seen.items())
        return Found(False, f"tables differ or there are none: {counts}", f"Declare every table in {module}.")
    return Found(True, f"{len(tables)} tables of {module} in {' and '.join(seen)}")


def parity(bench: Bench) -> Found:
    """Ask the certificates of the phase's groups; where one is not valid, replay every recording."""
    groups = bench.phase.groups
    if not groups:
        return Found(False, "the phase moves no route group", "Name its route groups, or take the check out.")
    certificates = Certificates(bench.project)
    states = [certificates.state(group) for group in groups]
    if not bench.fresh and all(state.word == "valid" for state in states):
        oldest = min(state.created for state in states)
        return Found(True, f"certified since {oldest}: {', '.join(groups)}")
    recordings = ", ".join(path.name for path in bench.project.recordings([]))
    names = " and ".join(stack.name for stack in bench.project.config.stacks)
    bench.say(f"replaying {recordings} on {names}, about a minute")
    report = bench.project.runs / f"phase-{bench.phase.id}"
    done = run_parity(
        bench.project, Wanted([], [], phase=bench.phase.id, report=report), Console(quiet=True), quiet=True
    )
    reasons = done.judged.reasons
    if reasons:
        more = f" ({len(reasons) - 1} more)" if len(reasons) > 1 else ""
        return Found(False, reasons[0].rstrip(".") + more, f"See {report / 'index.html'}.")
    counts = done.judged.counts
    judged = counts.exchanges - sum(counts.skipped.values())
    return Found(True, f"{judged} exchanges judged, none differs unexplained: {', '.join(groups)}")


def retired(bench: Bench) -> Found:
    """Look for what was to go: folders, and imports of them and of their packages."""
    wanted = bench.flows.retired
    if wanted is None:
        return bench.lacking("retired")
    root = bench.project.root
    there = [f"{name}/" for name in wanted.folders if (root / name).exists()]
    users = [str(path.relative_to(root)) for path in _users(bench.project, wanted.folders, wanted.imports)]
    if not there and not users:
        return Found(True, f"{', '.join(wanted.folders)} are gone, nothing imports {', '.join(wanted.imports)}")
    said = [f"still there: {', '.join(there)}"] if there else []
    if users:
        more = f" and {len(users) - 5} more" if len(users) > 5 else ""
        said.append(f"imported by {', '.join(users[:5])}{more}")
    remedy = f"When traffic is moved: rm -r {' '.join(there)}" if there else "Take the imports out"
    return Found(False, "; ".join(said), f"{remedy}.")


def _users(project: Project, folders: Sequence[str], modules: Sequence[str]) -> Iterator[Path]:
    """Yield the Python files outside `folders` that import one of the modules."""
    listed = "|".join(map(re.escape, modules))
    mentioned = re.compile(rf"^\s*(?:from|import)\s.*\b(?:{listed})\b", re.MULTILINE)
    for place, inner, files in os.walk(project.root):
        folder = Path(place)
        inner[:] = sorted(
            name
            for name in inner
            if not name.startswith(".")
            and name not in _NO_CODE
            and folder / name != project.var_dir
            and (folder != project.root or name not in folders)
        )
        for name in sorted(files):
            if name.endswith(".py"):
                text = (folder / name).read_text(encoding="utf-8", errors="replace")
                if mentioned.search(text) and _imports(text) & set(modules):
                    yield folder / name


def _imports(text: str) -> set[str]:
    """Return the top-level names of all that a module imports; none of one that cannot be read."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return set()
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


def run_tests(bench: Bench) -> Found:
    """Run the tests and return their last line; the whole output is kept in the folder of runs."""
    if bench.flows.tests is None:
        return bench.lacking("tests")
    command, log = " ".join(bench.flows.tests.command), bench.project.runs / "phase-tests.log"
    bench.say(f"running {command}, minutes; its output goes to {log}")
    log.parent.mkdir(parents=True, exist_ok=True)
    # Called from a makefile, this would be told that it runs below one.
    environ = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    with log.open("wb") as output:
        try:
            code = subprocess.run(  # noqa: S603
                bench.flows.tests.command,
                cwd=bench.project.root,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        except OSError as error:
            return Found(False, f"{command} cannot be run: {error.strerror}", "Correct tests.command.")
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    last = lines[-1].strip() if lines else "it said nothing"
    if code:
        return Found(False, f"{command} ended with {code}: {last}", f"See {log}.")
    return Found(True, f"{command}: {last}")
