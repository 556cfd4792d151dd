"""The file format: streamed, append-safe, and the same content gives the same digest."""

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from parity.recording import Header, Writer, digest, read, rewrite
from parity.values import Answer, Entry, ParityError, Request

SUFFIXES = pytest.mark.parametrize("name", ["one.jsonl", "one.jsonl.gz"], ids=["plain", "gzipped"])
HEADER = Header(created="2026-01-02T03:04:05Z", prefixes=("/api", "/api/v2"), secrets={"ADMIN_PASSWORD": "pseudo"})


def entry(number: int, **given: Any) -> Entry:
    return Entry(
        id=f"e{number}",
        seq=number,
        session="s1" if number % 2 else "s2",
        request=Request("GET", f"/things/{number}?q=%41", (("accept", "*/*"),)),
        answer=Answer(200, (("content-type", "application/json"),), b'{"a": 1}', 0.0125),
        **given,
    )


def recorded(path: Path, count: int = 5) -> list[Entry]:
    entries = [entry(number) for number in range(1, count + 1)]
    with Writer(path, HEADER) as writer:
        for one in entries:
            writer.write(one)
    return entries


@SUFFIXES
def test_what_was_written_is_read(tmp_path: Path, name: str) -> None:
    entries = recorded(tmp_path / name)

    header, there = read(tmp_path / name)

    assert entries == list(there)
    assert not there.torn
    assert header.prefixes == HEADER.prefixes
    assert header.secrets == HEADER.secrets


@SUFFIXES
def test_finishing_writes_the_counts_into_the_header(tmp_path: Path, name: str) -> None:
    recorded(tmp_path / name)

    assert read(tmp_path / name)[0].counts == {"entries": 5, "sessions": 2, "statuses": {"2xx": 5}}
    assert [path.name for path in tmp_path.iterdir()] == [name]


@SUFFIXES
def test_an_entry_is_on_disk_as_soon_as_it_is_written(tmp_path: Path, name: str) -> None:
    writer = Writer(tmp_path / name, HEADER)
    writer.write(entry(1))

    assert [entry(1)] == list(read(tmp_path / name)[1])
    writer.close()


@SUFFIXES
def test_a_recording_can_be_carried_on(tmp_path: Path, name: str) -> None:
    first = recorded(tmp_path / name, 2)
    with Writer(tmp_path / name, Header(prefixes=("/other",))) as writer:
        writer.write(entry(3))

    header, there = read(tmp_path / name)

    assert [*first, entry(3)] == list(there)
    assert header.prefixes == HEADER.prefixes
    assert header.counts["entries"] == 3


@SUFFIXES
def test_a_last_line_cut_off_by_a_crash_is_left_out_and_said(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    writer = Writer(path, HEADER)
    for number in (1, 2, 3):
        writer.write(entry(number))
    writer.close()
    path.write_bytes(path.read_bytes()[:-20])

    there = read(path)[1]
    with caplog.at_level(logging.WARNING):
        entries = list(there)

    assert [entry(1), entry(2)] == entries
    assert there.torn
    assert "cut off" in caplog.text


@SUFFIXES
def test_carrying_on_after_a_crash_drops_the_torn_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    writer = Writer(path, HEADER)
    writer.write(entry(1))
    writer.write(entry(2))
    writer.close()
    path.write_bytes(path.read_bytes()[:-20])

    with Writer(path, HEADER) as writer:
        writer.write(entry(3))

    assert [entry(1), entry(3)] == list(read(path)[1])


def test_a_torn_line_in_the_middle_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    recorded(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2][:30] + b"\n", *lines[3:]]))

    with pytest.raises(ParityError, match=r"one\.jsonl:3: is not JSON"):
        list(read(path)[1])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ":1: is not the header"),
        (b"hello\n", ":1: is not the header"),
        (b"[1]\n", ":1: The format is"),
        (b'{"format":"parity-recording/9"}\n', 'parity-recording/9", not parity-recording/1'),
        (b'{"log":{}}\n', "import the file instead"),
    ],
    ids=["empty", "text", "a list", "another version", "a HAR"],
)
def test_a_file_that_is_no_recording_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)

    with pytest.raises(ParityError) as caught:
        read(path)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match="cannot be read"):
        read(tmp_path / "nowhere.jsonl")


def test_a_line_that_is_no_entry_is_named(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    recorded(path, 1)
    with path.open("ab") as file:
        file.write(b'{"request": 3}\n')

    with pytest.raises(ParityError, match=r"one\.jsonl:3: This is no entry"):
        list(read(path)[1])


def test_the_digest_is_that_of_the_content_not_of_the_compression(tmp_path: Path) -> None:
    recorded(tmp_path / "one.jsonl")
    recorded(tmp_path / "two.jsonl.gz")
    (tmp_path / "three.jsonl.gz").write_bytes(gzip.compress((tmp_path / "one.jsonl").read_bytes(), mtime=77))

    assert len({digest(path) for path in tmp_path.iterdir()}) == 1
    recorded(tmp_path / "four.jsonl", 6)
    assert digest(tmp_path / "four.jsonl") != digest(tmp_path / "one.jsonl")


def test_equal_recordings_are_equal_files_even_gzipped(tmp_path: Path) -> None:
    recorded(tmp_path / "one.jsonl.gz")
    recorded(tmp_path / "two.jsonl.gz")

    assert (tmp_path / "one.jsonl.gz").read_bytes() == (tmp_path / "two.jsonl.gz").read_bytes()
    # Bytes 4 to 8 of a gzip file are its time.
    assert (tmp_path / "one.jsonl.gz").read_bytes()[4:8] == bytes(4)


def test_a_key_of_the_header_that_is_not_known_here_stays(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({**HEADER.to_json(), "weather": "fair"}) + "\n")

    rewrite(path)

    assert read(path)[0].extra == {"weather": "fair"}
    assert json.loads(path.read_text())["weather"] == "fair"


def test_a_rewrite_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    recorded(path)
    before = path.read_bytes()

    def broken(_: Entry) -> Entry:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        rewrite(path, change=broken)

    assert before == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_reading_takes_one_entry_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    recorded(path)
    with path.open("ab") as file:
        file.write(b"broken\n")

    there = read(path)[1]

    assert entry(1) == next(there)


def test_a_url_carries_the_prefix_and_the_target_does_not(tmp_path: Path) -> None:
    recorded(tmp_path / "one.jsonl", 1)

    line = json.loads((tmp_path / "one.jsonl").read_text().splitlines()[1])

    assert line["request"]["url"] == "http://recorded/api/things/1?q=%41"
    assert line["_parity"] == {"id": "e1", "seq": 1, "session": "s1"}
