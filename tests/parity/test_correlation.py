"""What a recording calls one thing and a stack another is learnt from the answers and carried into the requests."""

import json
import random
import time
import uuid
from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from parity.carry.correlation import Carrier
from parity.values import Answer, Entry, Headers, Request

SECRET = "a-secret-that-is-long-enough-for-hs256"
A, B, C = (
    "9f5c3209-161b-43cb-bd7d-9fdeccee14b3",
    "0b7efdc5-db2d-40a4-ab73-aa402ab0b369",
    "c91f486b-ab0a-4b45-a8e3-2c1f6b58c594",
)
X, Y, Z = (
    "11111111-aaaa-4333-8444-555555555555",
    "22222222-bbbb-4333-8444-666666666666",
    "33333333-cccc-4333-8444-777777777777",
)
JSON = ("Content-Type", "application/json")


def own_jwt(**claims: object) -> str:
    return jwt.encode({"sub": "someone", **claims}, SECRET, algorithm="HS256")


def asked(method: str, target: str, body: Any = None, headers: Headers = ()) -> Request:
    return Request(method, target, (JSON, *headers), b"" if body is None else json.dumps(body).encode())


def bearing(token: str) -> Headers:
    return (("Authorization", f"Bearer {token}"),)


def entry(
    request: Request, answer: Any = None, *, status: int = 200, session: str = "s", headers: Headers = (), **meta: Any
) -> Entry:
    recorded = Answer(status, headers, answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    return Entry(meta.pop("id", "1"), 1, session, request, recorded, meta.pop("started", "2026-11-22T06:31:19Z"), meta)


def missing(request: Request, *, status: int = 200, **more: Any) -> Entry:
    return entry(request, b"", status=status, answer_body="missing", **more)


def ours(answer: Any, *, status: int = 200, headers: Headers = ()) -> Answer:
    return Answer(status, headers, answer if isinstance(answer, bytes) else json.dumps(answer).encode())


def target_after(carrier: Carrier, target: str) -> str:
    return carrier.request(entry(asked("GET", target), {}))[0].target


def bearer_after(
    carrier: Carrier, token: str, *, target: str = "/things", status: int = 200, session: str = "s", **meta: Any
) -> str:
    request, _ = carrier.request(
        entry(asked("GET", target, headers=bearing(token)), {}, status=status, session=session, **meta)
    )
    return dict(request.headers)["Authorization"].removeprefix("Bearer ")


def learnt(recorded: Any, own: Any, method: str = "GET", target: str = "/things") -> Carrier:
    carrier = Carrier()
    carrier.learn(entry(asked(method, target), recorded), ours(own))
    return carrier


def pairs_of(carrier: Carrier, recorded: list[str]) -> dict[str, str]:
    """What each recorded id is replaced by, those that stay left out."""
    found = {text: target_after(carrier, f"/things/{text}").removeprefix("/things/") for text in recorded}
    return {text: own for text, own in found.items() if text != own}


# Objects


@pytest.mark.parametrize(
    ("recorded", "own"),
    [
        pytest.param({"id": A}, {"id": X}, id="at the top"),
        pytest.param(
            {"user": {"id": A}}, {"message": "ok", "user": {"id": X, "new": 1}}, id="beside keys of ours alone"
        ),
        pytest.param({"a": {"b": [{"ref": A}]}}, {"a": {"b": [{"ref": X}]}}, id="deep, the only one of a list"),
        pytest.param({"id": A.upper()}, {"id": X.upper()}, id="in capitals"),
        pytest.param({"m": f"Job {A} was made"}, {"m": f"Job {X} was made"}, id="in a sentence"),
        pytest.param({"url": f"http://a/things/{A}?x=1"}, {"url": f"https://b:9/things/{X}?x=1"}, id="in an address"),
        pytest.param([A], [X], id="a bare list of one"),
        pytest.param({A: {"name": "a"}}, {X: {"name": "a"}}, id="as a key"),
    ],
)
def test_an_id_is_learnt_by_its_path(recorded: Any, own: Any) -> None:
    assert pairs_of(learnt(recorded, own), [A]) == {A: X}


@pytest.mark.parametrize(
    ("recorded", "own"),
    [
        pytest.param({"data": {"id": A}}, {"id": X}, id="nested otherwise"),
        pytest.param({"id": A}, {"id": None}, id="null here"),
        pytest.param({"id": A}, {"id": "not-an-id"}, id="no id here"),
        pytest.param({"id": A}, [X], id="a list here"),
        pytest.param({"m": f"Job {A} was made"}, {"m": f"Task {X} was made"}, id="in another sentence"),
        pytest.param({"ref": A}, {"ref": "5f2a9c0e1b7d4a63"}, id="an id of another sort"),
        pytest.param({"url": f"/things/{A}"}, {"url": f"/parts/{X}"}, id="in another address"),
        pytest.param({"slug": "drive-cat-063117-b"}, {"slug": "drive-cat-063118-b"}, id="a slug"),
        pytest.param({"on": "2026-11-22T06:31:38.172309"}, {"on": "2026-12-24T06:31:38.172309"}, id="a time"),
        pytest.param({"name": "Backward Compatibility 2"}, {"name": "Backward Compatibility 3"}, id="words"),
    ],
)
def test_what_is_not_the_same_thing_is_not_paired(recorded: Any, own: Any) -> None:
    assert learnt(recorded, own).report().pairs == 0


@pytest.mark.parametrize(
    ("recorded", "own"),
    [
        pytest.param("5f2a9c0e1b7d4a63", "0e1b7d4a635f2a9c", id="hex"),
        pytest.param("01ARZ3NDEKTSV4RRFFQ69G5FAV", "01BX5ZZKBKACTAV9WEVGEMMVRZ", id="ulid"),
        pytest.param("job_3kTMd2xP9aQ7", "job_Zq81mNvB55cY", id="with a prefix"),
        pytest.param("V1StGXR8_Z5jdHi6B-myT", "k3Jd8sLq02mXz71PbYw4-", id="nanoid"),
    ],
)
def test_ids_of_other_shapes_are_learnt(recorded: str, own: str) -> None:
    assert pairs_of(learnt({"id": recorded}, {"id": own}), [recorded]) == {recorded: own}


def test_answers_of_another_status_class_teach_nothing() -> None:
    carrier = Carrier()
    carrier.learn(entry(asked("GET", "/things"), {"id": A}), ours({"id": X}, status=404))

    assert carrier.report().pairs == 0


def test_the_first_pair_wins_and_a_contradiction_is_counted() -> None:
    carrier = learnt({"id": A}, {"id": X})
    carrier.learn(entry(asked("GET", "/other"), {"id": A}), ours({"id": Y}))
    carrier.learn(entry(asked("GET", "/other"), {"id": B}), ours({"id": X}))

    assert pairs_of(carrier, [A, B]) == {A: X}
    assert carrier.report().conflicts == 2


def test_ids_of_the_common_start_are_known_and_stay() -> None:
    carrier = learnt({"id": A}, {"id": A})

    assert carrier.request(entry(asked("GET", f"/things/{A}"), {})) == (asked("GET", f"/things/{A}"), [])


def test_text_that_is_alike_but_for_ids_is_learnt_from() -> None:
    assert pairs_of(learnt(f"id,n\n{A},1\n{B},2\n".encode(), f"id,n\n{X},1\n{Y},2\n".encode()), [A, B]) == {A: X, B: Y}


# Lists


def row(key: str, **more: Any) -> dict[str, Any]:
    return {"id": key, **more}


@pytest.mark.parametrize(
    ("recorded", "own", "expected"),
    [
        pytest.param(
            [row(A, name="a"), row(B, name="b")],
            [row(Y, name="b"), row(X, name="a")],
            {A: X, B: Y},
            id="sorted otherwise",
        ),
        pytest.param([row(A, name="a")], [row(Z, name="z"), row(X, name="a")], {A: X}, id="more rows here"),
        pytest.param([row(A, name="a"), row(B, name="b")], [row(Y, name="b")], {B: Y}, id="fewer rows here"),
        pytest.param([row(A, name="a")], [row(X, name="z")], {}, id="the only row has another name"),
        pytest.param([row(A), row(B)], [row(X), row(Y)], {}, id="nothing tells two apart"),
        pytest.param([row(A)], [row(X)], {A: X}, id="the only row says nothing"),
        pytest.param([row(A)], [row(X), row(Y)], {}, id="one of two that say nothing"),
        pytest.param(
            [row(A, name="a", email="1@x", n=1.5), row(B, name="b", email="2@x", n=2.5)],
            [row(Y, name="b", email="9@x", n=7.5), row(X, name="a", email="8@x", n=8.5)],
            {A: X, B: Y},
            id="names agree where addresses differ",
        ),
        pytest.param(
            [row(A, name="a", email="2@x"), row(B, name="c", email="3@x")],
            [row(X, name="a", email="1@x"), row(Y, name="b", email="2@x")],
            {},
            id="names contradict each other",
        ),
        pytest.param(
            [
                row(A, text="it ran", created_at="2026-01-02T00:00:00Z"),
                row(B, text="it ran", created_at="2026-01-01T00:00:00Z"),
            ],
            [
                row(Y, text="it ran", created_at="2026-05-01T00:00:00Z"),
                row(X, text="it ran", created_at="2026-05-01T00:00:03Z"),
            ],
            {A: X, B: Y},
            id="alike, in the order they were made",
        ),
        pytest.param(
            [
                row(A, text="it ran", created_at="2026-01-02T00:00:00Z"),
                row(B, text="it ran", created_at="2026-01-01T00:00:00Z"),
            ],
            [row(Y, text="it ran", created_at="2026-05-01T00:00:00Z")],
            {},
            id="alike, of unlike number",
        ),
        pytest.param(
            [row(A, done=True)],
            [row(X, done=True), row(Y, done=False)],
            {},
            id="only yes or no agree, and more rows here",
        ),
        pytest.param(
            [row(A, text="a b", made_at="2026-01-02T00:00:00Z"), row(B, text="a b", made_at="2026-01-02T00:00:00Z")],
            [row(X, text="a b", made_at="2026-05-01T00:00:00Z"), row(Y, text="a b", made_at="2026-05-02T00:00:00Z")],
            {},
            id="alike, made at the same time",
        ),
        pytest.param(
            [row(A, text="it ran"), row(B, text="it was stopped")],
            [row(X, text="it ran"), row(Y, text="it has failed")],
            {A: X},
            id="another sentence is another thing",
        ),
        pytest.param(
            [
                row(A, text="it ran a", at_time="2026-01-02T00:00:00Z"),
                row(B, text="it ran b", at_time="2026-01-01T00:00:00Z"),
            ],
            [
                row(X, text="it ran a", at_time="2026-05-01T00:00:00Z"),
                row(Y, text="it ran b", at_time="2026-05-02T00:00:00Z"),
                row(Z),
            ],
            {},
            id="the order of making turned round",
        ),
    ],
)
def test_elements_are_paired_by_what_they_say(recorded: list[Any], own: list[Any], expected: dict[str, str]) -> None:
    assert pairs_of(learnt({"things": recorded}, {"things": own}), [A, B, C]) == expected


def test_elements_are_told_apart_by_the_known_things_they_point_at() -> None:
    carrier = learnt({"job": {"id": A}}, {"job": {"id": X}})
    runs, own_runs = [row(B, job_id=A), row(C, job_id=None)], [row(Z, job_id=None), row(Y, job_id=X)]
    carrier.learn(entry(asked("GET", "/runs"), {"runs": runs}), ours({"runs": own_runs}))

    assert pairs_of(carrier, [B, C]) == {B: Y}


def test_what_stands_later_in_an_answer_tells_earlier_elements_apart() -> None:
    recorded = {"runs": [row(B, job_id=A), row(C, job_id=None)], "job": {"id": A}}
    own = {"runs": [row(Z, job_id=None), row(Y, job_id=X)], "job": {"id": X}}

    assert pairs_of(learnt(recorded, own), [A, B, C]) == {A: X, B: Y}


def test_an_element_that_points_at_something_else_is_another_one_whatever_its_name() -> None:
    carrier = learnt({"owner": {"id": A}}, {"owner": {"id": X}})
    carrier.learn(
        entry(asked("GET", "/t"), {"t": [row(B, name="n", owner_id=C)]}), ours({"t": [row(Y, name="n", owner_id=X)]})
    )

    assert pairs_of(carrier, [B]) == {}


def test_bare_ids_go_by_position_only_in_the_answer_to_a_write() -> None:
    recorded, own = {"ids": [A, B]}, {"ids": [X, Y]}

    assert pairs_of(learnt(recorded, own, "POST"), [A, B]) == {A: X, B: Y}
    assert pairs_of(learnt(recorded, own, "GET"), [A, B]) == {}


def test_a_certain_pair_takes_the_place_of_one_by_position() -> None:
    carrier = learnt({"ids": [A, B]}, {"ids": [X, Y]}, "POST")
    carrier.learn(entry(asked("GET", "/t"), {"t": [row(A, name="a")]}), ours({"t": [row(Y, name="a")]}))

    assert pairs_of(carrier, [A]) == {A: Y}


# Numbers


def test_numbers_belong_to_their_entity() -> None:
    carrier = learnt({"job": {"id": 17, "user_id": 3, "runs": 17}}, {"job": {"id": 203, "user_id": 9, "runs": 4}})

    assert target_after(carrier, "/jobs/17/runs?user_id=3&page=17") == "/jobs/203/runs?user_id=9&page=17"
    assert target_after(carrier, "/runs/17") == "/runs/17"
    assert (
        carrier.request(entry(asked("POST", "/x", {"job_id": 17, "n": 17}), {}))[0].body == b'{"job_id": 203, "n": 17}'
    )


@pytest.mark.parametrize(
    ("target", "recorded", "own"),
    [
        pytest.param("/jobs/5", {"id": 17}, {"id": 203}, id="the path says whose"),
        pytest.param("/jobs?limit=3", [{"id": 17, "name": "a"}], [{"id": 203, "name": "a"}], id="a bare list"),
        pytest.param("/jobs", {"data": [{"id": 17}]}, {"data": [{"id": 203}]}, id="in an envelope"),
        pytest.param("/x", {"jobs": [{"id": "17"}]}, {"jobs": [{"id": "203"}]}, id="numbers as text"),
        pytest.param("/x", {"jobIds": [17]}, {"jobIds": [203]}, id="a list of ids"),
        pytest.param("/x", {"next": "/jobs/17"}, {"next": "/jobs/203"}, id="in an address"),
    ],
)
def test_a_number_is_learnt_where_it_is_clear_whose_it_is(target: str, recorded: Any, own: Any) -> None:
    assert target_after(learnt(recorded, own, target=target), "/jobs/17") == "/jobs/203"


def test_a_number_given_out_again_after_a_deletion_is_learnt_anew() -> None:
    carrier = learnt({"job": {"id": 5}}, {"job": {"id": 12}})
    carrier.learn(entry(asked("DELETE", "/jobs/5"), b"", status=204), ours(b"", status=204))
    carrier.learn(entry(asked("POST", "/jobs"), {"job": {"id": 5}}), ours({"job": {"id": 13}}))

    assert target_after(carrier, "/jobs/5") == "/jobs/13"
    assert carrier.report().conflicts == 0


def test_the_place_of_a_new_thing_is_learnt_from_its_header() -> None:
    carrier = Carrier()
    recorded = entry(asked("POST", "/jobs"), b"", status=201, headers=(("location", "http://old/jobs/17"),))
    carrier.learn(recorded, ours(b"", status=201, headers=(("location", "/jobs/203"),)))

    assert target_after(carrier, "/jobs/17/runs") == "/jobs/203/runs"


# Tokens


def logged_in(carrier: Carrier, *, session: str = "s", number: int = 1, who: str = "admin") -> tuple[str, str]:
    """Let a recorded login give <jwt-number> and <jwt-number+1>, and return this stack's."""
    access, refresh = own_jwt(n=number, who=who), own_jwt(n=number, who=who, type="refresh")
    recorded = {"access_token": f"<jwt-{number}>", "refresh_token": f"<jwt-{number + 1}>"}
    carrier.learn(
        entry(asked("POST", "/login", {"u": who}), recorded, session=session),
        ours({"access_token": access, "refresh_token": refresh}),
    )
    return access, refresh


def test_a_token_is_learnt_from_the_answer_that_gave_it() -> None:
    carrier = Carrier()
    access, refresh = logged_in(carrier)

    assert bearer_after(carrier, "<jwt-1>") == access
    assert json.loads(carrier.request(entry(asked("POST", "/refresh", {"t": "<jwt-2>"}), {}))[0].body) == {"t": refresh}


def test_an_import_says_which_answer_a_token_is_from() -> None:
    carrier, access = Carrier(), own_jwt()
    login = Entry("login", 1, "s", asked("POST", "/login"), None)
    carrier.learn(login, ours({"data": {"access_token": access}}))
    source = {"<jwt-1>": {"entry": "login", "path": "$.data.access_token"}}

    assert bearer_after(carrier, "<jwt-1>", tokens_from=source) == access


def test_the_first_token_after_a_login_without_a_body_is_its_access_token() -> None:
    carrier = Carrier()
    logged_in(carrier, session="other")
    bearer_after(carrier, "<jwt-1>", session="other")
    access, refresh = own_jwt(n=9), own_jwt(n=9, type="refresh")
    carrier.learn(missing(asked("POST", "/login")), ours({"refresh_token": refresh, "access_token": access}))

    assert bearer_after(carrier, "<jwt-9>", session="third") == "<jwt-9>"
    assert bearer_after(carrier, "<jwt-9>") == access
    assert bearer_after(carrier, "<jwt-9>", session="other") == access
    assert bearer_after(carrier, "<jwt-10>", target="/auth/refresh") == refresh
    assert bearer_after(carrier, "<jwt-11>") == "<jwt-11>"


def test_a_refresh_token_in_a_body_is_known_by_its_key() -> None:
    carrier, refresh = Carrier(), own_jwt(type="refresh")
    carrier.learn(missing(asked("POST", "/login")), ours({"access_token": own_jwt(), "refresh_token": refresh}))
    request, _ = carrier.request(entry(asked("POST", "/renew", {"refresh_token": "<jwt-2>"}), {}))

    assert json.loads(request.body) == {"refresh_token": refresh}


@pytest.mark.parametrize("status", [401, 422])
def test_a_token_that_was_refused_is_not_taken_for_the_one_of_the_login(status: int) -> None:
    carrier, access = Carrier(), own_jwt()
    carrier.learn(missing(asked("POST", "/login")), ours({"access_token": access}))

    assert bearer_after(carrier, "<jwt-8>", status=status) == "<jwt-8>"
    assert bearer_after(carrier, "<jwt-9>") == access


def test_a_strange_token_is_not_bound_to_a_login_whose_answer_is_there() -> None:
    carrier = Carrier()
    carrier.learn(missing(asked("POST", "/login")), ours({"access_token": own_jwt(n=0)}))
    logged_in(carrier)
    request, lost = carrier.request(entry(asked("GET", "/t", headers=bearing("<jwt-19>")), {}))

    assert dict(request.headers)["Authorization"] == "Bearer <jwt-19>"
    assert lost == ["token <jwt-19>"]
    assert carrier.report().not_carried == {"token in no answer": 1}


def test_a_strange_token_is_not_bound_to_an_answer_that_is_there_without_a_token() -> None:
    carrier = Carrier()
    carrier.learn(entry(asked("POST", "/login"), {"ok": True}), ours({"ok": True, "access_token": own_jwt()}))

    assert bearer_after(carrier, "<jwt-19>") == "<jwt-19>"


def test_a_route_takes_the_sort_of_token_that_it_took_before() -> None:
    carrier = Carrier()
    logged_in(carrier, session="other")
    bearer_after(carrier, "<jwt-2>", target="/renew", session="other")
    access, refresh = own_jwt(n=9), own_jwt(n=9, type="refresh")
    carrier.learn(missing(asked("POST", "/login")), ours({"access_token": access, "refresh_token": refresh}))

    assert bearer_after(carrier, "<jwt-10>", target="/renew") == refresh
    assert bearer_after(carrier, "<jwt-9>", target="/renew/now") == access


def test_a_refresh_before_any_other_use_takes_the_refresh_token() -> None:
    carrier = Carrier()
    access, refresh = own_jwt(), own_jwt(type="refresh")
    carrier.learn(missing(asked("POST", "/login")), ours({"access_token": access, "refresh_token": refresh}))

    assert bearer_after(carrier, "<jwt-2>", target="/auth/refresh") == refresh
    assert bearer_after(carrier, "<jwt-1>") == access


def test_two_logins_of_unlike_people_without_bodies_leave_a_token_unclear() -> None:
    carrier = Carrier()
    for who in ("a", "b"):
        carrier.learn(missing(asked("POST", "/login", {"u": who})), ours({"access_token": own_jwt(who=who)}))

    assert bearer_after(carrier, "<jwt-1>") == "<jwt-1>"


def test_six_refreshes_at_once_give_six_tokens() -> None:
    carrier = Carrier()
    _, refresh = logged_in(carrier)
    tokens = [own_jwt(n=n) for n in range(6)]
    for n, token in enumerate(tokens):
        assert bearer_after(carrier, "<jwt-2>", target="/auth/refresh") == refresh
        carrier.learn(
            entry(asked("POST", "/auth/refresh", headers=bearing("<jwt-2>")), {"access_token": f"<jwt-{20 + n}>"}),
            ours({"access_token": token}),
        )

    assert [bearer_after(carrier, f"<jwt-{20 + n}>") for n in range(6)] == tokens


def test_six_refreshes_at_once_without_bodies_give_six_tokens() -> None:
    carrier = Carrier()
    tokens = [own_jwt(n=n) for n in range(6)]
    for token in tokens:
        carrier.learn(
            missing(asked("POST", "/auth/refresh", headers=bearing("<jwt-2>"))), ours({"access_token": token})
        )

    assert [bearer_after(carrier, f"<jwt-{20 + n}>") for n in range(6)] == tokens


STARTED = "2026-11-22T06:31:19Z"
STARTED_S = 1_795_329_079
CLAIMS = {"sub": A, "iat": STARTED_S - 60, "exp": STARTED_S + 600, "jti": "1", "org_id": 17, "valid": True}


def minting() -> Carrier:
    carrier = Carrier(secret=SECRET, clock_offset_s=-1000, now=lambda: 2_000_000_000)
    carrier.learn(entry(asked("GET", "/me"), {"id": A, "org": {"id": 17}}), ours({"id": X, "org": {"id": 203}}))
    return carrier


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})


