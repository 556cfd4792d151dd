"""Holds real answers against the OpenAPI document: status documented, body of the documented shape."""

import re
from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any

from fastapi import FastAPI
from jsonschema import Draft202012Validator

from shared_rules.policy import OPERATIONS
from tests.contract.api import Answer, Transport


class OpenApiCheck:
    """Checks answers of the application against its document, which is made at the first answer."""

    def __init__(self, app: FastAPI, prefix: str) -> None:
        self._app = app
        self._prefix = prefix
        self._validator = cache(self._new_validator)

    @cached_property
    def _document(self) -> dict[str, Any]:
        return self._app.openapi()

    def __call__(self, method: str, target: str, answer: Answer) -> None:
        """Raise AssertionError when the answer of a known operation is not as documented."""
        path = target.partition("?")[0]
        template = _template(method, path.removeprefix(self._prefix)) if path.startswith(self._prefix) else None
        if template is None or answer.status == 405:
            return
        described = self._document["paths"][self._prefix + template][method.lower()]["responses"]
        assert str(answer.status) in described, f"{method} {template}: {answer.status} is not documented"
        errors = [
            error.message for error in self._validator(method.lower(), template, answer.status).iter_errors(answer.json)
        ]
        assert not errors, f"{method} {template} {answer.status}: {errors}"

    def _new_validator(self, method: str, template: str, status: int) -> Draft202012Validator:
        response = self._document["paths"][self._prefix + template][method]["responses"][str(status)]
        schema: dict[str, Any] = response["content"]["application/json"]["schema"]
        return Draft202012Validator(schema | {"components": self._document["components"]})


_CHECKS: list[OpenApiCheck] = []


def _check_of(app: FastAPI) -> OpenApiCheck:
    """Return the one check of this process: no setting changes the document, and making it takes 0.4 s."""
    if not _CHECKS:
        _CHECKS.append(OpenApiCheck(app, "/api/v2"))
    return _CHECKS[0]


def checked(transport: Transport, app: FastAPI) -> Transport:
    """Return the transport, each answer held against the document of the application."""
    check = _check_of(app)

    def send(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        answer = transport(method, target, headers, body)
        check(method, target, answer)
        return answer

    return send


def _template(method: str, path: str) -> str | None:
    """Return the path template of the operation that answers, literal paths before those with parameters."""
    found = [
        operation.path
        for operation in OPERATIONS.values()
        if operation.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", operation.path), path)
    ]
    return min(found, key=lambda template: template.count("{"), default=None)
