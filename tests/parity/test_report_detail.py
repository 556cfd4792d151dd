"""What a report shows of one exchange: all of it, in text, and nothing that the mask or the report itself hides."""

import json
import re
from dataclasses import asdict
from typing import Any

import pytest

from parity.detail import mask_of
from parity.redaction.names import Names
from parity.report.detail import Seen, detail_of, spot_of
from parity.report.value import BodyView, Detail
from parity.values import Answer, Difference, Effect, Outcome, Request, RowChange
from tests.parity.report_sample import STACKS

SECRET = "hunter2-\"it's"
JSON = ("content-type", "application/json")


def mask(text: str) -> str:
    """Hide values of keys that name a password, as a caller does."""
    return re.sub(r'("pass\w*":\s*)"(?:[^"\\]|\\.)*"', r'\1"•"', text).replace("hunter2", "•")


def detail(left: Outcome, right: Outcome | None = None, **more: Any) -> Detail:
    request = more.pop("request", Request("GET", "/jobs"))
    return detail_of(Seen("e1", request, (request, request), (left, right or left), **more), STACKS, mask)


def body(raw: bytes) -> BodyView:
    return detail(Outcome(Answer(200, (), raw))).left.body


@pytest.mark.parametrize(
    ("raw", "view"),
    [
        (b"", BodyView()),
        (b'{"a": 1.0}', BodyView("json", '{"a": 1.0}', 10)),
        (b"<p>", BodyView("text", "<p>", 3)),
        (b"\xff\x00", BodyView("binary", "/wA=", 2)),
        (b"a\x00b", BodyView("binary", "YQBi", 3)),
        (b"[" * 5000, BodyView("text", "[" * 5000, 5000)),
        (b"x" * 70_000, BodyView("text", "x" * 65_536, 70_000, cut=True)),
    ],
    ids=["none", "JSON", "text", "bytes", "a NUL", "JSON too deep to read", "long text"],
)
def test_a_body_is_shown_as_what_it_is(raw: bytes, view: BodyView) -> None:
    assert body(raw) == view


def test_no_secret_comes_into_a_detail_by_any_way() -> None:
    content = json.dumps({"password": SECRET, "note": "hunter2"}).encode()
    row = {"id": 1, "password_hash": SECRET, "note": "hunter2"}
    outcome = Outcome(
        Answer(
            200,
            (("set-cookie", "session=hunter2"), ("x-note", "hunter2"), ("Authorization", f"Bearer {SECRET}")),
            content,
            error="hunter2",
        ),
        (RowChange("users", "insert", None, row),),
        (Effect("http", {"body": {"password": SECRET}, "host": "hunter2"}),),
    )
    found = detail(
        outcome,
        request=Request(
            "POST", "/login?q=hunter2", (("authorization", "Basic hunter2"), ("cookie", "a=hunter2"), JSON), content
        ),
        recorded=outcome.answer,
        differences=[
            Difference(
                "rows", "value", "users.password_hash", "users[0].password_hash", SECRET, SECRET + "x", "str", "str"
            )
        ],
        witness=[Difference("answer", "value", "$.password", "$.password", SECRET, "x", "str", "str")],
    )

    assert "hunter2" not in json.dumps(asdict(found), ensure_ascii=False)
    assert "it's" not in json.dumps(asdict(found), ensure_ascii=False)
    assert found.right_rows[0].after == {"id": "1", "password_hash": '"•"', "note": '"•"'}


def test_a_masked_body_is_still_a_command_that_a_shell_takes() -> None:
    content = json.dumps({"password": SECRET, "name": "it's"}).encode()
    found = detail(Outcome(Answer(200)), request=Request("POST", "/login", (JSON,), content))

    assert found.curl["modern"].endswith("""--data-raw '{"password": "•", "name": "it'"'"'s"}'""")


@pytest.mark.parametrize(
    ("left", "right", "texts"),
    [
        (1, 1.0, ("1", "1.0")),
        ("1", None, ('"1"', "null")),
        (10**30, {"a": [True]}, (str(10**30), '{"a": [true]}')),
        (float("nan"), b"\xff", ("NaN", "\"b'\\\\xff'\"")),
        ("x" * 3000, "", ('"' + "x" * 1999 + "…", '""')),
    ],
    ids=["numbers keep their type", "null is not missing", "large and nested", "what JSON cannot say", "long"],
)
def test_values_of_a_spot_are_json_text(left: Any, right: Any, texts: tuple[str, str]) -> None:
    spot = spot_of(Difference("answer", "value", "$.a", "$.a", left, right, "x", "y"), mask)

    assert (spot.left, spot.right) == texts


def test_the_missing_side_of_a_spot_is_empty() -> None:
    spot = spot_of(Difference("answer", "presence", "$.a", "$.a", None, 1, "missing", "int"), mask)

    assert (spot.left, spot.right) == ("", "1")


def test_what_left_the_service_stands_side_by_side_with_marks() -> None:
    call = Effect("http", {"method": "POST", "host": "hooks", "path": "/h", "body": {"ref": "main"}})
    mail = Effect("mail", {"to": ["a@b"], "subject": "x", "body": "y"})
    other = Effect("http", {**call.content, "body": {"ref": "dev"}})
    found = detail(
        Outcome(Answer(200), effects=(call, mail)),
        Outcome(Answer(200), effects=(other, mail)),
        differences=[
            Difference("effects", "value", "http.body.ref", "http[0].body.ref", "main", "dev", "text", "text")
        ],
    )

    assert [(line.left, line.right) for line in found.effects["http"] if line.mark] == [
        ('"ref": "main"', '"ref": "dev"')
    ]
    assert [line for line in found.effects["mail"] if line.mark] == []


def test_spots_of_headers_and_rows_mark_no_line_of_a_body() -> None:
    answer = Answer(200, (JSON,), b'{"users": 1}')
    found = detail(
        Outcome(answer),
        differences=[
            Difference("rows", "value", "users", "users", 1, 2, "int", "int"),
            Difference("answer", "header", "allow", "allow", "a", "b", "str", "str"),
        ],
    )

    assert [line.mark for line in found.lines] == ["", "", ""]


def test_each_difference_names_the_group_it_was_counted_in() -> None:
    found = detail(
        Outcome(Answer(200)),
        differences=[Difference("answer", "value", p, p, 1, 2, "int", "int") for p in ("$.a", "$.b")],
        groups=["g1"],
    )

    assert [spot.group for spot in found.spots] == ["g1", ""]


MASKED = {
    "a password in JSON": ('{"password": "a\\"b", "n": 1}', '{"password": "[hidden]", "n": 1}'),
    "a PIN in a form": ("name=ann&pin=1234", "name=ann&pin=[hidden]"),
    "a key in a query": ("/x?api_key=k-1&page=2", "/x?api_key=[hidden]&page=2"),
    "a name of the project's own": ('{"locker": "12-7"}', '{"locker": "[hidden]"}'),
    "a name that is public": ('{"x_api_key": "of-a-test"}', '{"x_api_key": "of-a-test"}'),
    "a token wherever it stands": ("see eyJhbGciOi.eyJzdWIiOi.c2ln", "see <jwt>"),
    "what only sounds like one": ('{"token_type": "bearer"}', '{"token_type": "bearer"}'),
}


@pytest.mark.parametrize(("text", "shown"), MASKED.values(), ids=MASKED.keys())
def test_a_report_hides_what_a_recording_would_not_hold(text: str, shown: str) -> None:
    assert mask_of(Names(["locker"], ["x-api-key"]))(text) == shown
