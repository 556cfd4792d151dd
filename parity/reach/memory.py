"""A stack in this process: its app imported and called without a server.

Quick to start and to debug. What a start imported of the app's own package is imported anew by the next one, so that
nothing it kept in its modules is left; but both stacks share whatever else they import. Where that matters, a process of
its own is the right reach.
"""

import importlib
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from parity.config import Stack
from parity.reach.asgi import AsgiStack
from parity.reach.client import Limits
from parity.reach.wsgi import WsgiStack
from parity.values import ParityError

__all__ = ["import_app", "start_in_memory"]

_MARK = "__imported_for_a_replay__"


async def start_in_memory(
    stack: Stack, env: Mapping[str, str], folder: Path, start_s: float, *, root: Path, limits: Limits
) -> WsgiStack | AsgiStack:
    """Return the stack, its lifespan begun. Raise ParityError where it cannot be imported, made or started.

    `env` is in the environment while the app is imported, made and started, not while it answers: start one stack after
    the other. An app that reads the environment later needs a process of its own. `root` comes first on sys.path.
    """
    if stack.interface is None or not stack.app:
        raise ParityError(
            f'Stack "{stack.name}" cannot be reached in memory; add `interface` ("wsgi" or "asgi") and `app` '
            f"(module:attribute) to [stacks.{stack.name}]."
        )
    log = folder / f"{stack.name}.log"
    with _environment(env):
        app = import_app(stack.app, root, asgi=stack.interface == "asgi")
        if stack.interface == "wsgi":
            return WsgiStack(stack.name, app, stack.prefix, log, limits)
        running = AsgiStack(stack.name, app, stack.prefix, log, limits)
        await running.start(start_s)
        return running


def import_app(name: str, root: Path, *, asgi: bool) -> Any:
    """Return the app that `module:attribute` names; a callable that can be called with nothing is a factory and is called.

    A WSGI app takes two arguments and an ASGI app three, so neither is taken for a factory. Raise ParityError.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ParityError(f'"{name}" names no app; write module:attribute, such as shop.main:app.')
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    package = module_name.partition(".")[0]
    _forget(package)
    there = set(sys.modules)
    try:
        found: Any = importlib.import_module(module_name)
        _mark(package, there)
        for part in attribute.split("."):
            found = getattr(found, part)
        app = found() if _is_factory(found) else found
    except (Exception, SystemExit) as error:
        reason = str(error).strip().splitlines()
        said = f"{type(error).__name__}: {reason[0]}" if reason else type(error).__name__
        raise ParityError(f'"{name}" cannot be imported from {root}: {said}') from error
    if not callable(app):
        kind = "an ASGI" if asgi else "a WSGI"
        raise ParityError(f'"{name}" is no app but {type(app).__name__}; name {kind} app or a function that makes one.')
    return app


def _of_package(package: str) -> list[str]:
    return [name for name in sys.modules if name == package or name.startswith(f"{package}.")]


def _mark(package: str, before: set[str]) -> None:
    """Mark the modules that a start imported; those that were there before are somebody else's."""
    for name in set(_of_package(package)) - before:
        vars(sys.modules[name])[_MARK] = True


def _forget(package: str) -> None:
    for name in _of_package(package):
        if vars(sys.modules[name]).get(_MARK):
            del sys.modules[name]


def _is_factory(found: Any) -> bool:
    if not callable(found):
        return False
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError):
        return False
    return True


@contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
