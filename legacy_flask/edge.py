"""What happens to every request before its view and to every answer after it."""

from flask import Flask, Response, g, request

from legacy_flask.http import STACK, path_of_request, settings
from shared_rules import edge
from shared_rules.errors import NotFound
from shared_rules.policy import allowed_methods

__all__ = ["init_edge"]


def init_edge(app: Flask) -> None:
    app.before_request(_check)
    app.after_request(_sign)


def _check() -> Response | None:
    """Refuse what no view should see; answer OPTIONS."""
    g.request_id = edge.request_id(request.headers.get("X-Request-Id"))
    raw_uri: str = request.environ.get("RAW_URI", request.path)
    if edge.is_ambiguous(raw_uri.partition("?")[0]):
        raise NotFound.endpoint()
    edge.check_declared_length(path_of_request(), request.headers.get("Content-Length"))
    if request.method != "OPTIONS":
        return None
    methods = allowed_methods(path_of_request())
    if not methods:
        raise NotFound.endpoint()
    return Response(status=204, headers=edge.preflight_headers(_facts(), methods, settings().cors_origins))


def _sign(response: Response) -> Response:
    response.headers.update(edge.answer_headers(_facts(), STACK, settings().cors_origins))
    if response.status_code == 204:
        del response.headers["Content-Type"]
    return response


def _facts() -> edge.EdgeRequest:
    return edge.EdgeRequest(path_of_request(), request.headers.get("Origin"), g.request_id)
