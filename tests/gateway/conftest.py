"""One gateway in front of two living stacks for most tests; folders that an unprivileged nginx may enter."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import Edge, make_project


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Callable[[str], Path]]:
    """Return a maker of folders that every user may enter; pytest's own are private, and nginx leaves root behind."""
    base = Path(tempfile.mkdtemp(prefix="gateway-tests-"))
    base.chmod(0o755)

    def make(name: str) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
        folder.chmod(0o755)
        return folder

    yield make
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def stacks() -> Iterator[tuple[EchoStack, EchoStack]]:
    with EchoStack("legacy") as legacy, EchoStack("modern") as modern:
        yield legacy, modern


@pytest.fixture(scope="session")
def edge(open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack]) -> Iterator[Edge]:
    folder = open_folder("edge")
    with Edge(make_project(folder / "project"), folder / "var", [stack.port for stack in stacks]) as running:
        yield running
