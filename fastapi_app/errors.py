"""Every way a request can fail in FastAPI, mapped to the contract's refusals. The one handler of `Refused` is here."""

import logging
from typing import cast

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from fastapi_app.deps import answer, path_of
from shared_models.engine import is_unavailable
from shared_rules import errors
from shared_rules.policy import allowed_methods

__all__ = ["init_errors", "refusal_answer", "unexpected_answer"]

_log = logging.getLogger(__name__)


def init_errors(app: FastAPI) -> None:
    app.add_exception_handler(errors.Refused, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _unreadable)


def refusal_answer(refusal: errors.Refused) -> Response:
    response = answer(refusal.body, refusal.status)
    response.headers.update(refusal.headers)
    return response


def unexpected_answer(error: Exception, method: str, path: str, request_id: str) -> Response:
    """Return the 503 of a database that does not answer, or the 500 of a mistake of ours, logged with its traceback."""
    request = {"method": method, "path": path, "request_id": request_id}
    if is_unavailable(error):
        _log.warning("database.unavailable", extra=request | {"error": type(error).__name__})
        return refusal_answer(errors.ServiceUnavailable())
    _log.error("request.failed", exc_info=error, extra=request)
    return refusal_answer(errors.InternalError(request_id))


async def _refused(_request: Request, error: Exception) -> Response:
    return refusal_answer(cast(errors.Refused, error))


async def _http(request: Request, error: Exception) -> Response:
    """Starlette raises these for paths and methods it does not know, and for bodies it cannot read."""
    status = cast(HTTPException, error).status_code
    methods = allowed_methods(path_of(request.scope["path"]))
    if status == 405 and methods:
        return refusal_answer(errors.MethodNotAllowed(methods))
    if status in (404, 405):
        return refusal_answer(errors.NotFound.endpoint())
    return await _unreadable(request, error)


async def _unreadable(_request: Request, _error: Exception) -> Response:
    return refusal_answer(errors.BadRequest("Bad request", "The request could not be read."))
