"""Logs: one JSON object a line, from this code and from every library, with nothing secret in it."""

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, Processor

__all__ = ["REDACTED", "Redaction", "configure_logging"]

REDACTED = "[redacted]"

_SHORTEST_SECRET = 6
_LONGEST_TEXT = 30_000
_WORDS = "authorization|cookie|passwd|password|secret|token|webhook_url|api_key"
_NAME = re.compile(rf"[\w-]*(?:{_WORDS})[\w-]*", re.IGNORECASE)
# `password=x`, `"token": "x"`, also within a string of JSON. Counts are bounded: a target may choose what is logged.
_ASSIGNED = re.compile(
    rf"""((?:{_WORDS})[\w-]{{0,40}}\\{{0,3}}["']?\s{{0,3}}[:=]\s{{0,3}}\\{{0,3}})"""
    r"""("[^"]*"|'[^']*'|[^\s,;&"'()\[\]{}]+)""",
    re.IGNORECASE,
)
# What looks like a secret wherever it stands: in a message, in a traceback, in a URL.
_SHAPES = (
    (re.compile(r"\beyJ[\w-]{5,2000}\.[\w-]{1,4000}(?:\.[\w-]*)?"), REDACTED),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"(://)[^/\s@]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"(hooks\.slack\.com/)[^\s\"'<>]+"), rf"\1{REDACTED}"),
    # How PostgreSQL tells which row it refused: all of it.
    (re.compile(r"(Failing row contains )\(.*"), rf"\1{REDACTED}"),
    (re.compile(r"\b(?:gh[a-z]_|github_pat_)\w+"), REDACTED),
    (_ASSIGNED, rf"\1{REDACTED}"),
)
# Servers bring handlers and formats of their own; theirs are taken away, so that every line is JSON.
_SERVERS = ("gunicorn.error", "gunicorn.access", "uvicorn", "uvicorn.error", "uvicorn.access")
# What these say below a warning is noise, or a line for each statement or call with parameters or whole URLs in it.
_TALKATIVE = ("aiosqlite", "alembic", "httpcore", "httpcore2", "httpx", "httpx2", "python_multipart")


def configure_logging(level: str, *, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send every log record of this process to `stream` (standard error) as JSON; calling it again replaces the first.

    `secrets` are values that must not be shown wherever they turn up, such as this process's own keys.
    """
    each: list[Processor] = [
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *each, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *each],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_colours,
                Redaction(secrets),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    _quieten()


class Redaction:
    """A structlog processor: hides what is named like a secret, looks like one, or is one of those given."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> MutableMapping[str, Any]:
        return {name: self._named(name, value) for name, value in event.items()}

    def text(self, text: str) -> str:
        """Return the text without secrets, cut where it is very long."""
        if len(text) > _LONGEST_TEXT:
            text = f"{text[:_LONGEST_TEXT]}... and {len(text) - _LONGEST_TEXT} more characters"
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        for shape, instead in _SHAPES:
            text = shape.sub(instead, text)
        return text

    def _named(self, name: str, value: Any) -> Any:
        return REDACTED if value and _NAME.fullmatch(name) else self._value(value)

    def _value(self, value: Any) -> Any:
        match value:
            case None | bool() | int() | float():
                return value
            case Mapping():
                return {str(name): self._named(str(name), inner) for name, inner in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._value(inner) for inner in value]
            case str():
                return self.text(value)
            case _:
                return self.text(repr(value))


def _without_colours(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Drop uvicorn's second copy of its message, for terminals."""
    event.pop("color_message", None)
    return event


def _quieten() -> None:
    for name in _SERVERS:
        server = logging.getLogger(name)
        if server.handlers:
            # One without handlers is switched off, or leaves its records to its parent.
            server.handlers.clear()
            server.propagate = True
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
