"""A server that writes down every write it carries out, before it answers: `python tally_server.py FILE PORT HOLDER`.

The one that serves is a child. It says its process id once it listens; killed, it has a successor within milliseconds.
Meanwhile connections are refused where the `child` holds the port, and wait where the `parent` does.
"""

import asyncio
import os
import random
import socket
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Exchange(asyncio.Protocol):
    received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:]) if found else {}
        if found and len(body) >= int(headers.get(b"content-length", b"0")):
            self.received = b""
            self.carry_out(head.partition(b" ")[0], headers[b"x-request-id"])

    def carry_out(self, method: bytes, rid: bytes) -> None:
        if method != b"GET":
            os.write(self.file, rid + b"\n")
        asyncio.get_running_loop().call_later(random.uniform(0, 0.004), self.transport.write, ANSWER)

    file = -1


async def serve(listener: socket.socket, file: str) -> None:
    Exchange.file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    server = await asyncio.get_running_loop().create_server(Exchange, sock=listener)
    print(os.getpid(), flush=True)
    await server.serve_forever()


def main(file: str, port: int, holder: str) -> None:
    kept = socket.create_server(("127.0.0.1", port)) if holder == "parent" else None
    while (child := os.fork()) != 0:
        os.waitpid(child, 0)
    asyncio.run(serve(kept or socket.create_server(("127.0.0.1", port)), file))


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
