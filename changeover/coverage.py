"""Whether every route of both apps is in exactly one route group. Each app is made in a process of its own and asked."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from changeover.problems import Problem
from changeover.project import Project
from changeover.system import System
from gateway.routes import check_coverage

__all__ = ["uncovered"]

# What a framework adds by itself, and pages outside of the contract's operations.
_ASK = """
import importlib, json, sys
module, _, name = sys.argv[1].partition(":")
app = getattr(importlib.import_module(module), name)
app = app if hasattr(app, "url_map") or hasattr(app, "routes") else app()
if hasattr(app, "url_map"):
    found = [(method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods]
else:
    # FastAPI keeps included routers as they are; this says what they come to.
    fastapi = sys.modules.get("fastapi.routing")
    routes = fastapi.iter_route_contexts(app.routes) if fastapi else app.routes
    found = [(method, route.path) for route in routes for method in getattr(route, "methods", None) or ()]
print(json.dumps(found))
"""


def uncovered(system: System, project: Project) -> list[str]:
    """Return one sentence for each route that is in no group or in two, or in a group and not in an app."""
    problems = []
    with tempfile.TemporaryDirectory(prefix="changeover-routes-") as folder:
        url = f"sqlite:///{folder}/app.db"
        environ = {**system.environ, "VAR_DIR": folder, "DATABASE_URL": url, "MODERN_DATABASE_URL": url}
        for command in project.config.parity.prepare:
            _run(system, list(command), environ)
        for stack in system.config.stacks:
            ignored = {page.removeprefix(stack.prefix) for page in stack.pages}
            said = _run(system, [sys.executable, "-c", _ASK, stack.app], environ)
            routes: list[tuple[str, str]] = json.loads(said.splitlines()[-1])
            found = check_coverage(system.config.routes, routes, prefix=stack.prefix, ignore=ignored)
            problems += [f"{stack.name}: {problem}" for problem in found]
    return problems


def _run(system: System, command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return what the command prints. Raise Problem with its last line where it fails."""
    own = {**environ, "PYTHONPATH": str(system.root)}
    done = subprocess.run(command, cwd=system.root, env=own, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Problem(f"The routes cannot be asked for: {command[-1]} ends with {done.returncode}: {last}")
    return done.stdout
