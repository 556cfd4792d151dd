"""Which earlier exchanges one needs: those that first showed an id or a token that it sends, and what those need."""

from dataclasses import replace

import pytest

from parity.dependencies import needed_by, on_the_same, writes_before
from parity.values import Answer, Entry
from tests.parity.exchanges import entry

JOB, TEAM, RUN = (f"{n:08x}-1111-4111-8111-111111111111" for n in (1, 2, 3))
BEARER = ("authorization", "Bearer <jwt-1>")
LOGIN = entry(1, "POST", "/login", b'{"name":"ann"}', b'{"token":"<jwt-1>"}')
HEALTH = entry(2, "GET", "/health")
MAKE_TEAM = entry(3, "POST", "/teams", b'{"name":"a"}', f'{{"id":"{TEAM}"}}'.encode(), BEARER)
MAKE_JOB = entry(4, "POST", "/jobs", f'{{"team":"{TEAM}"}}'.encode(), f'{{"id":"{JOB}","team":"{TEAM}"}}'.encode())
LIST = entry(5, "GET", "/jobs", b"", f'[{{"id":"{JOB}"}}]'.encode(), BEARER)


@pytest.mark.parametrize(
    ("last", "needed"),
    [
        (entry(6, "GET", "/health"), [6]),
        (entry(6, "GET", "/jobs", b"", b"[]", BEARER), [1, 6]),
        (entry(6, "GET", f"/jobs/{JOB}"), [1, 3, 4, 6]),
        (entry(6, "GET", f"/jobs?team={TEAM}"), [1, 3, 6]),
        (entry(6, "POST", "/links", f'{{"jobs":["{JOB}"]}}'.encode()), [1, 3, 4, 6]),
        (entry(6, "GET", f"/runs/{RUN}"), [6]),
        (entry(6, "GET", "/me", b"", b"{}", ("cookie", "session=<jwt-1>; x=1")), [1, 6]),
    ],
    ids=[
        "nothing",
        "a token",
        "an id, and what made it",
        "an id in the query",
        "an id in the body",
        "an id that nobody showed",
        "a token in a cookie",
    ],
)
def test_an_exchange_needs_those_that_showed_what_it_sends(last: Entry, needed: list[int]) -> None:
    entries = [LOGIN, HEALTH, MAKE_TEAM, MAKE_JOB, LIST, last]

    assert [entries[position].seq for position in needed_by(entries, 5)] == needed


def test_the_first_that_showed_an_id_counts_not_one_that_was_asked_for_it() -> None:
    asked = entry(1, "GET", f"/jobs/{JOB}", b"", f'{{"error":"no job {JOB}"}}'.encode())
    listed = entry(2, "GET", "/jobs", b"", f'["{JOB}"]'.encode())
    wanted = entry(3, "GET", f"/jobs/{JOB}")

    assert needed_by([asked, listed, wanted], 2) == [1, 2]


@pytest.mark.parametrize(
    ("target", "needed"),
    [("/jobs/7", [0, 2]), ("/jobs/7/runs?x=1", [0, 2]), ("/teams/7", [1, 2]), ("/jobs/8", [2]), ("/jobs/77", [2])],
    ids=["a number", "a number before more", "the same number elsewhere", "another number", "a longer number"],
)
def test_a_number_belongs_to_its_collection(target: str, needed: list[int]) -> None:
    entries = [
        entry(1, "POST", "/jobs", b"{}", b'{"id": 7}'),
        entry(2, "POST", "/teams/", b"{}", b'{"team":{"id":7}}'),
        entry(3, "GET", target),
    ]

    assert needed_by(entries, 2) == needed


def test_what_comes_later_is_never_needed() -> None:
    later = entry(2, "POST", "/jobs", b"{}", f'{{"id":"{JOB}"}}'.encode())

    assert needed_by([entry(1, "GET", f"/jobs/{JOB}"), later], 0) == [0]


def test_exchanges_without_an_answer_show_nothing() -> None:
    entries = [entry(1, "POST", "/jobs", b"{}", None), entry(2, "GET", "/jobs/7")]

    assert needed_by(entries, 1) == [1]


def test_those_on_the_same_thing_come_with_what_they_need() -> None:
    other = entry(5, "GET", "/teams", b"", b"[]", BEARER)
    first = entry(6, "DELETE", f"/jobs/{JOB}", b"", b"", BEARER)
    second = entry(7, "DELETE", f"/jobs/{JOB}", b"", b"", BEARER)

    assert on_the_same([LOGIN, HEALTH, MAKE_TEAM, MAKE_JOB, other, first, second], 6) == [0, 2, 3, 5]


def test_sharing_a_token_is_not_being_on_the_same_thing() -> None:
    mine, others = (entry(n, "GET", "/jobs", b"", b"[]", BEARER) for n in (2, 3))

    assert on_the_same([LOGIN, mine, others], 2) == [0]


def test_reads_and_what_was_refused_wrote_nothing() -> None:
    refused = entry(2, "POST", "/jobs", b"{}", b"{}")
    refused = replace(refused, answer=Answer(400))

    assert writes_before([LOGIN, refused, HEALTH, MAKE_TEAM, MAKE_JOB], 4) == [0, 3]