def test_a_token_whose_claims_were_recorded_is_minted_for_the_same_one_here() -> None:
    carrier = minting()
    made = claims_of(bearer_after(carrier, "<jwt-1>", tokens={"<jwt-1>": CLAIMS}))

    assert (made["sub"], made["org_id"]) == (X, 203)
    assert (made["iat"], made["exp"]) == (1_999_999_000 - 60, 1_999_999_000 + 600)
    assert carrier.report().minted == 1


def test_claims_recorded_once_serve_all_later_uses() -> None:
    carrier = minting()
    bearer_after(carrier, "<jwt-1>", tokens={"<jwt-1>": CLAIMS})

    assert claims_of(bearer_after(carrier, "<jwt-1>"))["sub"] == X
    assert carrier.report().minted == 1


def test_a_token_that_was_not_valid_is_minted_with_a_broken_signature() -> None:
    token = bearer_after(minting(), "<jwt-1>", tokens={"<jwt-1>": {**CLAIMS, "valid": False}})

    with pytest.raises(jwt.InvalidSignatureError):
        claims_of(token)


def test_a_token_that_was_invalid_for_its_age_alone_is_minted_with_a_good_signature() -> None:
    claims = {**CLAIMS, "exp": STARTED_S - 1, "valid": False}
    token = bearer_after(minting(), "<jwt-1>", tokens={"<jwt-1>": claims})

    assert claims_of(token)["exp"] == 1_999_998_999


