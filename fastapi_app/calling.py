"""Calls to the outside, which block, off the event loop: in threads of their own, so that slow targets take nobody else's."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

__all__ = ["Calling", "CallingDep"]

_AT_ONCE = 64
_Result = TypeVar("_Result")


class Calling:
    """The outgoing calls of one application; more than 64 at once wait for each other."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(_AT_ONCE)

    async def run(self, call: Callable[[], _Result]) -> _Result:
        return await to_thread.run_sync(call, limiter=self._limiter)


def _calling(request: Request) -> Calling:
    calling: Calling = request.app.state.calling
    return calling


CallingDep = Annotated[Calling, Depends(_calling)]
