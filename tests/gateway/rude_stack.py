"""A stack that dies before it has answered, in the ways a killed process does."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

from tests.gateway.echo_stack import reserved_port

__all__ = ["DEATHS", "RudeStack"]

DEATHS = ("refuses", "resets at once", "resets when asked", "hangs up when asked", "dies within the answer's head")
RESET = struct.pack("ii", 1, 0)


class RudeStack:
    """Listens (unless it `refuses`) and dies on each connection; `asked` has the first line of every request it read."""

    def __init__(self, death: str) -> None:
        self.death = death
        self.asked: list[bytes] = []

    def __enter__(self) -> Self:
        self.socket = reserved_port()
        self.port = int(self.socket.getsockname()[1])
        self.ended = False
        self.thread = threading.Thread(target=self.serve)
        if self.death != "refuses":
            self.socket.listen()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()

    def serve(self) -> None:
        while not self.ended and self.death != "refuses":
            with suppress(OSError):
                connection, _ = self.socket.accept()
                with connection:
                    self.die(connection)

    def die(self, connection: socket.socket) -> None:
        if "asked" in self.death or "head" in self.death:
            self.asked.append(connection.recv(65536).partition(b"\r\n")[0])
        if "head" in self.death:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
        if "resets" in self.death:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