def test_a_token_that_had_expired_when_used_is_expired_here_too() -> None:
    carrier = minting()
    own = own_jwt(exp=3_000_000_000)
    carrier.learn(entry(asked("POST", "/login"), {"t": "<jwt-1>"}, tokens={"<jwt-1>": CLAIMS}), ours({"t": own}))

    assert bearer_after(carrier, "<jwt-1>") == own
    assert claims_of(bearer_after(carrier, "<jwt-1>", started="2026-11-22T06:45:00Z"))["exp"] < 1_999_999_000


def test_the_subject_of_a_token_teaches_its_id() -> None:
    carrier = Carrier(secret=SECRET, now=lambda: 2_000_000_000)
    numbered = {"sub": "17", "user_id": 17}
    claims = {"<jwt-1>": {**CLAIMS, **numbered}, "<jwt-2>": {**CLAIMS, **numbered}}
    login = entry(asked("POST", "/login"), {"t": "<jwt-1>"}, tokens=claims)
    carrier.learn(login, ours({"t": own_jwt(sub="203", user_id=203)}))

    assert claims_of(bearer_after(carrier, "<jwt-2>"))["sub"] == "203"
    assert target_after(carrier, "/users/17") == "/users/203"


# Cookies


def cookie_after(carrier: Carrier, cookie: str, session: str = "s") -> str:
    request, _ = carrier.request(entry(asked("GET", "/t", headers=(("Cookie", cookie),)), {}, session=session))
    return dict(request.headers)["Cookie"]


