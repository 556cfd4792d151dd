"""Golden answers: what was approved is what is read, as text that reads well in a diff."""

import json
from pathlib import Path

import pytest

from parity.golden import Golden, GoldenWriter, golden_file, load_golden, without_tokens
from parity.values import Answer, ParityError
from tests.parity.exchanges import answer

TOKEN = b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"


def approved(tmp_path: Path, *answers: Answer, headers: tuple[str, ...] = ("allow",)) -> Path:
    path = tmp_path / "golden" / "walk.jsonl"
    writer = GoldenWriter(path, headers)
    for number, one in enumerate(answers, 1):
        writer.add(f"e{number}", f"GET /jobs/{number}", one)
    writer.finish({"duration_s": {"float"}, "at": {"time", "epoch"}})
    return path


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":[1,1.5,-0.0,true,null,"\xc3\xbc"],"b":{}}',
        b'{"big":123456789012345678901234567890}',
        b'{"z":1,"a":2}',
        b'"text"',
        b"",
        b"plain text\n",
        b'"\\ud800"',
        '{"a":"\u2028 \x85"}'.encode(),
        "a\u2028b\x85".encode(),
    ],
    ids=[
        "every type",
        "a big integer",
        "order of keys",
        "a JSON text",
        "nothing",
        "no JSON",
        "half a surrogate pair",
        "line ends within JSON",
        "line ends within text",
    ],
)
def test_an_approved_answer_is_read_again(body: bytes, tmp_path: Path) -> None:
    [read] = load_golden(approved(tmp_path, answer(body))).answers.values()

    try:
        assert json.dumps(json.loads(read.body)) == json.dumps(json.loads(body))
    except ValueError:
        assert read.body == body
    assert (read.status, read.headers) == (200, (("content-type", "application/json"),))


def test_only_the_headers_that_are_compared_are_kept(tmp_path: Path) -> None:
    said = answer(b"{}", 405, ("allow", "GET"), ("date", "Sun, 22 Nov 2026 10:00:00 GMT"), ("set-cookie", "s=1"))

    [read] = load_golden(approved(tmp_path, said)).answers.values()

    assert dict(read.headers) == {"content-type": "application/json", "allow": "GET"}


def test_tokens_never_reach_the_file(tmp_path: Path) -> None:
    path = approved(tmp_path, answer(b'{"token":"' + TOKEN + b'","old":"<jwt-12>"}'))

    assert TOKEN not in path.read_bytes()
    assert load_golden(path).answers["e1"].body == b'{"token":"<jwt>","old":"<jwt>"}'
    assert without_tokens(b"<jwt-x> eyJno") == b"<jwt-x> eyJno"


def test_the_leaves_that_change_by_themselves_are_named_first(tmp_path: Path) -> None:
    path = approved(tmp_path, answer())

    first, second = path.read_text().splitlines()
    assert json.loads(first) == {"noise": {"at": ["epoch", "time"], "duration_s": ["float"]}}
    assert json.loads(second)["request"] == "GET /jobs/1"
    assert load_golden(path).noise == {"at": frozenset({"epoch", "time"}), "duration_s": frozenset({"float"})}


def test_approving_the_same_answers_again_changes_no_byte(tmp_path: Path) -> None:
    answers = [answer(b'{"b":1,"a":2}'), answer(b"", 204)]
    before = approved(tmp_path, *answers).read_bytes()

    assert approved(tmp_path, *answers).read_bytes() == before
    assert [file.name for file in (tmp_path / "golden").iterdir()] == ["walk.jsonl"], "no draft is left"


def test_what_is_not_finished_changes_nothing(tmp_path: Path) -> None:
    path = approved(tmp_path, answer())
    before = path.read_bytes()
    GoldenWriter(path, ()).add("e1", "GET /jobs/1", answer(b"{}", 500))

    assert path.read_bytes() == before


def test_without_a_file_nothing_is_approved(tmp_path: Path) -> None:
    assert load_golden(tmp_path / "none.jsonl") == Golden()


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "7", '{"id": "e1"}', '{"status": 200, "json": 1}', '{"noise": 3}', '{"id":"e1","status":200,"text":3}'],
    ids=["torn", "a list", "a number", "no answer", "no id", "no noise", "no text"],
)
def test_an_unreadable_line_is_named(line: str, tmp_path: Path) -> None:
    path = approved(tmp_path, answer())
    path.write_text(path.read_text() + line + "\n")

    with pytest.raises(ParityError) as refused:
        load_golden(path)

    assert str(refused.value).startswith("walk.jsonl, line 3: is no golden answer")
    assert "\n" not in str(refused.value)


def test_a_recordings_answers_lie_under_its_name() -> None:
    assert golden_file(Path("golden"), Path("recordings/walk.jsonl.gz")) == Path("golden/walk.jsonl")
