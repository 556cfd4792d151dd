"""A server that says exactly the bytes a test wants, and notes the bytes it was sent.

async with scripted(Say(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")) as server: ...
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from anyio.lowlevel import checkpoint

__all__ = ["Say", "Scripted", "ok", "scripted"]


def ok(body: bytes = b"ok", *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Say:
    """One answer. `pieces` go out as segments of their own; then the connection is closed, reset, or kept."""

    pieces: bytes | tuple[bytes, ...] = b""
    close: bool = False
    reset: bool = False
    # Answers as soon as the headers are there; what comes then is read and forgotten.
    early: bool = False


@dataclass
class Scripted:
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    # Set when the connection was given up by the other side.
    gone: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def scripted(*answers: Say | bytes) -> AsyncIterator[Scripted]:
    """Answer the first request with the first answer, and so on; the last one is said again and again."""
    state = Scripted()
    left = [answer if isinstance(answer, Say) else Say(answer) for answer in answers]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        try:
            while True:
                say = left[0]
                state.requests.append(await read_request(reader, headers_only=say.early))
                left[:] = left[1:] or left
                await tell(writer, say)
                if say.close or say.reset:
                    return
                while say.early and await reader.read(65536):
                    pass
        except (asyncio.IncompleteReadError, ConnectionError):
            state.gone.set()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader, *, headers_only: bool) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    return head + (await reader.readexactly(int(length[1])) if length and not headers_only else b"")


async def tell(writer: asyncio.StreamWriter, say: Say) -> None:
    for piece in (say.pieces,) if isinstance(say.pieces, bytes) else say.pieces:
        writer.write(piece)
        await writer.drain()
        # Lets the other side read, so that the next piece comes by itself.
        await checkpoint()
    if say.reset:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
