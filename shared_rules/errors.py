"""Every refusal an endpoint can answer, as exceptions. One class per status, one body shape.

    Refused                 the base: status, error, message, details
    ├── BadRequest          400
    │   └── InvalidPayload  400 with "error": "Invalid payload"
    ├── Unauthorized        401, carries WWW-Authenticate: Bearer
    ├── Forbidden           403
    ├── NotFound            404
    ├── MethodNotAllowed    405, carries Allow
    ├── Conflict            409
    ├── PayloadTooLarge     413
    ├── TooManyRequests     429, carries Retry-After
    ├── InternalError       500
    └── ServiceUnavailable  503, carries Retry-After

A rule raises, it never returns a refusal: raising is what rolls the session back. Each stack has exactly one handler for `Refused`.
It is no ValueError on purpose: Pydantic collects those, and the contract wants the first refusal in field order.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

__all__ = [
    "BadRequest",
    "Conflict",
    "Forbidden",
    "InternalError",
    "InvalidPayload",
    "MethodNotAllowed",
    "NotFound",
    "PayloadTooLarge",
    "Refused",
    "ServiceUnavailable",
    "TooManyRequests",
    "Unauthorized",
    "allow_header",
    "wrong_type",
]


class Refused(Exception):
    """A request that was not done. `body` is the JSON answer, `headers` what goes with it."""

    status: ClassVar[int]

    def __init__(self, error: str, message: str | None = None, **extra: Any) -> None:
        super().__init__(message or error)
        self.error = error
        self.message = message
        self.extra = extra

    @property
    def body(self) -> dict[str, Any]:
        """`{"error", "message"?, ...extra}` in the contract's key order."""
        head: dict[str, Any] = {"error": self.error}
        if self.message is not None:
            head["message"] = self.message
        return head | self.extra

    @property
    def headers(self) -> Mapping[str, str]:
        return {}


class BadRequest(Refused):
    status = 400

    @classmethod
    def unreadable(cls) -> "BadRequest":
        """The answer to what is not a request of HTTP, or only half of one."""
        return cls("Bad request", "The request could not be read.")


class InvalidPayload(BadRequest):
    """400 `Invalid payload`; `field` is kept as a fact for those who group refusals."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__("Invalid payload", message)
        self.field = field


class Unauthorized(Refused):
    status = 401

    @property
    def headers(self) -> Mapping[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(Refused):
    status = 403


class NotFound(Refused):
    status = 404

    @classmethod
    def endpoint(cls) -> "NotFound":
        """The answer for a path no route matches."""
        return cls("Not found", "No such endpoint.")


class MethodNotAllowed(Refused):
    """405; `methods` are those of every route the path matches, OPTIONS and HEAD are added here."""

    status = 405

    def __init__(self, methods: Iterable[str]) -> None:
        self.allow = allow_header(methods)
        super().__init__("Method not allowed", f"Allowed: {self.allow}.")

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Allow": self.allow}


class Conflict(Refused):
    status = 409


class PayloadTooLarge(Refused):
    status = 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__("Payload too large", f"The request body may be at most {limit_bytes} bytes.")


class TooManyRequests(Refused):
    status = 429

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many attempts", f"Try again in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": str(self.retry_after_s)}


class InternalError(Refused):
    status = 500

    def __init__(self, request_id: str) -> None:
        super().__init__("Internal server error", f"Something went wrong. Request id: {request_id}")


class ServiceUnavailable(Refused):
    """503: the database does not answer, or stayed locked past its timeout."""

    status = 503

    def __init__(self) -> None:
        super().__init__("Service unavailable", "The database is not answering. Try again.")

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": "1"}


def allow_header(methods: Iterable[str]) -> str:
    """The value of `Allow`: alphabetical, HEAD where there is GET, and OPTIONS."""
    every = set(methods) | {"OPTIONS"}
    if "GET" in every:
        every.add("HEAD")
    return ", ".join(sorted(every))


def wrong_type(field: str, wanted: str) -> InvalidPayload:
    """The refusal of a JSON type; `wanted` reads "a string", "true or false", "an integer", ..."""
    return InvalidPayload(f'"{field}" must be {wanted}.', field=field)
