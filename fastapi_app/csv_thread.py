"""Work on CSV files off the event loop, one file at a time, so that an upload slows nobody else down."""

from collections.abc import Callable
from typing import Annotated, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

__all__ = ["CsvThread", "CsvThreadDep"]

_Args = TypeVarTuple("_Args")
_Result = TypeVar("_Result")


class CsvThread:
    """The CSV work of one application. It has a limiter of its own: the other threads stay free."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(1)

    async def run(self, work: Callable[[*_Args], _Result], *args: *_Args) -> _Result:
        return await to_thread.run_sync(work, *args, limiter=self._limiter)


def _csv_thread(request: Request) -> CsvThread:
    thread: CsvThread = request.app.state.csv_thread
    return thread


CsvThreadDep = Annotated[CsvThread, Depends(_csv_thread)]
