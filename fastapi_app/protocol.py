"""How uvicorn reads requests here: methods nobody knows reach the application, and what cannot be read gets the contract's answer."""

import re

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fastapi_app.deps import STACK
from shared_rules.edge import unreadable_answer

__all__ = ["Protocol"]

# To the contract every word of these characters is a method; the parser has a list, some of it for other protocols than HTTP.
_UNCOMMON = re.compile(
    rb"(?!(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS) )([A-Z0-9!$%&'*+.^_`|~-]{3,20}) [^ ]+ HTTP/1\.[01]\r\n"
)
_STAND_IN = b"PATCH"


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol, told by `--http` to use this one."""

    _between_requests = True
    _received = b""
    _method: str | None = None

    def data_received(self, data: bytes) -> None:
        # What begins in the middle of a request may be anything, such as a body that looks like another request.
        self._received = data if self._between_requests else b""
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser gave up on. A request whose method it refuses is read again under another."""
        line = _UNCOMMON.match(self._received)
        if line and (self.cycle is None or self.cycle.response_complete):
            self._method = line[1].decode("ascii")
            self._between_requests = True
            self.parser = httptools.HttpRequestParser(self)
            self.data_received(_STAND_IN + self._received[len(line[1]) :])
            return
        self.transport.write(unreadable_answer(STACK))
        self.transport.close()

    def on_message_begin(self) -> None:
        self._between_requests = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._method is not None:
            self.scope["method"], self._method = self._method, None

    def on_message_complete(self) -> None:
        self._between_requests = True
        super().on_message_complete()
