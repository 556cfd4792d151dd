"""The examples of an OpenAPI document become entries, one per operation and example."""

import json
from pathlib import Path
from typing import Any

import pytest

from parity.redaction import Redactor
from parity.sources import Imported, Options, import_file
from parity.values import ParityError


def imported(tmp_path: Path, paths: dict[str, Any], name: str = "api.json", **more: Any) -> Imported:
    path = tmp_path / name
    path.write_text(json.dumps({"openapi": "3.1.0", "paths": paths, **more}))
    return import_file(path, Options(Redactor(b"k" * 32), prefixes=("/api", "/api/v2")))


def calls(result: Imported) -> list[tuple[str, str, bytes]]:
    return [(entry.request.method, entry.request.target, entry.request.body) for entry in result.entries]


def body(**media: Any) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": media}}


def test_an_operation_without_parameters_is_one_entry(tmp_path: Path) -> None:
    result = imported(tmp_path, {"/api/v2/things": {"get": {}}, "/health": {"get": {}, "summary": "x"}})

    assert calls(result) == [("GET", "/things", b""), ("GET", "/health", b"")]
    assert all(entry.answer is None for entry in result.entries)
    assert all("authorization" not in dict(entry.request.headers) for entry in result.entries)


@pytest.mark.parametrize(
    ("media", "bodies"),
    [
        ({"example": {"a": 1}}, [b'{"a": 1}']),
        ({"examples": {"x": {"value": {"a": 1}}, "y": {"value": {"a": 2}}}}, [b'{"a": 1}', b'{"a": 2}']),
        ({"schema": {"example": {"a": 3}}}, [b'{"a": 3}']),
        ({"schema": {"examples": [{"a": 4}, {"a": 5}]}}, [b'{"a": 4}', b'{"a": 5}']),
        ({"schema": {"required": ["a"], "properties": {"a": {"example": 6}, "b": {}}}}, [b'{"a": 6}']),
        ({"schema": {"$ref": "#/components/schemas/T"}}, [b'{"a": 7}']),
        ({"examples": {"x": {"$ref": "#/components/examples/e"}}}, [b'{"a": 8}']),
        ({"schema": {"required": ["b"], "properties": {"a": {"example": 6}, "b": {}}}}, []),
        ({}, []),
    ],
    ids=[
        "example",
        "examples",
        "schema",
        "schema's list",
        "properties",
        "reference",
        "referred example",
        "required one lacks",
        "none",
    ],
)
def test_each_example_of_a_body_is_an_entry(tmp_path: Path, media: dict[str, Any], bodies: list[bytes]) -> None:
    components = {"schemas": {"T": {"example": {"a": 7}}}, "examples": {"e": {"value": {"a": 8}}}}
    result = imported(tmp_path, {"/api/t": {"post": {"requestBody": body(**media)}}}, components=components)

    assert bodies == [sent for _, _, sent in calls(result)]
    assert bool(bodies) != bool(result.left_out)


def test_parameters_take_their_examples(tmp_path: Path) -> None:
    parameters = [
        {"in": "path", "name": "id", "required": True, "example": "a/b"},
        {"in": "query", "name": "q", "examples": {"one": {"value": "x y"}, "two": {"value": 2}}},
        {"in": "query", "name": "unset", "schema": {"type": "string"}},
        {"in": "header", "name": "X-Thing", "schema": {"example": True}},
    ]
    result = imported(tmp_path, {"/api/t/{id}": {"parameters": parameters, "get": {}}})

    assert [target for _, target, _ in calls(result)] == ["/t/a%2Fb?q=x+y", "/t/a%2Fb?q=2"]
    assert result.entries[0].request.headers == (("x-thing", "true"),)


def test_a_required_parameter_without_example_leaves_its_operation_out(tmp_path: Path) -> None:
    paths = {"/api/t/{id}": {"get": {"parameters": [{"in": "path", "name": "id", "required": True}]}}}
    result = imported(tmp_path, paths)

    assert [(one.reason, one.examples) for one in result.left_out] == [
        ("no example for the parameter id", ("GET /api/t/{id}",))
    ]


@pytest.mark.parametrize("reference", ["#/nowhere", "other.json#/x", "#/components/circle"])
def test_a_reference_that_leads_nowhere_is_refused(tmp_path: Path, reference: str) -> None:
    components = {"circle": {"$ref": "#/components/circle"}}

    with pytest.raises(ParityError, match=r"api\.json: (The reference|References lead in a circle)"):
        imported(tmp_path, {"/t": {"$ref": reference}}, components=components)


def test_yaml_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text("openapi: 3.0.0\npaths:\n  /api/x:\n    get: {}\n")

    result = import_file(tmp_path / "api.yaml", Options(Redactor(b"k" * 32), prefixes=("/api",)))

    assert calls(result) == [("GET", "/x", b"")]


def test_secrets_of_examples_are_redacted(tmp_path: Path) -> None:
    result = imported(tmp_path, {"/api/l": {"post": {"requestBody": body(example={"password": "hunter2hunter2"})}}})

    assert b"hunter2hunter2" not in result.entries[0].request.body
