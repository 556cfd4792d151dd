"""What happens to every request before its endpoint and to every answer after it, failures included."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastapi_app.deps import STACK, joined, path_of
from fastapi_app.errors import refusal_answer, unexpected_answer
from shared_rules import edge
from shared_rules.errors import BadRequest, NotFound, Refused
from shared_rules.policy import allowed_methods

__all__ = ["EdgeMiddleware"]

# Sent twice, they mean one thing to the first reader and another to the next (RFC 9110, 5.3).
_ONLY_ONCE = ("host", "content-type")


class EdgeMiddleware:
    """Pure ASGI: request id, ambiguous paths, body limit, OPTIONS, HEAD as GET without body, every answer's headers."""

    def __init__(self, app: ASGIApp, cors_origins: tuple[str, ...]) -> None:
        self._app = app
        self._cors_origins = cors_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request = edge.EdgeRequest(
            path_of(scope["path"]), joined(headers, "origin"), edge.request_id(joined(headers, "x-request-id"))
        )
        signed = _SignedSend(send, edge.answer_headers(request, STACK, self._cors_origins), scope["method"] == "HEAD")
        try:
            # A copy, since the answer may change it: the server reads in its own what it has to send.
            scope = dict(scope)
            await self._answer(request, headers, scope)(scope, receive, signed)
        except Refused as refusal:
            await refusal_answer(refusal)(scope, receive, signed)
        except Exception as error:
            answer = unexpected_answer(error, scope["method"], scope["path"], request.request_id)
            if signed.started:
                raise
            await answer(scope, receive, signed)

    def _answer(self, request: edge.EdgeRequest, headers: Headers, scope: Scope) -> ASGIApp:
        """Return what answers this request: the application, or for OPTIONS an answer of our own."""
        if edge.is_ambiguous(scope.get("raw_path", b"").decode("latin-1")):
            raise NotFound.endpoint()
        if any(len(headers.getlist(name)) > 1 for name in _ONLY_ONCE):
            raise BadRequest.unreadable()
        edge.check_declared_length(request.path, headers.get("content-length"))
        methods = allowed_methods(request.path)
        if scope["method"] == "OPTIONS":
            if not methods:
                raise NotFound.endpoint()
            return Response(status_code=204, headers=edge.preflight_headers(request, methods, self._cors_origins))
        if scope["method"] == "HEAD" and "GET" in methods:
            scope["method"] = "GET"
        return self._app


class _SignedSend:
    """Adds the headers of every answer; keeps the body back where the request was HEAD."""

    def __init__(self, send: Send, headers: dict[str, str], without_body: bool) -> None:
        self._send = send
        self._headers = headers
        self._without_body = without_body
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            MutableHeaders(scope=message).update(self._headers)
        elif self._without_body and message["type"] == "http.response.body":
            message["body"] = b""
        await self._send(message)
