"""Ports and folders for tests that start real processes."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

__all__ = ["environment_of_a_copy", "free_ports", "open_folder"]


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, all different."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that also the user nginx becomes may read; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="ops-")).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def environment_of_a_copy(var_dir: Path, **more: str) -> dict[str, str]:
    """Return an environment in which a copy runs on free ports and shares nothing with others."""
    gateway, legacy, modern = free_ports(3)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    ports = {"GATEWAY_PORT": str(gateway), "LEGACY_PORT": str(legacy), "MODERN_PORT": str(modern)}
    return kept | ports | {"VAR_DIR": str(var_dir), "LOG_LEVEL": "WARNING"} | more
