"""The parts of an exploration: operations of a document, what answers teach, and faults put into requests."""

import random
from typing import Any

import orjson
import pytest

from parity.config import Login
from parity.explore.document import Operation, operations_of
from parity.explore.faults import changed, odd_authorization, with_fault, written
from parity.explore.plan import Account, Planner
from parity.explore.state import Blanked, Known, Seed, Taken
from parity.reach.wire import request_bytes
from parity.values import Answer, ParityError, Request

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"


def document(*paths: str) -> dict[str, Any]:
    answers = {"responses": {"200": {"description": "fine"}}}
    needed = [{"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}}]
    listed = {path: {"get": answers | ({"parameters": needed} if "{" in path else {})} for path in paths}
    return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": listed}


PREFIXES = [
    pytest.param(["/api/v2/jobs", "/docs"], ["/jobs"], id="paths hold the prefix, others are left out"),
    pytest.param(["/jobs", "/teams"], ["/jobs", "/teams"], id="paths hold none"),
    pytest.param(["/api/jobs"], ["/jobs"], id="paths hold the primary's"),
    pytest.param(["/apiary"], ["/apiary"], id="a path that only begins like a prefix"),
]


@pytest.mark.parametrize(("paths", "templates"), PREFIXES)
def test_operations_stand_below_the_prefix(paths: list[str], templates: list[str]) -> None:
    found = operations_of(document(*paths), ["/api", "/api/v2"])

    assert [operation.template for operation in found] == templates


def test_a_parameter_is_an_id_of_what_stands_before_it() -> None:
    [operation] = operations_of(document("/team-jobs/{job_id}"), [""])

    assert operation.parameters == {"job_id": "team_job"}


def test_a_document_without_operations_is_refused_in_one_line() -> None:
    with pytest.raises(ParityError, match="no operation below /api; name another one"):
        operations_of(document(), ["/api"])


def learned(body: Any, template: str = "/jobs", status: int = 201, sent: bytes = b"") -> Known:
    known = Known()
    known.learn(Operation("POST", template, None), {}, sent, Answer(status, (), orjson.dumps(body)), Login())
    return known


def test_ids_are_kept_by_what_they_belong_to() -> None:
    known = learned({"job": {"id": "j1", "team_id": 7}, "runs": [{"id": "r1"}]})

    assert known.ids == {"job": ["j1"], "team": ["7"], "run": ["r1"]}


def test_a_refusal_teaches_nothing() -> None:
    assert learned({"id": "j1"}, status=404).ids == {}


def test_a_thing_is_referred_to_by_its_name() -> None:
    known = learned({"team": {"id": 1, "slug": "core"}}, "/support-teams")

    assert known.name("team_slug", random.Random(1)) == "core"
    assert known.name("support_team", random.Random(1)) == "core"
    assert known.name("color", random.Random(1)) is None


def test_who_was_registered_can_log_in() -> None:
    sent = orjson.dumps({"username": "bo", "password": "of bo"})

    assert learned({"id": 1}, "/users", sent=sent).logins == [("bo", "of bo")]


def test_tokens_are_blanked_with_their_claims_kept() -> None:
    blanked = Blanked()
    answer = blanked.answer(Answer(200, (), orjson.dumps({"access_token": TOKEN})))

    assert orjson.loads(answer.body) == {"access_token": "<jwt-1>"}
    assert blanked.claims_in("Bearer <jwt-1>") == {"<jwt-1>": {"sub": "7", "valid": True}}


def test_a_seed_keeps_the_place_of_a_token_and_not_the_token() -> None:
    taken = Taken()
    taken.add("POST /refresh", Seed(body=b'{"refresh_token":"<jwt-1>"}'))

    assert taken.any("POST /refresh", random.Random(1)) == Seed(body=b'{"refresh_token":"token"}')


def test_every_fault_is_still_a_request() -> None:
    request = Request("POST", "/jobs/7?limit=5", (("content-type", "application/json"),), b'{"name": "x", "n": [1]}')
    chance = random.Random(7)
    for _ in range(3_000):
        faulty = with_fault(request, chance)

        data = request_bytes(faulty, "/api", "127.0.0.1")

        assert faulty != request or faulty.body == request.body
        assert data.isascii() or faulty.body or "é" in str(faulty.headers)
        assert " " not in faulty.target


def test_every_changed_body_can_be_written() -> None:
    chance = random.Random(3)
    for _ in range(3_000):
        assert written(changed({"name": "x", "tags": ["a", 1], "inner": {"n": 1.5}}, chance), chance)


def test_no_odd_authorization_breaks_a_header() -> None:
    chance = random.Random(3)

    assert all("\n" not in odd_authorization("<jwt-1>", chance) for _ in range(300))


def test_an_account_that_cannot_log_in_is_given_up() -> None:
    planner = Planner([], 1, login=Login(path="/login"), accounts=[Account("ana", "wrong")])
    for _ in range(3):
        planned = planner.next()
        planner.learn(planned, planned.request, Answer(401))

    assert planner.locked_out