def test_cookies_are_carried_by_name_and_session() -> None:
    carrier = Carrier()
    for session in ("s", "t"):
        headers = (("set-cookie", f"sid=old-{session}; Path=/; HttpOnly"), ("set-cookie", "theme=dark"))
        login = entry(asked("POST", "/login"), {}, headers=headers, session=session)
        carrier.learn(
            login, ours({}, headers=(("set-cookie", f"sid=new-{session}; Path=/"), ("set-cookie", "theme=dark")))
        )

    assert cookie_after(carrier, "sid=old-s; other=1; theme=dark") == "sid=new-s; other=1; theme=dark"
    assert cookie_after(carrier, "sid=old-t", "t") == "sid=new-t"
    assert cookie_after(carrier, "sid=tampered", "t") == "sid=tampered"


def test_a_cookie_whose_setting_was_not_recorded_is_this_stacks_newest() -> None:
    carrier = Carrier()
    carrier.learn(missing(asked("POST", "/login")), ours({}, headers=(("set-cookie", "sid=new; Path=/"),)))

    assert cookie_after(carrier, "a=1; sid=whatever") == "a=1; sid=new"


def test_a_token_in_a_cookie_serves_as_a_bearer_too() -> None:
    carrier, token = Carrier(), own_jwt()
    login = entry(asked("POST", "/login"), {}, headers=(("set-cookie", "at=<jwt-1>; Path=/"),))
    carrier.learn(login, ours({}, headers=(("set-cookie", f"at={token}; Path=/"),)))

    assert bearer_after(carrier, "<jwt-1>") == token
    assert cookie_after(carrier, "at=<jwt-1>") == f"at={token}"


