"""Every way a request can fail in Flask, mapped to the contract's refusals. The one handler of `Refused` is here."""

import logging

from flask import Flask, Response, g, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from legacy_flask.http import answer, path_of_request
from shared_models.engine import is_unavailable
from shared_rules import errors
from shared_rules.edge import max_body_bytes
from shared_rules.policy import allowed_methods

__all__ = ["init_errors"]

_log = logging.getLogger(__name__)


def init_errors(app: Flask) -> None:
    app.register_error_handler(errors.Refused, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _refused(refusal: errors.Refused) -> Response:
    response = answer(refusal.body, refusal.status)
    response.headers.update(refusal.headers)
    return response


def _http(error: HTTPException) -> Response:
    match error:
        case MethodNotAllowed():
            return _refused(errors.MethodNotAllowed(allowed_methods(path_of_request())))
        case RequestEntityTooLarge():
            return _refused(errors.PayloadTooLarge(max_body_bytes(path_of_request())))
        case _ if error.code == 404:
            return _refused(errors.NotFound.endpoint())
        case _ if error.code is not None and error.code < 500:
            return _refused(errors.BadRequest("Bad request", "The request could not be read."))
        case _:
            return _unexpected(error)


def _unexpected(error: Exception) -> Response:
    if isinstance(error, SQLAlchemyError) and is_unavailable(error):
        _log.warning("database.unavailable", extra=_request() | {"error": type(error).__name__})
        return _refused(errors.ServiceUnavailable())
    _log.error("request.failed", exc_info=error, extra=_request())
    return _refused(errors.InternalError(g.request_id))


def _request() -> dict[str, str]:
    return {"method": request.method, "path": request.path, "request_id": g.request_id}
