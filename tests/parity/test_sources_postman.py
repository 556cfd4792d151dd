"""Postman collections become entries: variables filled in, tokens bound to the login that gives them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from parity.config import Account, Login
from parity.redaction import Redactor
from parity.sources import Imported, Options, import_file
from parity.values import ParityError, header

KEY = b"k" * 32
JSON_HEADER = [{"key": "Content-Type", "value": "application/json"}]
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


def request(url: Any = "{{BASE}}/api/x", method: str = "GET", **given: Any) -> dict[str, Any]:
    script = {"event": [{"listen": "test", "script": {"exec": given.pop("script")}}]} if "script" in given else {}
    return {"name": given.pop("name", "one"), "request": {"method": method, "url": url, **given}, **script}


def raw(document: Any) -> dict[str, Any]:
    return {"mode": "raw", "raw": json.dumps(document)}


def login(**body: str) -> dict[str, Any]:
    return request("{{BASE}}/api/login", "POST", header=JSON_HEADER, body=raw(body), name="login")


def imported(tmp_path: Path, *items: dict[str, Any], variables: dict[str, str] | None = None, **given: Any) -> Imported:
    values = {"BASE": "http://localhost:5000", **(variables or {})}
    document = {
        "info": {"name": "c", "schema": SCHEMA},
        "item": list(items),
        "variable": [{"key": key, "value": value} for key, value in values.items()],
        **given.pop("collection", {}),
    }
    path = tmp_path / "c.json"
    path.write_text(json.dumps(document))
    return import_file(path, Options(Redactor(KEY), **{"prefixes": ("/api",), "login": Login(path="/login"), **given}))


def test_folders_are_walked_in_order_as_one_session(tmp_path: Path) -> None:
    result = imported(
        tmp_path, {"name": "A", "item": [{"name": "B", "item": [request(name="first")]}]}, request(name="second")
    )

    assert [entry.meta["title"] for entry in result.entries] == ["A / B / first", "second"]
    assert [(entry.id, entry.seq, entry.session) for entry in result.entries] == [
        ("postman-0001", 1, "postman"),
        ("postman-0002", 2, "postman"),
    ]
    assert all(entry.answer is None for entry in result.entries)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("{{BASE}}/api/users/{{ID}}?x={{ID}}", "/users/1?x=1"),
        ({"raw": "{{BASE}}/api/a", "host": ["{{BASE}}"], "path": ["api", "a"]}, "/a"),
        ({"raw": "{{BASE}}/api/u/:id/x", "variable": [{"key": "id", "value": "7"}]}, "/u/7/x"),
        (
            {
                "host": ["{{BASE}}"],
                "path": ["api", "b"],
                "query": [{"key": "q", "value": "1"}, {"key": "r", "disabled": True}],
            },
            "/b?q=1",
        ),
        ("{{UNKNOWN}}/api/x", "/x"),
        ("localhost:5000/api/x", "/x"),
        ("{{NESTED}}/x", "/x"),
        ("{{BASE}}/api/a b/é", "/a%20b/%C3%A9"),
        ("{{BASE}}/api/a%20b", "/a%20b"),
    ],
    ids=[
        "variables",
        "object",
        "path variable",
        "parts",
        "unknown address",
        "no scheme",
        "nested",
        "to be encoded",
        "encoded",
    ],
)
def test_a_target_has_its_variables_filled_in(tmp_path: Path, url: Any, target: str) -> None:
    result = imported(tmp_path, request(url), variables={"ID": "1", "NESTED": "{{BASE}}/api"})

    assert [target] == [entry.request.target for entry in result.entries]


def test_an_empty_token_variable_is_bound_to_the_first_complete_login(tmp_path: Path) -> None:
    bearer = [{"key": "Authorization", "value": "Bearer {{ACCESS_TOKEN}}"}]
    refresh = [{"key": "Authorization", "value": "Bearer {{REFRESH_TOKEN}}"}]
    result = imported(
        tmp_path,
        login(username="a"),
        login(username="boss", password="secret-of-boss1"),
        request(header=bearer),
        request(header=refresh),
        variables={"ACCESS_TOKEN": "", "REFRESH_TOKEN": ""},
    )
    use, again = result.entries[2:]

    assert header(use.request.headers, "authorization") == "Bearer <jwt-1>"
    assert use.meta["tokens_from"] == {"<jwt-1>": {"entry": "postman-0002", "path": "$.access_token"}}
    assert header(again.request.headers, "authorization") == "Bearer <jwt-2>"
    assert again.meta["tokens_from"] == {"<jwt-2>": {"entry": "postman-0002", "path": "$.refresh_token"}}
    assert "tokens_from" not in result.entries[0].meta
    assert sum("variable left empty" in note for note in result.notes) == 2


def test_a_script_says_where_a_token_comes_from(tmp_path: Path) -> None:
    script = ["const body = pm.response.json();", 'pm.environment.set("my_token", body.data.tokens[0].jwt);']
    result = imported(
        tmp_path,
        {**login(username="boss", password="secret-of-boss1"), **{"event": [{"script": {"exec": script}}]}},
        request(auth={"type": "bearer", "bearer": [{"key": "token", "value": "{{my_token}}"}]}),
    )

    assert result.entries[1].meta["tokens_from"] == {
        "<jwt-1>": {"entry": "postman-0001", "path": "$.data.tokens[0].jwt"}
    }


def test_a_variable_without_value_leaves_its_request_out(tmp_path: Path) -> None:
    result = imported(tmp_path, request("{{BASE}}/api/x/{{THING}}", name="lost"), request())

    assert len(result.entries) == 1
    assert [(one.reason, one.count, one.examples) for one in result.left_out] == [
        ("the variable {{THING}} has no value", 1, ("GET lost",))
    ]


def test_a_given_variable_wins_over_the_collections_own(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    imported(tmp_path, request("{{BASE}}/api/{{ID}}"), variables={"ID": "1"})

    result = import_file(path, Options(Redactor(KEY), prefixes=("/api",), variables={"ID": "22"}))

    assert result.entries[0].request.target == "/22"


@pytest.mark.parametrize(
    ("body", "sent", "media"),
    [
        (
            {"mode": "raw", "raw": '{"a": {{N}}}', "options": {"raw": {"language": "json"}}},
            b'{"a": 5}',
            "application/json",
        ),
        ({"mode": "raw", "raw": "x"}, b"x", "text/plain"),
        (
            {"mode": "urlencoded", "urlencoded": [{"key": "a", "value": "{{N}} 6"}, {"key": "b", "disabled": True}]},
            b"a=5+6",
            "application/x-www-form-urlencoded",
        ),
        (
            {"mode": "graphql", "graphql": {"query": "{x}", "variables": '{"n": {{N}}}'}},
            b'{"query": "{x}", "variables": {"n": 5}}',
            "application/json",
        ),
        (None, b"", None),
    ],
    ids=["json", "text", "form", "graphql", "none"],
)
def test_a_body_is_sent_as_postman_sends_it(tmp_path: Path, body: Any, sent: bytes, media: str | None) -> None:
    entry = imported(tmp_path, request(method="POST", body=body), variables={"N": "5"}).entries[0]

    assert sent == entry.request.body
    assert media == header(entry.request.headers, "content-type")


def test_a_file_that_is_not_in_the_collection_is_said(tmp_path: Path) -> None:
    body = {
        "mode": "formdata",
        "formdata": [{"key": "f", "type": "file", "src": "/home/me/a.csv"}, {"key": "n", "value": "1"}],
    }
    result = imported(tmp_path, request(method="POST", body=body))

    assert result.entries[0].meta["request_body"] == "missing"
    assert b'name="f"; filename="a.csv"' in result.entries[0].request.body
    assert any("whose file the collection does not hold" in note for note in result.notes)


@pytest.mark.parametrize(
    ("auth", "place", "value"),
    [
        ({"type": "bearer", "bearer": [{"key": "token", "value": "<jwt-4>"}]}, "authorization", "Bearer <jwt-4>"),
        (
            {"type": "apikey", "apikey": [{"key": "key", "value": "X-Thing"}, {"key": "value", "value": "5"}]},
            "x-thing",
            "5",
        ),
        ({"type": "noauth"}, "authorization", None),
    ],
    ids=["bearer", "key", "none"],
)
def test_the_auth_of_a_folder_or_collection_holds_for_its_requests(
    tmp_path: Path, auth: dict[str, Any], place: str, value: str | None
) -> None:
    above = imported(tmp_path, request(), collection={"auth": auth}).entries[0]
    folder = imported(tmp_path, {"name": "f", "auth": auth, "item": [request()]}).entries[0]

    assert value == header(above.request.headers, place) == header(folder.request.headers, place)


def test_basic_auth_is_encoded_with_a_pseudonym(tmp_path: Path) -> None:
    basic = [{"key": "username", "value": "boss"}, {"key": "password", "value": "secret-of-boss1"}]
    entry = imported(tmp_path, request(auth={"type": "basic", "basic": basic})).entries[0]
    value = header(entry.request.headers, "authorization")

    assert value
    assert base64.b64decode(value[6:]).decode() == "boss:" + Redactor(KEY).pseudonym("secret-of-boss1")


def test_made_up_values_are_the_same_at_each_import(tmp_path: Path) -> None:
    one = imported(tmp_path, request("{{BASE}}/api/{{$guid}}"), request("{{BASE}}/api/{{$guid}}")).entries
    two = imported(tmp_path, request("{{BASE}}/api/{{$guid}}"), request("{{BASE}}/api/{{$guid}}")).entries

    assert one == two
    assert one[0].request.target != one[1].request.target


def test_the_account_of_the_first_complete_login_has_its_password_in_the_header(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        login(username="boss"),
        login(username="boss", password="secret-of-boss1"),
        login(username="boss", password="wrong-password"),
        accounts=(Account(username="boss", password_env="BOSS_PASSWORD"),),
    )

    assert result.header.secrets == {"BOSS_PASSWORD": Redactor(KEY).pseudonym("secret-of-boss1")}


def test_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"export it as Collection v2\.1"):
        imported(
            tmp_path,
            request(),
            collection={"info": {"schema": "https://schema.getpostman.com/json/collection/v1.0.0/"}},
        )
