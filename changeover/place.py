"""Where one copy of the system keeps what it runs by: folders, control socket and lock below its VAR_DIR."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Place"]

# The shortest limit of a unix socket's path is 104 bytes (macOS), less what supervisord appends while it binds.
_SOCKET_PATH_BYTES = 90


@dataclass(frozen=True)
class Place:
    """Where one copy keeps its files: everything below its VAR_DIR."""

    var_dir: Path

    @property
    def config(self) -> Path:
        return self.var_dir / "supervisord.conf"

    @property
    def fingerprint(self) -> Path:
        return self.var_dir / "run" / "fingerprint"

    def record(self, name: str) -> Path:
        return self.var_dir / "run" / f"{name}.started"

    def records(self) -> list[Path]:
        return sorted((self.var_dir / "run").glob("*.started"))

    def log(self, name: str) -> Path:
        return self.var_dir / "log" / f"{name}.log"

    def logs(self) -> dict[str, list[Path]]:
        """Return each group's log, and those it keeps in a folder of its own, such as nginx's error.log."""
        logs = sorted((self.var_dir / "log").glob("*.log"))
        return {log.stem: [log, *sorted((self.var_dir / log.stem / "log").glob("*.log"))] for log in logs}

    @property
    def socket(self) -> Path:
        """The control socket: in VAR_DIR, or where `make_ready` recorded one because that path is too long."""
        recorded = self._socket_record
        return Path(recorded.read_text()) if recorded.exists() else self.var_dir / "run" / "supervisor.sock"

    @property
    def _socket_record(self) -> Path:
        return self.var_dir / "run" / "socket-path"

    def make_ready(self) -> None:
        """Make the folders, and a private one with a short name when the socket's path would be too long."""
        for folder in ("run", "log"):
            (self.var_dir / folder).mkdir(parents=True, exist_ok=True)
        if self._socket_record.exists() and not self.socket.parent.is_dir():
            self._socket_record.unlink()
        if len(os.fsencode(self.socket)) > _SOCKET_PATH_BYTES:
            private = tempfile.mkdtemp(prefix="changeover-", dir="/tmp")
            self._socket_record.write_text(f"{private}/supervisor.sock")

    def forget_socket(self) -> None:
        """Remove the private folder of a short socket path, if there is one."""
        if self._socket_record.exists():
            with contextlib.suppress(OSError):
                self.socket.parent.rmdir()
            self._socket_record.unlink()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Let one `up` or `down` of this copy work at a time; the others wait."""
        self.make_ready()
        with (self.var_dir / "run" / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