# What is told


@pytest.mark.parametrize(
    ("target", "status", "told"),
    [
        pytest.param(f"/things/{A}", 200, [f"id {A}"], id="asked for and answered"),
        pytest.param("/things/17", 200, ["id thing 17"], id="a number"),
        pytest.param(f"/things/{A}", 404, [], id="not there when recorded either"),
        pytest.param(f"/things?page=2&trace={'a' * 32}", 200, [], id="nothing that must be an id"),
    ],
)
def test_an_id_that_no_answer_gave_is_told(target: str, status: int, told: list[str]) -> None:
    assert Carrier().request(entry(asked("GET", target), {}, status=status))[1] == told


def test_an_id_that_the_client_chose_is_not_told() -> None:
    assert Carrier().request(entry(asked("PUT", f"/things/{A}"), {}, status=201))[1] == []


def test_an_id_that_found_no_counterpart_is_told_wherever_it_is_used() -> None:
    carrier = Carrier()
    carrier.learn(entry(asked("POST", "/things"), {"id": A}, status=201), ours({"error": "no"}, status=400))

    assert carrier.request(entry(asked("POST", "/x", {"thing": A}), {}, status=404))[1] == [f"id {A}"]
    assert carrier.request(entry(asked("POST", "/x", {"key": B}), {}))[1] == []
    assert carrier.report().not_carried == {"id without a counterpart": 1}


