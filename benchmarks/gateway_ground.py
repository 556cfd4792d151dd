"""A gateway with this project's route groups in front of two stacks that cost next to nothing, for the benchmarks."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.gateway.edge import PAIR, Edge, make_project
from tests.gateway.fast_stacks import FastStacks

__all__ = ["ground", "processor_us", "workers"]

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def ground() -> Iterator[tuple[Path, FastStacks, Edge]]:
    """Yield a folder, the stacks and the gateway. The pair is the tests' own, so it outlives either of ours."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        # nginx leaves root behind, and must still reach its files.
        folder.chmod(0o755)
        project = make_project(folder / "project", PAIR, (ROOT / "contract/routes.toml").read_text())
        with FastStacks(folder / "stacks") as stacks, Edge(project, folder / "var", stacks.ports) as edge:
            yield folder, stacks, edge


def workers(master: int) -> list[int]:
    """Return the children of a process."""
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def processor_us(pids: list[int]) -> float:
    """Return the microseconds of processor time that the processes have used so far, their own and the kernel's."""
    return sum(ticks(pid) for pid in pids) * 1e6 / os.sysconf("SC_CLK_TCK")


def ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
