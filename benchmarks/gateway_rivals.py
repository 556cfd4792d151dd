"""What the gateway is measured against: nginx that only passes on, and HAProxy that decides and logs what it can alike."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.answers import block
from gateway.config import Config
from gateway.maps import prefix_pattern
from gateway.nginx import find_nginx
from tests.gateway.edge import free_port, wait_for

__all__ = ["Rival", "bare_nginx", "haproxy"]

# The port, and the process whose workers do the work (or which does it itself).
Rival = tuple[int, int]
LOG = (
    '\'{"t":%Ts.%ms,"rid":"%[var(txn.rid)]","ip":"%ci","m":"%HM","p":"%HU","g":"%[var(txn.group)]",'
    '"c":"%[var(txn.cohort)]","o":"%[var(txn.owner)]","s":%ST,"rt":%Ta,"uct":%Tc,"uht":%Tr,"bi":%U,"bo":%B}\''
)


@contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator[Rival]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            wait_for(lambda: process.poll() is not None or str(port) in listeners(), f"port {port} is open")
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(10)


def listeners() -> set[str]:
    """Return the ports that somebody listens on."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {str(int(fields[1].rpartition(":")[2], 16)) for fields in lines if fields[3] == "0A"}


@contextmanager
def bare_nginx(folder: Path, backend: int) -> Iterator[Rival]:
    """Yield an nginx that does nothing but pass on."""
    folder.mkdir()
    port = free_port()
    conf = [
        "daemon off;",
        "worker_processes 2;",
        "pid pid;",
        "events { worker_connections 2048; }",
        *block(
            "http",
            "access_log off;",
            "keepalive_requests 100000;",
            f"upstream stack {{ server 127.0.0.1:{backend}; keepalive 32; }}",
            *block(
                "server",
                f"listen 127.0.0.1:{port};",
                "proxy_http_version 1.1;",
                'proxy_set_header Connection "";',
                "location / { proxy_pass http://stack; }",
            ),
        ),
    ]
    (folder / "nginx.conf").write_text("\n".join(conf))
    command = [find_nginx(os.environ), "-p", f"{folder}/", "-c", "nginx.conf", "-e", "error.log"]
    with running(command, port, folder / "said") as rival:
        yield rival


@contextmanager
def haproxy(folder: Path, config: Config, share: int) -> Iterator[Rival | None]:
    """Yield a HAProxy with the same route groups, prefixes, share of the candidate and nearly the same log line.

    None if it is not installed.
    """
    program = shutil.which("haproxy", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    if program is None:
        yield None
        return
    folder.mkdir()
    port = free_port()
    prefixes = prefix_pattern(config.serves)
    groups = [
        f"^(?:{'|'.join(match.methods).replace('GET', 'GET|HEAD')}):(?:{prefixes}){match.regex}$ {group.id}"
        for group in config.routes.groups
        for match in group.matches
    ]
    (folder / "groups.map").write_text("\n".join(groups) + "\n")
    (folder / "shares.map").write_text("".join(f"{group.id} {share}\n" for group in config.routes.groups))
    (folder / "haproxy.cfg").write_text("\n".join(haproxy_conf(folder, config, port)) + "\n")
    with running([program, "-db", "-f", str(folder / "haproxy.cfg")], port, folder / "said") as rival:
        yield rival


def haproxy_conf(folder: Path, config: Config, port: int) -> list[str]:
    primary, candidate = config.stacks
    stacks = [(stack.name, stack.address) for stack in config.stacks]
    return [
        "global",
        "  nbthread 2",
        "  log stdout format raw daemon",
        "defaults",
        "  mode http",
        "  timeout connect 2s",
        "  timeout client 15s",
        "  timeout server 60s",
        "frontend gateway",
        f"  bind 127.0.0.1:{port}",
        "  log global",
        f"  log-format {LOG}",
        "  http-request set-var(txn.rid) req.hdr(X-Request-Id)",
        "  http-request set-var(txn.rid) uuid if !{ var(txn.rid) -m found }",
        '  http-request set-var-fmt(txn.key) "%[method]:%[path]"',
        f"  http-request set-var(txn.group) var(txn.key),map_reg({folder}/groups.map,unmatched)",
        f"  http-request set-var(txn.share) var(txn.group),map_str_int({folder}/shares.map,0)",
        f"  http-request set-var(txn.cohort) req.cook({config.sticky.cookie}),crc32,mod(100)",
        f"  http-request set-var(txn.owner) str({primary.name})",
        f"  http-request set-var(txn.owner) str({candidate.name}) if {{ var(txn.cohort),sub(txn.share) -m int lt 0 }}",
        f"  http-request set-var(txn.owner) req.hdr(X-Stack) if {{ req.hdr(X-Stack) -m str {primary.name} {candidate.name} }}",
        "  http-request set-header X-Request-Id %[var(txn.rid)]",
        "  http-request set-header X-Forwarded-For %[src]",
        "  http-request set-header X-Forwarded-Proto http",
        rf"  http-request replace-path ^{primary.prefix}/(.*)$ {candidate.prefix}/\1 if {{ var(txn.owner) -m str {candidate.name} }}",
        "  http-response set-header X-Served-By %[var(txn.owner)]",
        "  http-response set-header X-Request-Id %[var(txn.rid)]",
        "  use_backend %[var(txn.owner)]",
        *(
            line
            for name, address in stacks
            for line in (f"backend {name}", "  http-reuse always", f"  server {name} {address}")
        ),
    ]