# Whole recordings. The traps with tokens are those of a real browser's recording, in which somebody tampered with them.


def test_a_session_with_tampered_tokens_carries_the_true_ones_alone() -> None:
    carrier = Carrier()
    access, refresh = logged_in(carrier, number=17)
    renewed = [own_jwt(n=n) for n in range(3)]

    assert [bearer_after(carrier, "<jwt-19>", status=422) for _ in range(6)] == ["<jwt-19>"] * 6
    for n, token in enumerate(renewed):
        at = entry(asked("POST", "/auth/refresh", None, bearing("<jwt-18>")), {"access_token": f"<jwt-{20 + n}>"})
        assert dict(carrier.request(at)[0].headers)["Authorization"] == f"Bearer {refresh}"
        carrier.learn(at, ours({"access_token": token}))
    assert [bearer_after(carrier, f"<jwt-{20 + n}>") for n in range(3)] == renewed
    # A refresh token where an access token belongs, and the other way round.
    assert bearer_after(carrier, "<jwt-18>", status=422) == refresh
    assert bearer_after(carrier, "<jwt-17>", target="/auth/refresh", status=422) == access
    # A token that was good although no answer had given it.
    assert bearer_after(carrier, "<jwt-35>") == "<jwt-35>"
    carrier.learn(
        missing(asked("POST", "/auth/refresh", None, bearing("<jwt-39>")), status=422), ours({"m": "no"}, status=422)
    )
    assert bearer_after(carrier, "<jwt-48>") == "<jwt-48>"
    assert carrier.report().not_carried == {"token in no answer": 3}


