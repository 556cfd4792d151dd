"""How endpoints describe themselves in the OpenAPI document: request, answer, and every refusal with its text."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from fastapi_app.schemas.errors import Refusal
from shared_rules.policy import OPERATIONS, Operation, Role, Token

__all__ = ["documented", "query_parameter"]


def documented(
    name: str,
    *,
    summary: str,
    answers: type[BaseModel],
    status: int = 200,
    body: type[BaseModel] | None = None,
    body_optional: bool = False,
    media_type: str = "application/json",
    query: Sequence[Mapping[str, Any]] = (),
    refuses: Mapping[int, Sequence[str]] | None = None,
    also_answers: Mapping[int, type[BaseModel]] | None = None,
) -> dict[str, Any]:
    """Return the keyword arguments of a route decorator.

    `refuses` lists the endpoint's own refusals: status -> values of "error". Those of its token, its roles, its body
    and of the server are added. `also_answers` are answers of another shape than a refusal's, by status. The body is
    documented here and read in the endpoint, which decides the order of checks.
    """
    operation = OPERATIONS[name]
    extra: dict[str, Any] = {"parameters": list(query)} if query else {}
    if body is not None:
        content = {media_type: {"schema": body.model_json_schema()}}
        extra["requestBody"] = {"required": not body_optional, "content": content}
    return {
        "operation_id": name,
        "summary": summary,
        "description": _who(operation),
        "status_code": status,
        "response_model": answers,
        "responses": _refusals(operation, media_type if body is not None else None, refuses or {})
        | {other: {"model": model} for other, model in (also_answers or {}).items()},
        "openapi_extra": extra,
    }


def query_parameter(name: str, description: str, *, kind: str = "string", example: Any = None) -> dict[str, Any]:
    """Return the description of a query parameter; values that cannot be read fall back as the contract says."""
    parameter: dict[str, Any] = {"name": name, "in": "query", "description": description, "schema": {"type": kind}}
    return parameter if example is None else parameter | {"example": example}


def _who(operation: Operation) -> str:
    if operation.token is Token.NONE:
        return "Public."
    roles = "Any role" if operation.roles == frozenset(Role) else "Roles: " + ", ".join(sorted(operation.roles))
    return f"{roles} ({operation.owner})." if operation.owner else f"{roles}."


def _refusals(operation: Operation, body: str | None, own: Mapping[int, Sequence[str]]) -> dict[int | str, Any]:
    """Return the refusals of an operation whose body has the media type `body`."""
    errors: dict[int, list[str]] = {status: list(texts) for status, texts in own.items()}
    if body is not None:
        of_json = ["Content-Type must be application/json", "Invalid JSON"] if body == "application/json" else []
        common = [*of_json, "Invalid payload"]
        errors[400] = [*common, *(text for text in errors.get(400, []) if text not in common)]
    if operation.token is not Token.NONE:
        usual = ["Missing token", "Invalid token", "Token has expired", "Wrong token type", "Token revoked"]
        errors[401] = [*errors.get(401, []), *usual, "User not found or inactive"]
    if operation.roles != frozenset(Role):
        errors[403] = ["Insufficient permissions", *errors.get(403, [])]
    errors |= {413: ["Payload too large"], 500: ["Internal server error"], 503: ["Service unavailable"]}
    return {status: _refusal(texts) for status, texts in sorted(errors.items())}


def _refusal(texts: Sequence[str]) -> dict[str, Any]:
    examples = {text: {"value": {"error": text}} for text in dict.fromkeys(texts)}
    return {
        "model": Refusal,
        "description": "; ".join(examples),
        "content": {"application/json": {"examples": examples}},
    }
