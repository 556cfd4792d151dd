"""HAR files become entries; what is left out is counted, and what is missing is said."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from parity.config import Account, Login
from parity.har import to_har
from parity.recording import Writer, read
from parity.redaction import Redactor, scan
from parity.sources import Imported, Options, import_file
from parity.values import ParityError, header

KEY = b"k" * 32
START = "2026-05-01T10:00:00.000Z"


def options(**given: Any) -> Options:
    return Options(Redactor(KEY), **{"prefixes": ("/api", "/api/v2"), **given})


def call(url: str = "http://h:1/api/things", method: str = "GET", status: int = 200, **given: Any) -> dict[str, Any]:
    """Return a HAR entry as a browser writes it; `request`, `response` and `content` add to those parts."""
    headers = given.get("headers", {"Accept": "*/*"})
    return {
        "startedDateTime": given.get("started", START),
        "time": 12.5,
        "request": {
            "method": method,
            "url": url,
            "headers": [{"name": name, "value": value} for name, value in headers.items()],
            "bodySize": 0,
            **given.get("request", {}),
        },
        "response": {
            "status": status,
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "content": given.get("content", {"size": 2, "mimeType": "application/json", "text": "{}"}),
            **given.get("response", {}),
        },
        **given.get("more", {}),
    }


def imported(tmp_path: Path, *calls: dict[str, Any], **given: Any) -> Imported:
    path = tmp_path / "x.har"
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": calls}}))
    return import_file(path, options(**given))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h/api/things?a=%41+b#top", "/things?a=%41+b"),
        ("https://u:p@h:8443/api/v2/things", "/things"),
        ("http://h/api", ""),
        ("http://h/api?x=1", "?x=1"),
        ("http://h/api/v2x", "/v2x"),
        ("http://h/api/a%2Fb/%e3%81%82//c", "/a%2Fb/%e3%81%82//c"),
    ],
    ids=["query and fragment", "longest prefix", "prefix alone", "prefix and query", "not that prefix", "raw"],
)
def test_a_target_is_the_raw_rest_after_the_longest_prefix(tmp_path: Path, url: str, target: str) -> None:
    assert target == imported(tmp_path, call(url)).entries[0].request.target


def test_an_entry_under_another_prefix_keeps_its_address(tmp_path: Path) -> None:
    first, second = imported(tmp_path, call("http://h/api/a"), call("http://h/api/v2/b")).entries

    assert "base" not in first.meta
    assert second.meta["base"] == "http://recorded/api/v2"


def test_what_is_left_out_is_counted_with_a_reason_and_examples(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        call(),
        call("http://h/assets/a.js"),
        call("http://h/apical"),
        call(status=-1),
        call(status=0),
        call("data:text/plain,x"),
        call("wss://h/api/socket"),
    )

    assert len(result.entries) == 1
    assert {(one.reason.partition(" ")[0], one.count) for one in result.left_out} == {
        ("outside", 2),
        ("given", 2),
        ("no", 2),
    }
    assert next(o.examples for o in result.left_out if "outside" in o.reason) == ("GET /assets/a.js", "GET /apical")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"content": {"size": -1, "mimeType": "x"}}, True),
        ({"content": {"size": 20, "mimeType": "x"}}, True),
        ({"content": {"size": 0, "mimeType": "x"}}, False),
        ({"status": 204, "content": {"size": -1}}, False),
        ({"status": 304, "content": {}}, False),
        ({"method": "HEAD", "content": {"size": -1}}, False),
        ({"content": {"size": 0, "text": ""}}, False),
    ],
    ids=["unknown size", "known size", "empty", "204", "304", "HEAD", "empty text"],
)
def test_a_missing_answer_body_is_said_and_an_empty_one_is_not_missing(
    tmp_path: Path, given: dict[str, Any], missing: bool
) -> None:
    result = imported(tmp_path, call(**given))

    assert ("missing" if missing else None) == result.entries[0].meta.get("answer_body")
    assert missing == any("answers whose body" in note for note in result.notes)
    assert result.entries[0].answer
    assert result.entries[0].answer.status == given.get("status", 200)


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({"request": {"postData": {"text": "{}"}}}, b"{}"),
        ({"request": {"postData": {"text": "/wA=", "encoding": "base64"}}}, b"\xff\x00"),
        ({"request": {"postData": {"params": [{"name": "a", "value": "b c"}]}}}, b"a=b+c"),
        ({"headers": {"Content-Length": "484"}}, None),
        ({"request": {"bodySize": 12}}, None),
        ({"headers": {"Content-Length": "0"}}, b""),
        ({}, b""),
    ],
    ids=["text", "base64", "parameters", "length without body", "size without body", "length nought", "none"],
)
def test_a_request_body_is_read_or_said_to_be_missing(
    tmp_path: Path, given: dict[str, Any], body: bytes | None
) -> None:
    result = imported(tmp_path, call(method="POST", **given))

    assert (body or b"") == result.entries[0].request.body
    assert (result.entries[0].meta.get("request_body") == "missing") == (body is None)
    assert bool(result.notes) == (body is None)


def test_a_multipart_body_is_rebuilt_from_its_parameters(tmp_path: Path) -> None:
    params = [
        {"name": "a", "value": "1"},
        {"name": "f", "fileName": "x.csv", "contentType": "text/csv", "value": "n\n1"},
    ]
    result = imported(
        tmp_path,
        call(
            method="POST",
            headers={"Content-Type": "multipart/form-data; boundary=XX"},
            request={"postData": {"mimeType": "multipart/form-data", "params": params}},
        ),
    )

    body = result.entries[0].request.body
    assert body.startswith(b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--XX\r\n')
    assert b'name="f"; filename="x.csv"\r\nContent-Type: text/csv\r\n\r\nn\n1\r\n--XX--\r\n' in body


def test_headers_of_the_connection_and_the_browser_are_dropped(tmp_path: Path) -> None:
    sent = {
        ":authority": "h", "Host": "h", "Connection": "keep-alive", "User-Agent": "x", "Accept-Encoding": "gzip", "sec-ch-ua": "x",
        "Sec-Fetch-Mode": "cors", "Referer": "http://h/", "Content-Length": "0", "Accept": "a", "Accept-Language": "en", "Origin": "http://h",
        "X-Thing": "1", "If-None-Match": '"a"', "Idempotency-Key": "k", "Cookie": "lang=en",
    }  # fmt: skip
    request = imported(tmp_path, call(headers=sent)).entries[0].request

    assert [name for name, _ in request.headers] == [
        "accept", "accept-language", "origin", "x-thing", "if-none-match", "idempotency-key", "cookie",
    ]  # fmt: skip


def test_answers_keep_all_headers_time_and_bytes(tmp_path: Path) -> None:
    content = {"size": 2, "mimeType": "image/png", "text": base64.b64encode(b"\xff\xfe").decode(), "encoding": "base64"}
    joined = {
        "headers": [
            {"name": "Set-Cookie", "value": "a=1\nb=2"},
            {"name": "X", "value": "1"},
            {"name": "X", "value": "2"},
        ]
    }
    entry = imported(tmp_path, call(content=content, response=joined)).entries[0]

    assert entry.answer
    assert entry.answer.body == b"\xff\xfe"
    assert entry.answer.elapsed_s == 0.0125
    assert [value for name, value in entry.answer.headers if name == "x"] == ["1", "2"]
    assert entry.started == START


def test_entries_come_in_the_order_they_began(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        call("http://h/api/c", started="2026-05-01T12:00:02+02:00", more={"_session": "b"}),
        call("http://h/api/a", started="2026-05-01T10:00:00.500Z", more={"_session": "a"}),
        call("http://h/api/b", started="2026-05-01T10:00:01Z"),
    )

    assert [entry.request.target for entry in result.entries] == ["/a", "/b", "/c"]
    assert [entry.seq for entry in result.entries] == [1, 2, 3]
    assert [entry.session for entry in result.entries] == ["a", "browser", "b"]
    assert [entry.id for entry in result.entries] == ["har-0002", "har-0003", "har-0001"]
    assert result.header.clock_start == "2026-05-01T10:00:00.500Z"


# --- accounts and secrets ------------------------------------------------------------------------------------------


def login(name: str, password: str, status: int = 200, key: str = "username") -> dict[str, Any]:
    body = json.dumps({key: name, "password": password})
    return call(
        "http://h/api/login", "POST", status, request={"postData": {"mimeType": "application/json", "text": body}}
    )


ACCOUNT = {"login": Login(path="/login"), "accounts": (Account(username="boss", password_env="BOSS_PASSWORD"),)}


def test_the_password_of_the_first_successful_login_goes_into_the_header_as_pseudonym(tmp_path: Path) -> None:
    result = imported(
        tmp_path, login("boss", "wrong-one", 401), login("other", "others-own"), login("boss", "right-one1"), **ACCOUNT
    )

    assert result.header.secrets == {"BOSS_PASSWORD": json.loads(result.entries[2].request.body)["password"]}
    assert result.header.secrets["BOSS_PASSWORD"] == Redactor(KEY).pseudonym("right-one1")


def test_an_account_may_be_named_by_a_variable(tmp_path: Path) -> None:
    accounts = (Account(username_env="BOSS", password_env="BOSS_PASSWORD"),)
    calls = [login("boss@x.example", "right-one1", key="email")]

    found = imported(
        tmp_path, *calls, accounts=accounts, environ={"BOSS": "boss@x.example"}, login=Login(path="/login")
    )
    unset = imported(tmp_path, *calls, accounts=accounts, login=Login(path="/login"))

    assert set(found.header.secrets) == {"BOSS_PASSWORD"}
    assert unset.header.secrets == {}
    assert any("BOSS is not set" in note for note in unset.notes)


def test_an_account_that_never_logs_in_is_said(tmp_path: Path) -> None:
    result = imported(tmp_path, call(), **ACCOUNT)

    [note] = [note for note in result.notes if 'no successful login of "boss"' in note]
    assert "set names and password of [parity.login]" in note


def test_people_may_log_in_with_other_fields(tmp_path: Path) -> None:
    body = {"mimeType": "application/json", "text": json.dumps({"member": "boss", "pin": "right-one1"})}
    fields = Login(path="/login", names=("member",), password="pin")
    accounts = (Account(username="boss", password_env="BOSS_PIN"),)
    result = imported(
        tmp_path, call("http://h/api/login", "POST", request={"postData": body}), accounts=accounts, login=fields
    )

    assert set(result.header.secrets) == {"BOSS_PIN"}
    assert b"right-one1" not in result.entries[0].request.body


def test_a_secret_echoed_before_it_was_named_is_not_in_the_entries(tmp_path: Path) -> None:
    result = imported(tmp_path, call("http://h/api/x?q=right-one1"), login("boss", "right-one1"), **ACCOUNT)

    assert "right-one1" not in str(result)


def test_blanked_tokens_stay_and_new_ones_get_other_numbers(tmp_path: Path) -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    result = imported(
        tmp_path,
        call(headers={"Authorization": f"Bearer {jwt}"}),
        call(headers={"Authorization": "Bearer <jwt-9>"}, started="2026-05-01T10:00:01Z"),
    )

    assert [header(entry.request.headers, "authorization") for entry in result.entries] == [
        "Bearer <jwt-10>",
        "Bearer <jwt-9>",
    ]


# --- files ---------------------------------------------------------------------------------------------------------


def test_a_gzipped_file_is_read_alike(tmp_path: Path) -> None:
    plain = json.dumps({"log": {"entries": [call()]}}).encode()
    (tmp_path / "x.har.gz").write_bytes(gzip.compress(plain))

    assert len(import_file(tmp_path / "x.har.gz", options()).entries) == 1


def test_an_import_is_written_read_and_exported_without_loss(tmp_path: Path) -> None:
    result = imported(tmp_path, call(), login("boss", "right-one1"), call("http://h/api/v2/x"), **ACCOUNT)
    path = tmp_path / "r.jsonl.gz"
    with Writer(path, result.header) as writer:
        for entry in result.entries:
            writer.write(entry)
    block, entries = read(path)
    exported = tmp_path / "back.har"
    exported.write_text(json.dumps(to_har(block.to_json(), entries)))

    again = import_file(exported, options())

    assert list(result.entries) == list(again.entries)
    assert block == again.header
    assert not scan(path, ["right-one1"])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.har", "{", "is not JSON"),
        ("x.har", "[]", "is none of HAR, Postman v2.1 and OpenAPI 3"),
        ("x.json", '{"a": 1}', "is none of HAR, Postman v2.1 and OpenAPI 3"),
        ("x.json", '{"swagger": "2.0"}', "convert it to OpenAPI 3"),
        ("x.jsonl", '{"format":"parity-recording/1"}\n{}\n', "is a recording already"),
        ("x.har", '{"log": {"entries": [{}]}}', "without request or response"),
        ("x.har", '{"log": {"entries": [{"request": 1, "response": 2}]}}', "is not well formed"),
        ("x.yaml", "a: [", "is not YAML"),
    ],
    ids=["cut", "list", "unknown", "swagger", "recording", "empty entry", "malformed", "yaml"],
)
def test_a_file_that_cannot_be_imported_is_named(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(ParityError) as caught:
        import_file(tmp_path / name, options())

    assert str(caught.value).startswith(str(tmp_path / name))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match="cannot be read"):
        import_file(tmp_path / "nowhere.har", options())
