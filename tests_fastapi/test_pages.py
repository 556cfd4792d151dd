"""The OpenAPI document is complete, and its pages need nothing from elsewhere."""

import re

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from shared_rules.policy import OPERATIONS, Token
from tests.contract.api import Stack


def document(stack: Stack) -> dict:
    return stack.send("GET", "/openapi.json", [], b"").json


def operations(stack: Stack) -> dict:
    return {
        described["operationId"]: (method.upper(), path.removeprefix("/api/v2"), described)
        for path, methods in document(stack)["paths"].items()
        for method, described in methods.items()
    }


def test_the_document_describes_exactly_the_operations_of_the_policy(stack: Stack) -> None:
    found = {name: (method, path) for name, (method, path, _) in operations(stack).items()}

    assert found == {name: (operation.method, operation.path) for name, operation in OPERATIONS.items()}


def test_every_operation_names_its_answer_its_refusals_and_its_scheme(stack: Stack) -> None:
    for name, (_, _, described) in operations(stack).items():
        statuses = set(described["responses"])
        assert {"500", "503"} <= statuses, name
        assert "422" not in statuses, name
        assert described["summary"], name
        if OPERATIONS[name].token is not Token.NONE:
            assert "401" in statuses, name
            assert described["security"] == [{"bearer": []}], name
        for status, response in described["responses"].items():
            assert "schema" in response["content"]["application/json"], (name, status)


def test_every_body_has_an_example(stack: Stack) -> None:
    for name, (_, _, described) in operations(stack).items():
        for media_type in described.get("requestBody", {}).get("content", {}).values():
            assert re.search(r'"examples?":', str(media_type).replace("'", '"')), name


def test_the_document_is_at_both_addresses(stack: Stack) -> None:
    assert stack.send("GET", "/api/v2/openapi.json", [], b"").json == document(stack)


def test_the_document_names_the_prefix_that_the_gateway_says_it_was_asked_under(stack: Stack) -> None:
    own = document(stack)

    found = stack.send("GET", "/api/v2/openapi.json", [("X-Forwarded-Prefix", "/api")], b"").json

    assert found["servers"] == [{"url": "/api"}]
    assert [f"/api/v2{path}" for path in found["paths"]] == list(own["paths"])


@pytest.mark.parametrize("prefix", ["/api/v2", "", "//elsewhere.example", "https://elsewhere.example", "/a b", "/api/"])
def test_a_prefix_that_is_none_changes_nothing(stack: Stack, prefix: str) -> None:
    found = stack.send("GET", "/api/v2/openapi.json", [("X-Forwarded-Prefix", prefix)], b"").json

    assert found == document(stack)


def test_the_pages_take_everything_from_here(stack: Stack) -> None:
    for page in ("/docs", "/redoc"):
        answer = stack.send("GET", page, [], b"")
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        html = answer.body.decode()
        for address in re.findall(r'(?:src|href)="([^"]+)"', html):
            assert stack.send("GET", address, [], b"").status == 200, address


def test_docs_can_be_switched_off(stack: Stack) -> None:
    from fastapi_app.app import create_app

    app: FastAPI = create_app(stack.settings.model_copy(update={"docs": False}))
    with TestClient(app) as client:
        for path in ("/docs", "/redoc", "/openapi.json", "/api/v2/openapi.json", "/docs/assets/swagger-ui.css"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()) == (404, {"error": "Not found", "message": "No such endpoint."})
