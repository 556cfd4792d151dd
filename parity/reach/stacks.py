"""A stack that answers requests, whichever way it is reached: as a process, in this process, or where it already runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

from parity.config import Stack
from parity.reach.client import Client, Limits
from parity.reach.memory import start_in_memory
from parity.reach.processes import start_process
from parity.reach.wire import Origin
from parity.values import Answer, ParityError, Request

__all__ = ["Reach", "RunningStack", "start_stack"]

Reach = Literal["process", "memory", "url"]


class RunningStack(Protocol):
    """What the replay needs of a stack. Targets of requests are without the stack's prefix."""

    name: str
    # What absolute links to it begin with: `http://127.0.0.1:5001`.
    address: str

    async def send(self, request: Request) -> Answer:
        """Return the answer; one with status 0 and an error where none came."""

    async def stop(self) -> None:
        """End what was started for this stack; a second time does nothing."""


async def start_stack(
    stack: Stack,
    reach: Reach,
    env: Mapping[str, str],
    folder: Path,
    start_s: float,
    *,
    root: Path,
    connections: int = 1,
    answer_s: float = 30.0,
) -> RunningStack:
    """Return the stack, answering. Raise ParityError where it does not start, with the reason.

    `env` is what the stack needs besides the runner's own environment; `folder` holds its log; `root` is the folder of
    the project. At most `connections` requests are in flight at once, each for at most `answer_s`.
    """
    # The server closes an idle connection after `keep_alive_s`; half of it is safely before.
    limits = Limits(connections=connections, answer_s=answer_s, idle_s=stack.keep_alive_s / 2)
    match reach:
        case "process":
            return await start_process(stack, env, folder, start_s, root=root, limits=limits)
        case "memory":
            return await start_in_memory(stack, env, folder, start_s, root=root, limits=limits)
        case "url":
            return _Elsewhere(stack, limits)


class _Elsewhere:
    """A stack that somebody else runs: nothing is started or stopped."""

    def __init__(self, stack: Stack, limits: Limits) -> None:
        if not stack.url:
            raise ParityError(f'Stack "{stack.name}" has no url; add `url` to [stacks.{stack.name}].')
        self.name = stack.name
        self._client = Client(Origin.of(stack.url, stack.prefix), limits)
        self.address = self._client.address

    async def send(self, request: Request) -> Answer:
        return await self._client.send(request)

    async def stop(self) -> None:
        self._client.close()
