"""A stack as a process of its own: started on a free port, waited for, ended together with all that it started.

In its process group lives a keeper, which ends the group as soon as the runner is gone, however the runner went.
"""

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from parity.config import Stack
from parity.environment import with_own
from parity.placeholders import fill
from parity.reach.client import Client, Limits
from parity.reach.wire import Origin
from parity.values import Answer, ParityError, Request

__all__ = ["ProcessGroup", "ProcessStack", "start_process"]

_HOST = "127.0.0.1"
_POLL_S = 0.02
_STOP_S = 5.0
_PORT_TAKEN = re.compile(r"address (?:is )?already in use|address in use|EADDRINUSE|errno (?:98|48)\b", re.IGNORECASE)
_EXCEPTION = re.compile(r"[\w.]*(?:Error|Exception)\b.*")
# What a server or an app calls an error itself, besides the port that is taken.
_SAID = re.compile(r"\b(?:ERROR|CRITICAL|FATAL|[Ee]rror:|[\w.]*(?:Error|Exception):)")
# Reads from a pipe whose other end only the runner holds; at its end it kills its own group, itself included.
_KEEPER = ("/bin/sh", "-c", "trap '' TERM INT HUP; read -r _; kill -KILL 0")


class ProcessStack:
    """A running stack; `log` is where its output goes."""

    def __init__(self, name: str, group: "ProcessGroup", client: Client, log: Path) -> None:
        self.name = name
        self.address = client.address
        self.log = log
        self._group = group
        self._client = client

    async def send(self, request: Request) -> Answer:
        return await self._client.send(request)

    async def stop(self) -> None:
        """End the stack, kindly first; what it started goes with it."""
        self._client.close()
        await self._group.stop()


async def start_process(
    stack: Stack, env: Mapping[str, str], folder: Path, start_s: float, *, root: Path, limits: Limits
) -> ProcessStack:
    """Return the stack once it answers `live` below 500. Raise ParityError with what its log says where it does not.

    It starts in `root`; `env` is added to the runner's environment, and programs of this Python come first on PATH."""
    if not stack.start:
        raise ParityError(f'Stack "{stack.name}" has no start command; add `start` to [stacks.{stack.name}].')
    log = folder / f"{stack.name}.log"
    fault = ""
    # Holding the port keeps others off it, but to a server without SO_REUSEADDR it then looks taken.
    for hold in (True, False):
        with _free_port(hold=hold) as port:
            origin = Origin(_HOST, port, base=stack.prefix)
            group = ProcessGroup(_command(stack, port), with_own(env), root, log)
            try:
                fault = await _until_live(stack, group, origin, start_s)
            except BaseException:
                await group.stop()
                raise
        if not fault:
            return ProcessStack(stack.name, group, Client(origin, limits), log)
        await group.stop()
        if not _PORT_TAKEN.search(log.read_text(encoding="utf-8", errors="replace")):
            break
    raise ParityError(f'Stack "{stack.name}" {fault}; {_last_words(log)}{_remedy(stack, fault, log)}')


def _command(stack: Stack, port: int) -> list[str]:
    facts = {
        "host": _HOST,
        "port": str(port),
        "keep_alive_s": str(stack.keep_alive_s),
        "app": stack.app,
        # Requests of a recording share the memory of one process, on both sides.
        "workers": "1",
    }
    return [fill(word, facts) for word in stack.start]


@contextmanager
def _free_port(*, hold: bool) -> Iterator[int]:
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((_HOST, 0))
        port: int = held.getsockname()[1]
        if not hold:
            held.close()
        yield port


async def _until_live(stack: Stack, group: "ProcessGroup", origin: Origin, start_s: float) -> str:
    """Return "" once the stack answers, else what is wrong with it."""
    probe, heard = Client(origin, Limits(answer_s=2.0, connect_s=2.0)), ""
    ends = time.monotonic() + start_s
    try:
        while time.monotonic() < ends:
            answer = await probe.send(Request("GET", stack.live))
            if 0 < answer.status < 500:
                return ""
            if group.exit_code is not None:
                return f"ended at once, with exit code {group.exit_code}"
            heard = f"answered {answer.status}" if answer.status else heard
            await asyncio.sleep(_POLL_S)
    finally:
        probe.close()
    asked = f"GET {origin.base}{stack.live}"
    return f"did not answer {asked} below 500 within {start_s:g} s" + (f" (it {heard})" if heard else "")


def _last_words(log: Path) -> str:
    """Return what a log says of a failure, with the log's name.

    That is the port that is taken, else the last exception, else the last line that looks like an error, else the last line.
    """
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    if not lines:
        return f"it wrote nothing to {log}"
    taken = [line for line in lines if _PORT_TAKEN.search(line)]
    exceptions = [line for line in lines if _EXCEPTION.fullmatch(line)]
    said = [line for line in lines if _SAID.search(line)]
    return f"{log} says: {(taken or exceptions or said or lines)[-1][:500]}"


def _remedy(stack: Stack, fault: str, log: Path) -> str:
    """Return what to do where the stack listens elsewhere than it is asked, or cannot, "" for all else."""
    elsewhere = fault.startswith("did not answer") and not any("{port}" in word for word in stack.start)
    if not elsewhere and not _PORT_TAKEN.search(log.read_text(encoding="utf-8", errors="replace")):
        return ""
    return "; use {port} in start, which is a free one"


class ProcessGroup:
    """A command and all that it starts, in a process group that does not outlive this process."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], root: Path, log: Path) -> None:
        self._keeper = subprocess.Popen(  # noqa: S603
            _KEEPER, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0
        )
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(  # noqa: S603
                    command,
                    cwd=root,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    process_group=self._keeper.pid,
                )
        except OSError as error:
            self._kill()
            raise ParityError(f'"{command[0]}" cannot be started: {error.strerror}; correct `start`.') from None

    @property
    def exit_code(self) -> int | None:
        """How the command itself ended; None while it runs."""
        return self._process.poll()

    async def stop(self) -> None:
        """Ask all of the group to end, wait for the command at most 5 s, then end what is left."""
        ends = time.monotonic() + _STOP_S
        try:
            if self.exit_code is None:
                os.killpg(self._keeper.pid, signal.SIGTERM)
            while self.exit_code is None and time.monotonic() < ends:  # noqa: ASYNC110
                await asyncio.sleep(_POLL_S)
        finally:
            self._kill()
            self._process.wait()

    def _kill(self) -> None:
        # The keeper is in the group and not reaped yet, so the number is still this group's own.
        if self._keeper.returncode is None:
            os.killpg(self._keeper.pid, signal.SIGKILL)
            self._keeper.communicate()