class World:
    """A recorded system and a stack of ours, which differ in every id and token; ours may shuffle, add and lose rows."""

    def __init__(self, seed: int, *, numbers: bool = False, disorder: bool = False) -> None:
        self.random = random.Random(seed)
        self.numbers, self.disorder = numbers, disorder
        self.own: dict[str | int, str | int] = {}
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.clock = 0
        self.tokens = 0

    def make(self, entity: str, **columns: Any) -> dict[str, Any]:
        self.clock += 1
        made: dict[str, Any] = {
            "id": self._key(entity),
            **columns,
            "created_at": f"2026-11-22T{self.clock // 3600:02}:{self.clock // 60 % 60:02}:{self.clock % 60:02}",
        }
        self.rows.setdefault(entity, []).append(made)
        return made

    def _key(self, entity: str) -> str | int:
        if not self.numbers:
            key, own = (str(uuid.UUID(int=self.random.getrandbits(128), version=4)) for _ in range(2))
            self.own[key] = own
            return key
        number = len(self.rows.get(entity, [])) + 1
        self.own[f"{entity}:{number}"] = number * 7 + 1000
        return number

    def token(self) -> str:
        self.tokens += 1
        token = f"<jwt-{self.tokens}>"
        self.own[token] = own_jwt(n=self.random.random())
        return token

    def translated(self, value: Any, key: str = "", entity: str = "") -> Any:
        if isinstance(value, dict):
            return {k: self.translated(v, k, entity) for k, v in value.items()}
        if isinstance(value, list):
            rows = [self.translated(v, "", key.removesuffix("s")) for v in value]
            if self.disorder and rows and isinstance(rows[0], dict):
                if len(rows) > 3:
                    rows.pop(self.random.randrange(len(rows)))
                stranger: Any = (
                    self.random.randrange(10**6, 10**9)
                    if self.numbers
                    else str(uuid.UUID(int=self.random.getrandbits(128), version=4))
                )
                rows.append(
                    {
                        **rows[0],
                        "id": stranger,
                        "name": f"stranger {self.random.random()}",
                        "text": f"a stranger {self.random.random()}",
                    }
                )
                self.random.shuffle(rows)
            return rows
        if isinstance(value, int):
            return self.own.get(f"{entity if key == 'id' else key.removesuffix('_id')}:{value}", value)
        if key == "created_at":
            return value.replace("2026-11-22", "2027-03-01")
        return self.own.get(value, value)

    def answer(self, recorded: Mapping[str, Any]) -> Answer:
        # A single object's entity is its key: {"job": {...}}.
        own = {k: self.translated(v, k, k) for k, v in recorded.items()}
        return ours(own)


def replay_day(world: World, carrier: Carrier, jobs: int) -> tuple[int, int]:
    """Play a day of requests that depend on each other; return how many there were and how many went out wrong."""
    wrong = count = 0

    def play(
        method: str,
        target: str,
        own_target: str,
        recorded: Mapping[str, Any],
        body: Any = None,
        own_body: Any = None,
        token: str = "",
    ) -> None:
        nonlocal wrong, count
        at = entry(asked(method, target, body, bearing(token) if token else ()), recorded)
        request, _ = carrier.request(at)
        count += 1
        wrong += (request.target, request.body) != (own_target, asked("", "", own_body).body)
        wrong += bool(token) and dict(request.headers)["Authorization"] != f"Bearer {world.own[token]}"
        carrier.learn(at, world.answer(recorded))

    def own(entity: str, made: Mapping[str, Any]) -> str | int:
        return world.own[f"{entity}:{made['id']}" if world.numbers else made["id"]]

    user = world.make("user", name="admin")
    token = world.token()
    play("POST", "/login", "/login", {"access_token": token, "user": user})
    made = []
    for n in range(jobs):
        job = world.make("job", name=f"job {n}", user_id=user["id"])
        play("POST", "/jobs", "/jobs", {"job": job}, {"user_id": user["id"]}, {"user_id": own("user", user)}, token)
        play("POST", f"/jobs/{job['id']}/run", f"/jobs/{own('job', job)}/run", {"message": "ok"}, token=token)
        world.make("run", job_id=job["id"], text=f"job {n} has run")
        made.append(job)
    play("GET", "/jobs", "/jobs", {"jobs": list(reversed(made))}, token=token)
    play("GET", "/runs", "/runs", {"runs": list(world.rows["run"])}, token=token)
    for job in made:
        play("PUT", f"/jobs/{job['id']}", f"/jobs/{own('job', job)}", {"job": job}, token=token)
    return count, wrong


