"""A stack that costs next to nothing: one small JSON document for each number, so that what is measured is who asks.

Run: python -m benchmarks.tiny_stack PORT
"""

import asyncio
import random
import sys
import uuid

import httptools
import orjson
import uvloop

__all__ = ["DOCUMENTS"]


def _documents(count: int) -> list[bytes]:
    chance = random.Random(7)

    def some_id() -> str:
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))

    return [
        orjson.dumps(
            {
                "id": some_id(),
                "name": f"item {number}",
                "owner_id": some_id(),
                "created_at": "2026-01-02T03:04:05.678Z",
                "tags": ["a", "b"],
                "count": number,
                "note": "nothing that is of interest to anybody, " * 8,
            }
        )
        for number in range(count)
    ]


DOCUMENTS = _documents(500)


class _Server(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._number = int(url.rpartition(b"/")[2] or b"0")

    def on_message_complete(self) -> None:
        body = DOCUMENTS[self._number % len(DOCUMENTS)]
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nserver: tiny\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


async def _main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1])))
