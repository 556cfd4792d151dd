"""Cases: request bodies before anybody reads their fields: content types, malformed JSON, what is no object, sizes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared_models import JobCategory
from tests.contract import world
from tests.contract.api import Answer, Api

USER = f"/auth/users/{world.user_id('user')}"
# Rows that are not there: what the request alone shows comes before any look-up.
BODIES = [
    ("POST", "/auth/login"),
    ("POST", "/auth/register"),
    ("PUT", USER),
    ("PUT", f"{USER}/preferences"),
    ("PUT", f"{USER}/ui-preferences"),
    ("POST", "/jobs"),
    ("PUT", "/jobs/x"),
    ("POST", "/jobs/validate-cron"),
    ("POST", "/jobs/cron-preview"),
    ("POST", "/jobs/test-run"),
    ("POST", "/job-categories"),
    ("PUT", "/job-categories/x"),
    ("POST", "/pic-teams"),
    ("PUT", "/pic-teams/x"),
    ("PUT", "/settings/slack"),
]
EVERY = pytest.mark.parametrize(("method", "path"), BODIES, ids=[f"{method} {path[:20]}" for method, path in BODIES])
NO_JSON = {"error": "Content-Type must be application/json"}
INVALID = {"error": "Invalid JSON", "message": "Request body is not valid JSON."}
NO_OBJECT = {"error": "Invalid payload", "message": "JSON body must be an object."}
LIMIT = 1_048_576
TOO_LARGE = {"error": "Payload too large", "message": "The request body may be at most 1048576 bytes."}
CATEGORY = b'{"name":"Fresh"}'


def send(api: Api, content: bytes, content_type: str | None = "application/json", **options: Any) -> Answer:
    """Send bytes as a new category."""
    return api.post("/job-categories", content=content, headers={"Content-Type": content_type}, **options)


# Content types


@EVERY
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_every_json_body_needs_its_content_type(api: Api, method: str, path: str, content_type: str | None) -> None:
    before = api.everything()

    answer = api.request(method, path, content=b"{}", headers={"Content-Type": content_type})

    assert (answer.status, answer.json) == (400, NO_JSON)
    assert api.everything() == before


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON",
        "Application/Json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json ; charset=utf-16",
        "application/json;",
        " application/json ",
        "application/vnd.api+json",
        "application/merge-patch+json; profile=x",
        "application/PROBLEM+JSON",
    ],
)
def test_json_goes_by_several_names(api: Api, content_type: str) -> None:
    assert send(api, CATEGORY, content_type).status == 201


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        " ",
        "json",
        "text/json",
        "text/plain; application/json",
        "application/jsonp",
        "application/json5",
        "application/json+xml",
        "application/+json",
        "application/x json",
        "application/json, text/plain",
        "text/vnd.api+json",
        "application/xml",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "*/*",
    ],
)
def test_other_content_types_are_refused(api: Api, content_type: str | None) -> None:
    before = api.everything()

    answer = send(api, CATEGORY, content_type)

    assert (answer.status, answer.json) == (400, NO_JSON)
    assert api.everything() == before


# What is no JSON

MALFORMED = {
    "nothing": b"",
    "blanks": b" \r\n\t ",
    "half an object": b'{"name":"Fresh"',
    "a brace": b"{",
    "a trailing comma": b'{"name":"Fresh",}',
    "single quotes": b"{'name':'Fresh'}",
    "bare keys": b'{name:"Fresh"}',
    "a comment": b'{"name":"Fresh"}//',
    "two values": b'{"name":"Fresh"}{}',
    "a word": b"Fresh",
    "Python's None": b"None",
    "NaN": b'{"name":"Fresh","x":NaN}',
    "Infinity": b'{"name":"Fresh","x":-Infinity}',
    "a number beyond any": b'{"name":"Fresh","x":1e400}',
    "a leading zero": b'{"name":"Fresh","x":01}',
    "a hexadecimal number": b'{"name":"Fresh","x":0x1}',
    "a line break in a string": b'{"name":"Fre\nsh"}',
    "a control character in a string": b'{"name":"Fre\x01sh"}',
    "an unknown escape": b'{"name":"Fre\\xsh"}',
    "half an escape": b'{"name":"Fresh\\u00"}',
    "a lone high surrogate": b'{"name":"Fresh\\ud800"}',
    "a lone low surrogate": b'{"name":"Fresh\\udc00x"}',
    "surrogates in the wrong order": b'{"name":"Fresh\\udc00\\ud800"}',
    "a lone surrogate as key": b'{"name":"Fresh","\\ud800":1}',
    "a surrogate in UTF-8": b'{"name":"Fresh\xed\xa0\x80"}',
    "Latin-1": '{"name":"Fré"}'.encode("latin-1"),
    "half a character": b'{"name":"Fr\xc3"}',
    "an overlong character": b'{"name":"Fr\xc0\xaf"}',
    "UTF-16 with a BOM": '{"name":"Fresh"}'.encode("utf-16"),
    "UTF-16 without": '{"name":"Fresh"}'.encode("utf-16-le"),
    "UTF-32": '{"name":"Fresh"}'.encode("utf-32"),
    "two BOMs": b'\xef\xbb\xbf\xef\xbb\xbf{"name":"Fresh"}',
    "only a BOM": b"\xef\xbb\xbf",
    "a NUL after it": b'{"name":"Fresh"}\x00',
    "1,100 lists": b'{"name":"Fresh","x":' + b"[" * 1_100 + b"]" * 1_100 + b"}",
    "100,000 open lists": b"[" * 100_000,
    "100,000 open objects": b'{"a":' * 100_000,
    "a form": b"name=Fresh",
    "markup": b"<name>Fresh</name>",
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_malformed_json_is_refused(api: Api, content: bytes) -> None:
    before = api.everything()

    answer = send(api, content)

    assert (answer.status, answer.json) == (400, INVALID)
    assert api.everything() == before


@EVERY
@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"name":"\\ud800"}', b"[" * 5_000], ids=["empty", "half", "odd", "deep"]
)
def test_every_endpoint_refuses_malformed_json(api: Api, method: str, path: str, content: bytes) -> None:
    before = api.everything()

    answer = api.request(method, path, content=content, headers={"Content-Type": "application/json"})

    assert (answer.status, answer.json) == (400, INVALID)
    assert api.everything() == before


@EVERY
@pytest.mark.parametrize("value", [None, [{}], "x", 0, True], ids=repr)
def test_every_endpoint_refuses_what_is_no_object(api: Api, method: str, path: str, value: Any) -> None:
    before = api.everything()

    answer = api.request(method, path, json=value)

    assert (answer.status, answer.json) == (400, NO_OBJECT)
    assert api.everything() == before


@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param(b'\xef\xbb\xbf{"name":"Fresh"}', "Fresh", id="a BOM"),
        pytest.param(b' \r\n\t{"name":"Fresh"}\n ', "Fresh", id="blanks around"),
        pytest.param(b'{"name":"Fr\\u00e9sh \\ud83d\\ude00"}', "Frésh \U0001f600", id="escapes"),
        pytest.param('{"name":"Frésh 日本"}'.encode(), "Frésh 日本", id="UTF-8"),
        pytest.param(b'{"name":"First","name":"Last"}', "Last", id="a key twice, the last counts"),
        pytest.param(b'{"n\\u0061me":"Fresh"}', "Fresh", id="an escaped key"),
        pytest.param(b'{"name":"Fresh","x":123456789012345678901234567890}', "Fresh", id="a large integer"),
        pytest.param(b'{"name":"Fresh","x":' + b"[" * 900 + b"]" * 900 + b"}", "Fresh", id="900 lists"),
        pytest.param(b'{"name":"Fresh","":0,"__proto__":{},"constructor":1}', "Fresh", id="odd keys"),
    ],
)
def test_unusual_json_is_read(api: Api, content: bytes, name: str) -> None:
    answer = send(api, content)

    assert (answer.status, answer.json["category"]["name"]) == (201, name)


# Sizes


def padded(size: int) -> bytes:
    """Return a new category in exactly so many bytes."""
    frame = len(b'{"name":"Fresh","padding":""}')
    return b'{"name":"Fresh","padding":"' + b"x" * (size - frame) + b'"}'


DECLARED = pytest.mark.parametrize("declared", [True, False], ids=["declared", "of no declared length"])


def without_length(declared: bool) -> dict[str, str | None]:
    return {"Content-Type": "application/json"} | ({} if declared else {"Content-Length": None})


@DECLARED
def test_a_body_may_have_a_mebibyte(api: Api, declared: bool) -> None:
    answer = api.post("/job-categories", content=padded(LIMIT), headers=without_length(declared))

    assert answer.status == 201


@DECLARED
@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
def test_a_larger_body_is_refused(api: Api, size: int, declared: bool) -> None:
    before = api.everything()

    answer = api.post("/job-categories", content=padded(size), headers=without_length(declared))

    assert (answer.status, answer.json) == (413, TOO_LARGE)
    assert api.everything() == before


@EVERY
@DECLARED
def test_every_endpoint_refuses_a_larger_body(api: Api, method: str, path: str, declared: bool) -> None:
    before = api.everything()

    answer = api.request(method, path, content=b" " * (LIMIT + 1), headers=without_length(declared))

    assert (answer.status, answer.json) == (413, TOO_LARGE)
    assert api.everything() == before


@pytest.mark.parametrize(
    "length", ["1048577", "10485760", "99999999999999999999", "9" * 5_000, f"{'0' * 5_000}9999999"]
)
@pytest.mark.parametrize("who", ["admin", None])
def test_a_declared_length_is_refused_before_anything_is_read(api: Api, length: str, who: str | None) -> None:
    answer = api.post("/job-categories", content=b"{}", as_=who, headers={"Content-Length": length})

    assert (answer.status, answer.json) == (413, TOO_LARGE)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/job-categories"), ("DELETE", "/job-categories/x"), ("GET", "/health")]
)
def test_a_large_body_is_refused_where_none_is_read(api: Api, method: str, path: str) -> None:
    answer = api.request(method, path, content=b" " * (LIMIT + 1))

    assert (answer.status, answer.json) == (413, TOO_LARGE)


def test_csv_may_be_ten_times_as_large(api: Api) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "10485761"}

    answer = api.post("/jobs/bulk-upload", content=b"--x--", headers=headers)

    expected = {"error": "Payload too large", "message": "The request body may be at most 10485760 bytes."}
    assert (answer.status, answer.json) == (413, expected)


# Order


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(lambda api: send(api, b"{", as_=None).status == 401, id="no token comes before a malformed body"),
        pytest.param(
            lambda api: send(api, b"{", "text/plain", as_="user").status == 403, id="the role before the type"
        ),
        pytest.param(lambda api: send(api, b"{", "text/plain").json == NO_JSON, id="the type before the JSON"),
        pytest.param(lambda api: send(api, b"[").json == INVALID, id="the JSON before the object"),
        pytest.param(lambda api: send(api, b"[]").json == NO_OBJECT, id="the object before its fields"),
        pytest.param(
            lambda api: api.put("/job-categories/x", {"name": 7}).status == 404, id="the look-up before the fields"
        ),
    ],
)
def test_checks_come_in_the_contracts_order(api: Api, refused: Callable[[Api], bool]) -> None:
    assert refused(api)
    assert len(api.rows(JobCategory)) == 7


def test_unknown_fields_are_ignored_whatever_they_hold(api: Api) -> None:
    odd = {"a": None, "b": {"c": [1, {}]}, "": "x" * 1_000, "name ": 7, "NAME": []}

    assert send(api, json.dumps({"name": "Fresh", **odd}).encode()).status == 201
