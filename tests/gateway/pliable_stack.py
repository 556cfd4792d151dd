"""A stack that answers what the request tells it to, so that a table of cases holds both halves of each exchange."""

import base64
import hashlib
import json
from typing import Any

from tests.gateway.echo_stack import Handler

__all__ = ["PliableHandler", "answering"]

# RFC 6455, section 1.3.
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE = 1, 8


def answering(
    status: int, *headers: tuple[str, str], body: str = "", times: int = 1, chunks: int = 0, only: str = ""
) -> tuple[str, str]:
    """Return the header of a request that wants this answer: the body `times` over, in one piece or as so many chunks.

    In a value `{own}` is the stack's own address and `{prefix}` its prefix. `only` is the one stack that is meant.
    """
    wanted = {"status": status, "headers": headers, "body": body, "times": times, "chunks": chunks, "only": only}
    return "X-Answer", json.dumps(wanted)


class PliableHandler(Handler):
    """Echoes, unless the request says otherwise; websockets get every text back with the stack's name before it."""

    def answer(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.echo_frames()
        else:
            super().answer()

    def send_echo(self, target: str, body: bytes) -> None:
        wanted = json.loads(self.headers.get("X-Answer", "null"))
        if wanted is None or wanted["only"] not in {"", self.server.stack.name}:
            super().send_echo(target, body)
        else:
            self.send_wanted(target, wanted)

    def send_wanted(self, target: str, wanted: dict[str, Any]) -> None:
        places = {"{own}": f"127.0.0.1:{self.server.stack.port}", "{prefix}": prefix_of(target)}
        payload = wanted["body"].encode() * wanted["times"]
        bodiless = self.command == "HEAD" or wanted["status"] in {204, 304}
        self.send_response(wanted["status"])
        for name, value in wanted["headers"]:
            self.send_header(name, filled(value, places))
        if wanted["chunks"]:
            self.send_header("Transfer-Encoding", "chunked")
        elif wanted["status"] not in {204, 304}:
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if not bodiless:
            self.send_payload(payload, wanted["chunks"])

    def send_payload(self, payload: bytes, chunks: int) -> None:
        if not chunks:
            self.wfile.write(payload)
            return
        size = -(-len(payload) // chunks)
        for start in range(0, len(payload), size):
            piece = payload[start : start + size]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def echo_frames(self) -> None:
        """Speak just enough of RFC 6455 for short texts."""
        key = self.headers["Sec-WebSocket-Key"].encode() + WEBSOCKET
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while head := self.rfile.read(2):
            kind, size = head[0] & 15, head[1] & 127
            mask, masked = self.rfile.read(4), self.rfile.read(size)
            if kind == CLOSE:
                self.wfile.write(bytes([128 | CLOSE, 0]))
                return
            text = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))
            said = f"{self.server.stack.name} {self.path}: ".encode() + text
            self.wfile.write(bytes([128 | TEXT, len(said)]) + said)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer


def prefix_of(target: str) -> str:
    return "/api/v2" if target.startswith("/api/v2") else "/api"


def filled(value: str, places: dict[str, str]) -> str:
    for place, text in places.items():
        value = value.replace(place, text)
    return value
