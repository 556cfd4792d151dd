"""Passes bytes between the gateway and a stack, one connection for one connection, unread and unchanged.

What one side closes is closed on the other, so each still sees of the other what it would see without a recorder:
a stack that is down, slow or hangs up is the gateway's to judge. Only where it would take the stack's end for the
recorder's, and ask again, it is told. A copy goes to the tap after the bytes are on their way.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from parity.recorder.tap import Tap

__all__ = ["Front"]


class _End(asyncio.Protocol):
    """One end of a pair. Bytes that come in go out at the other end."""

    def __init__(self, listen: Callable[[bytes], None]) -> None:
        self._listen = listen
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)
            self._listen(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class _Back(_End):
    """The stack's end."""

    def __init__(self, front: "Front", listen: Callable[[bytes], None]) -> None:
        super().__init__(listen)
        self._front = front

    def data_received(self, data: bytes) -> None:
        self._front.answered = True
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.stack_hung_up()
        super().connection_lost(exc)


class Front(_End):
    """The gateway's end. What it sends before the stack has accepted waits; it is hung up on when the stack does not.

    A gateway asks again where a connection ends on which it has just asked for the first time, for it believes that
    nobody was there. But the stack was: `hung_up` is what it is sent then (nothing: it is only hung up on). On a
    connection that has answered before it does by itself what it does without a recorder.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tap: Tap,
        connect_s: float,
        gone: Callable[["Front"], None],
        *,
        hung_up: bytes = b"",
    ) -> None:
        super().__init__(tap.sent)
        self.answered = False
        self._asked = False
        self._hung_up = hung_up
        self._address = (host, port)
        self._tap = tap
        self._connect_s = connect_s
        self._gone = gone
        self._early: list[bytes] = []
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        connecting = self._connect(cast("asyncio.Transport", transport))
        self._connecting = asyncio.get_running_loop().create_task(connecting)

    async def _connect(self, transport: asyncio.Transport) -> None:
        back = _Back(self, self._tap.answered)
        try:
            async with asyncio.timeout(self._connect_s):
                there, _ = await asyncio.get_running_loop().create_connection(lambda: back, *self._address)
        except OSError:
            transport.close()
            return
        self.other, back.other = back, self
        for data in self._early:
            super().data_received(data)
        self._early.clear()
        if transport.is_closing():
            there.close()

    def stack_hung_up(self) -> None:
        if self._asked and not self.answered and self.transport is not None:
            self.transport.write(self._hung_up)

    def data_received(self, data: bytes) -> None:
        self._asked = True
        if self.other is None:
            self._early.append(data)
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        super().connection_lost(exc)
        self._tap.closed()
        self._gone(self)
