"""Whether the ports a copy needs can be had, said before anything is started."""

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from changeover.problems import Problem

__all__ = ["PortUse", "check_free"]


@dataclass(frozen=True)
class PortUse:
    """A port that will be listened on, and the variable that moves it."""

    variable: str
    host: str
    port: int


def check_free(uses: Sequence[PortUse]) -> None:
    """Raise Problem, naming port and variable, for the first that is given twice or cannot be listened on."""
    first: dict[int, str] = {}
    for use in uses:
        if use.port in first:
            raise Problem(f"{first[use.port]} and {use.variable} are both {use.port}; give each its own port.")
        first[use.port] = use.variable
    for use in uses:
        _check_one(use)


def _check_one(use: PortUse) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(use.host, use.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror:
        raise Problem(f"BIND_HOST={use.host}: no such host; use 127.0.0.1 or an address of this machine.") from None
    except OSError as error:
        raise Problem(_reason(use, error)) from None


def _reason(use: PortUse, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"{use.variable}={use.port}: port {use.port} is taken by another program; "
                f"stop it, or set {use.variable} to a free port."
            )
        case errno.EACCES:
            return f"{use.variable}={use.port}: this user may not listen there; set {use.variable} to 1024 or above."
        case errno.EADDRNOTAVAIL:
            return f"BIND_HOST={use.host}: not an address of this machine; use 127.0.0.1 or one that is."
    return f"{use.variable}={use.port}: cannot listen on {use.host}: {error.strerror}."