@pytest.mark.parametrize("numbers", [False, True], ids=["uuids", "numbers"])
@pytest.mark.parametrize("disorder", [False, True], ids=["as recorded", "with other rows in other order"])
def test_a_day_of_dependent_requests_needs_no_mapping_by_hand(numbers: bool, disorder: bool) -> None:
    for seed in range(3):
        count, wrong = replay_day(World(seed, numbers=numbers, disorder=disorder), Carrier(), 30)

        assert count > 90
        assert wrong == 0


def test_a_run_taken_up_again_knows_all_it_knew() -> None:
    world, first, second = World(1), Carrier(), Carrier()
    replay_day(world, first, 5)
    missing_login = missing(asked("POST", "/login"), session="t")
    first.learn(missing_login, ours({"access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl"}))
    second.restore(json.loads(json.dumps(first.export())))

    assert second.report() == first.report()
    assert second.export() == first.export()
    assert bearer_after(second, "<jwt-77>", session="t").startswith("eyJ")
    assert pairs_of(second, [job["id"] for job in world.rows["job"]]) == {
        job["id"]: world.own[job["id"]] for job in world.rows["job"]
    }


def test_ten_thousand_ids_in_lists_of_another_order_give_no_wrong_pair() -> None:
    world, carrier = World(7, disorder=True), Carrier()
    for n in range(10_000):
        world.make("job", name=f"job {n % 9_000}", state=("on", "off")[n % 2], text=f"made by {n % 100}")
    for start in range(0, 10_000, 100):
        page = {"jobs": world.rows["job"][start : start + 100]}
        carrier.learn(entry(asked("GET", f"/jobs?from={start}"), page), world.answer(page))
    found = pairs_of(carrier, [str(job["id"]) for job in world.rows["job"]])

    assert [key for key, own in found.items() if world.own[key] != own] == []
    assert len(found) > 9_800


def test_an_exchange_that_teaches_nothing_costs_little_whatever_is_known() -> None:
    carrier = Carrier()
    ids = [(str(uuid.uuid4()), str(uuid.uuid4())) for _ in range(10_000)]
    for theirs, own in ids:
        carrier.learn(entry(asked("POST", "/jobs"), {"id": theirs}), ours({"id": own}))
    theirs, own = ids[5_000]
    at = entry(asked("PUT", f"/jobs/{theirs}", {"name": "a"}), {"job": {"id": theirs, "at": "2026-11-22T06:31:38"}})
    answer = ours({"job": {"id": own, "at": "2026-12-22T06:31:38"}})
    start = time.process_time()
    for _ in range(500):
        carrier.request(at)
        carrier.learn(at, answer)

    # Processor time, a twentieth of this on an idle machine.
    assert (time.process_time() - start) / 500 < 0.001


@pytest.mark.parametrize("name", ["X-Session", "X-Auth-Token", "Session", "ETag"])
@pytest.mark.parametrize(
    "own", ["NZj33oiMiB00bZFaDapeuWTGN7x5eYqW", "rwbHyW6Y3-RRowpQD7Z1_lBrYK8QD7Kk"], ids=["plain", "with marks"]
)
def test_a_token_given_in_a_header_is_carried_whatever_it_looks_like(name: str, own: str) -> None:
    carrier, recorded = Carrier(), "Dbz64gwRJMcvQ312Mcvy8xIQ7ko7YqVW"
    carrier.learn(
        entry(asked("POST", "/session"), {}, headers=((name, recorded),)), ours({}, headers=((name.lower(), own),))
    )

    sent, lost = carrier.request(entry(asked("GET", "/loans", headers=((name, recorded),)), {}))

    assert dict(sent.headers)[name] == own
    assert lost == []


def test_a_number_learnt_from_an_address_stays_a_number_in_a_body() -> None:
    carrier = Carrier()
    carrier.learn(
        entry(asked("POST", "/items"), {"id": 1}, status=201, headers=(("Location", "/items/1"),)),
        ours({"id": 7}, status=201, headers=(("location", "/items/7"),)),
    )

    sent, _ = carrier.request(entry(asked("POST", "/loans", {"item_id": 1}), {}))

    assert json.loads(sent.body) == {"item_id": 7}
