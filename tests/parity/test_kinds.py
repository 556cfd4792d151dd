"""What a leaf is, in which format, and on which axis two of them differ."""

from typing import Any

import pytest

from parity.compare.kinds import axis_between, id_of, ids_in, jwt_parts, kind_of, random_alike, value_class
from tests.parity.planted import NOW, jwt, own_id, token

UUID = "9f5c3209-161b-43cb-bd7d-9fdeccee14b3"
ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

KINDS: list[tuple[Any, str]] = [
    (None, "null"),
    (True, "bool"),
    (0, "int"),
    (2**70, "int"),
    (1.5, "float"),
    ("", "empty"),
    ({}, "object"),
    ([], "array"),
    (UUID, "uuid(4)"),
    (UUID.upper(), "uuid(4,upper)"),
    ("00000000-0000-0000-0000-000000000001", "uuid(0)"),
    (UUID.replace("-", ""), "hex(32)"),
    ("0123456789ABCDEF", "hex(16,upper)"),
    (ULID, "ulid"),
    (jwt("left"), "jwt"),
    ("2026-11-22T10:00:00Z", "time(iso,s,Z)"),
    ("2026-11-22T10:00:00.123+00:00", "time(iso,ms,+00:00)"),
    ("2026-11-22T10:00:00.123456-0530", "time(iso,us,-0530)"),
    ("2026-11-22 10:00:00.123456", "time(iso,us,none,space)"),
    ("2026-11-22T10:00:00.12", "time(iso,2 digits,none)"),
    ("2026-11-22T10:00", "time(iso,min,none)"),
    ("2026/11/22 10:00:00", "time(iso,s,none,space,slash)"),
    ("20261122T100000Z", "time(basic,s,Z)"),
    ("Sun, 22 Nov 2026 10:00:00 GMT", "time(http,GMT)"),
    ("2026-11-22", "date(iso)"),
    ("2026-13-22", "text"),
    ("2026-11-22T25:00:00Z", "text"),
    ("10:30", "clock(min)"),
    ("10:30:59.5", "clock(1 digits)"),
    ("7", "digits"),
    ("007", "digits(padded)"),
    ("0", "digits"),
    ("7.50", "decimal(2)"),
    ("$2b$12$" + "a" * 53, "hash(2b,12,53)"),
    ("$pbkdf2-sha256$29000$abc$defg", "hash(pbkdf2-sha256,29000,3,4)"),
    ("pbkdf2:sha256:600000$abc$defg", "hash(pbkdf2:sha256:600000,3,4)"),
    ("https://example.com/x", "url"),
    ("ada@example.com", "email"),
    ("Leave at the door", "text"),
    ("nightly-backup-of-2026", "text"),
    ("internationalization", "text"),
    (token("left", "x", 22), "opaque(22)"),
]


@pytest.mark.parametrize(("value", "expected"), KINDS, ids=[f"{str(value)[:30]} is {kind}" for value, kind in KINDS])
def test_a_leaf_has_a_kind(value: Any, expected: str) -> None:
    assert str(kind_of(value)) == expected


@pytest.mark.parametrize(
    ("value", "key", "expected"),
    [
        (1_795_341_600, "exp", "epoch(s)"),
        (1_795_341_600.5, "created_at", "epoch(s,float)"),
        (1_795_341_600_000, "timestamp", "epoch(ms)"),
        (1_765_341_600, "bytes", "int"),
        (17, "created_at", "int"),
        (int(NOW.timestamp()), "x", "epoch(s)"),
        (int(NOW.timestamp()) - 10**7, "x", "int"),
    ],
)
def test_a_number_is_an_epoch_by_its_key_or_because_it_is_near(value: float, key: str, expected: str) -> None:
    assert str(kind_of(value, key, NOW.timestamp())) == expected


@pytest.mark.parametrize(
    ("left", "right", "axis"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z", "value"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z", "format"),
        ("2026-11-22T10:00:00Z", "2026-11-22", "format"),
        (UUID, "none", "format"),
        (UUID, "", "format"),
        ("a", "", "value"),
        ("a", "b", "value"),
        ("7", "07", "format"),
        ("7", "a", "value"),
        ("https://a/b", "http://a/b", "value"),
        ("$2b$12$" + "a" * 53, "$2b$10$" + "a" * 53, "format"),
    ],
)
def test_two_texts_differ_in_value_or_in_format(left: str, right: str, axis: str) -> None:
    assert axis_between(kind_of(left), kind_of(right)) == axis
    assert axis_between(kind_of(right), kind_of(left)) == axis


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 2, "int"),
        (1, 1.0, ""),
        (1.0, 2.5, "float"),
        (True, False, "bool"),
        (None, 1, ""),
        ("2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z", "time"),
        ("2026-11-22T10:00:00Z", "2026-11-22T11:00:00.0Z", ""),
        (UUID, own_id("left", "x"), "uuid"),
        ("a word", "other words", "text"),
        ("a word", "", "empty"),
        ("7", "8", "digits"),
        ([], [1], ""),
    ],
)
def test_noise_has_the_class_of_both_values_or_none(left: Any, right: Any, expected: str) -> None:
    assert value_class(left, right) == expected


def test_an_id_is_the_same_id_however_it_is_written() -> None:
    assert id_of(UUID) == id_of(UUID.upper()) == id_of(UUID.replace("-", "")) == ("uuid", UUID.replace("-", ""))


def test_ids_are_found_anywhere_in_a_text() -> None:
    plain = UUID.replace("-", "")
    text = f'{{"a": "{UUID}", "thing_{UUID}": ["/x/{UUID}?y"], "words": "internationalization-of-everything"}}'

    assert ids_in(text) == [("uuid", plain)] * 3
    assert set(ids_in(text.encode())) == {("uuid", plain)}
    assert ids_in(f'"{UUID}'.encode()) == [("uuid", plain)]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (token("left", "a", 22), token("right", "a", 22), True),
        ("sk_live_" + token("left", "a", 16), "sk_live_" + token("right", "a", 16), True),
        (token("left", "a", 22), token("right", "a", 24), False),
        ("JobNumber000000123456", "JobNumber000000123457", False),
        ("nightly-backup-2026-01", "weekly-cleaning-2026-02", False),
        ("internationalization", "characterization-two", False),
        ("/api/jobs/nightly1234", "/api/runs/weeklyy5678", False),
    ],
)
def test_random_tokens_are_told_from_names(left: str, right: str, expected: bool) -> None:
    assert random_alike(left, right) == expected


def test_random_tokens_are_nearly_all_known_as_such() -> None:
    pairs = [(token("left", str(n), 22), token("right", str(n), 22)) for n in range(4_000)]

    unknown = [pair for pair in pairs if not random_alike(*pair)]

    assert len(unknown) <= 2, unknown


@pytest.mark.parametrize("text", ["eyJ.e.x", "eyJhbGciOiJub25lIn0.e30", "eyJhbGciOiJub25lIn0.!!.x", "abc"])
def test_what_looks_like_a_token_and_is_none_has_no_claims(text: str) -> None:
    assert jwt_parts(text) is None
