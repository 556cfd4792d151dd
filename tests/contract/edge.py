"""Cases: what holds for every path and every answer, whatever the endpoint: methods, unknown paths, headers, CORS."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.contract import world
from tests.contract.api import Answer, Api

ALLOWED = {
    "/auth/login": "OPTIONS, POST",
    "/auth/login/form": "OPTIONS, POST",
    "/auth/refresh": "OPTIONS, POST",
    "/auth/logout": "OPTIONS, POST",
    "/auth/verify": "GET, HEAD, OPTIONS",
    "/auth/me": "GET, HEAD, OPTIONS",
    "/auth/register": "OPTIONS, POST",
    "/auth/users": "GET, HEAD, OPTIONS",
    "/auth/users/x": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/auth/users/x/preferences": "GET, HEAD, OPTIONS, PUT",
    "/auth/users/x/ui-preferences": "GET, HEAD, OPTIONS, PUT",
    "/jobs": "GET, HEAD, OPTIONS, POST",
    "/jobs/x": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/jobs/validate-cron": "DELETE, GET, HEAD, OPTIONS, POST, PUT",
    "/jobs/cron-preview": "DELETE, GET, HEAD, OPTIONS, POST, PUT",
    "/jobs/test-run": "DELETE, GET, HEAD, OPTIONS, POST, PUT",
    "/jobs/bulk-upload": "DELETE, GET, HEAD, OPTIONS, POST, PUT",
    "/jobs/x/execute": "OPTIONS, POST",
    "/jobs/x/executions": "GET, HEAD, OPTIONS",
    "/jobs/x/executions/stats": "GET, HEAD, OPTIONS",
    "/jobs/x/executions/y": "GET, HEAD, OPTIONS",
    "/executions": "GET, HEAD, OPTIONS",
    "/executions/statistics": "GET, HEAD, OPTIONS",
    "/executions/x": "GET, HEAD, OPTIONS",
    "/job-categories": "GET, HEAD, OPTIONS, POST",
    "/job-categories/x": "DELETE, OPTIONS, PUT",
    "/pic-teams": "GET, HEAD, OPTIONS, POST",
    "/pic-teams/x": "DELETE, OPTIONS, PUT",
    "/settings/slack": "GET, HEAD, OPTIONS, PUT",
    "/notifications": "GET, HEAD, OPTIONS",
    "/notifications/unread-count": "DELETE, GET, HEAD, OPTIONS",
    "/notifications/read-all": "DELETE, OPTIONS, PUT",
    "/notifications/delete-read": "DELETE, OPTIONS",
    "/notifications/x": "DELETE, OPTIONS",
    "/notifications/x/read": "OPTIONS, PUT",
    "/health": "GET, HEAD, OPTIONS",
    "/health/live": "GET, HEAD, OPTIONS",
    "/scheduler/status": "GET, HEAD, OPTIONS",
    "/scheduler/resync": "OPTIONS, POST",
}
"""Every path of the contract, with what `Allow` says of it."""

READS = [path for path, allow in ALLOWED.items() if "GET" in allow]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "X-ODD"]
UNKNOWN = {"error": "Not found", "message": "No such endpoint."}
ORIGIN = "http://localhost:5173"
FOREIGN = "https://evil.example"
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def raw(api: Api, method: str, target: str) -> Answer:
    """Ask for a path outside the stack's prefix."""
    return replace(api, stack=replace(api.stack, prefix="")).request(method, target)


# Methods


@pytest.mark.parametrize(("path", "allow"), ALLOWED.items(), ids=ALLOWED)
def test_a_wrong_method_is_told_the_right_ones_before_authentication(api: Api, path: str, allow: str) -> None:
    wrong = [method for method in METHODS if method not in allow.split(", ")]

    for method in wrong:
        answer = api.request(method, path, as_=None)
        assert (answer.status, answer.headers["allow"]) == (405, allow), method
        assert answer.json == {"error": "Method not allowed", "message": f"Allowed: {allow}."}


@pytest.mark.parametrize("who", ["admin", "viewer"])
def test_a_wrong_method_is_told_so_whoever_asks_and_whatever_they_send(api: Api, who: str) -> None:
    before = api.everything()

    answer = api.request("PATCH", "/job-categories", as_=who, content=b"{", headers={"Content-Type": "text/plain"})

    assert answer.status == 405
    assert api.everything() == before


def test_a_method_override_is_not_followed(api: Api) -> None:
    answer = api.post("/job-categories/x", {}, headers={"X-HTTP-Method-Override": "DELETE"})

    assert answer.status == 405


def test_a_request_for_a_websocket_is_a_request_like_any_other(api: Api) -> None:
    answer = api.get("/job-categories", headers={"Connection": "Upgrade", "Upgrade": "websocket"})

    assert (answer.status, answer.json) == (200, api.get("/job-categories").json)


@pytest.mark.parametrize("name", ["validate-cron", "cron-preview", "test-run", "bulk-upload"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_on_a_post_only_name_look_for_a_job(api: Api, method: str, name: str) -> None:
    answer = api.request(method, f"/jobs/{name}", **({"json": {}} if method == "PUT" else {}))

    assert answer.status == 404
    assert answer.json == {"error": "Job not found", "message": f"No job found with ID: {name}"}


@pytest.mark.parametrize("path", [path for path, allow in ALLOWED.items() if "GET" not in allow])
def test_head_where_there_is_no_get_is_a_wrong_method(api: Api, path: str) -> None:
    answer = api.request("HEAD", path, as_=None)

    assert (answer.status, answer.headers["allow"], answer.body) == (405, ALLOWED[path], b"")


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("who", ["admin", None])
def test_head_is_get_without_a_body(api: Api, path: str, who: str | None) -> None:
    path = path.replace("/users/x", f"/users/{world.user_id('user')}")
    got = api.get(path, as_=who)

    head = api.request("HEAD", path, as_=who)

    assert (head.status, head.body) == (got.status, b"")
    ids = {"x-request-id": "", "date": ""}
    assert {**head.headers, **ids} == {**got.headers, **ids}
    assert head.headers["content-length"] == str(len(got.body))


def test_head_of_an_unknown_path_has_no_body(api: Api) -> None:
    answer = api.request("HEAD", "/nope")

    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize(("path", "allow"), ALLOWED.items(), ids=ALLOWED)
def test_options_lists_what_a_path_allows(api: Api, path: str, allow: str) -> None:
    answer = api.request("OPTIONS", path, as_=None)

    assert (answer.status, answer.body, answer.headers["allow"]) == (204, b"", allow)
    assert "content-type" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control")]


# Paths nobody knows


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/nope",
        "/HEALTH",
        "/Health",
        "/health/liveness",
        "/health%20",
        "/%20health",
        "/health;v=1",
        "/health%3Fx=1",
        "/health%23",
        "/health/.",
        "/health/..",
        "/./health",
        "/v2/health",
        "/api/health",
        "/auth",
        "/auth/nope",
        "/auth/login/forms",
        "/auth/users/x/nope",
        "/jobs/x/y",
        "/jobs/x/executions/y/z",
        "/executions/x/y",
        "/job-categories/x/y",
        "/pic-teams/x/y/z",
        "/settings",
        "/settings/teams",
        "/notifications/x/unread",
        "/scheduler",
        "/favicon.ico",
        "/%E3%81%82",
        "/%FF%FE",
        "/static/../health",
    ],
)
@pytest.mark.parametrize("who", ["admin", None])
def test_an_unknown_path_is_an_unknown_endpoint(api: Api, path: str, who: str | None) -> None:
    for method in ("GET", "POST", "OPTIONS", "PATCH"):
        answer = api.request(method, path, as_=who)
        assert (answer.status, answer.json) == (404, UNKNOWN), method
        assert "location" not in answer.headers


@pytest.mark.parametrize("path", [path for path in ALLOWED if not path.startswith("/jobs/x/y")])
def test_a_trailing_or_doubled_slash_is_an_unknown_path_and_no_redirect(api: Api, path: str) -> None:
    for spelt in (f"{path}/", f"/{path}", f"{path}//", "//".join(path.rsplit("/", 1))):
        for method in ("GET", "POST"):
            answer = api.request(method, spelt)
            assert (answer.status, answer.json) == (404, UNKNOWN), spelt
            assert "location" not in answer.headers


@pytest.mark.parametrize("code", ["%2F", "%2f", "%00", "%0A", "%0a", "%0D", "%09", "%1F", "%7F", "%7f"])
@pytest.mark.parametrize(
    "path",
    [
        "/job-categories/a{}b",
        "/job-categories/{}",
        "/auth/users/x{}/preferences",
        "/health{}",
        "{}/health",
        "/health{}live",
    ],
)
def test_an_encoded_slash_or_control_character_makes_a_path_unknown(api: Api, path: str, code: str) -> None:
    for method in ("GET", "PUT", "OPTIONS"):
        answer = api.request(method, path.format(code), as_=None)
        assert (answer.status, answer.json) == (404, UNKNOWN)


def test_an_encoded_slash_in_the_query_is_just_text(api: Api) -> None:
    assert api.get("/job-categories?x=a%2Fb%0A%00").status == 200


@pytest.mark.parametrize("path", ["/%68ealth", "/health/%6Cive", "/health/l%69ve?x#y", "/health?", "/health?a=b&a"])
def test_other_encodings_of_a_known_path_are_that_path(api: Api, path: str) -> None:
    assert api.get(path, as_=None).status == 200


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/nope",
        "/health",
        "/ap",
        "/apis/health",
        "/api",
        "/api/v3/health",
        "/API/health",
        "/api/v2",
        "/api/v22/health",
    ],
)
def test_nothing_is_outside_the_prefix(api: Api, target: str) -> None:
    answer = raw(api, "GET", target)

    assert (answer.status, answer.json) == (404, UNKNOWN)
    assert answer.headers["x-served-by"] == api.stack.name


# Headers of every answer

ANSWERS: dict[str, Callable[[Api], Answer]] = {
    "200": lambda api: api.get("/job-categories"),
    "200 to nobody": lambda api: api.get("/health/live", as_=None),
    "201": lambda api: api.post("/job-categories", {"name": "N"}),
    "204": lambda api: api.request("OPTIONS", "/jobs"),
    "400 content type": lambda api: api.post("/job-categories", content=b"{}"),
    "400 field": lambda api: api.post("/job-categories", {"name": 7}),
    "401": lambda api: api.get("/job-categories", as_=None),
    "403": lambda api: api.get("/settings/slack", as_="user"),
    "404 path": lambda api: api.get("/nope"),
    "404 row": lambda api: api.put("/job-categories/x", {}),
    "404 ambiguous": lambda api: api.get("/health%2F"),
    "405": lambda api: api.delete("/health"),
    "409": lambda api: api.post("/job-categories", {"name": "General"}),
    "413": lambda api: api.post("/job-categories", content=b"{}", headers={"Content-Length": "99999999"}),
    "HEAD": lambda api: api.request("HEAD", "/job-categories"),
    "outside": lambda api: raw(api, "GET", "/"),
}
EVERY = pytest.mark.parametrize("ask", ANSWERS.values(), ids=ANSWERS)


@EVERY
def test_every_answer_carries_id_stack_and_safe_headers(api: Api, ask: Callable[[Api], Answer]) -> None:
    headers = ask(api).headers

    assert UUID4.fullmatch(headers["x-request-id"])
    assert headers["x-served-by"] == api.stack.name
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "cache-control" not in headers
    assert "set-cookie" not in headers
    assert headers.get("content-type", "application/json") == "application/json"


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        pytest.param("a", True, id="one character"),
        pytest.param("aZ09._-", True, id="every kind of character"),
        pytest.param("-", True, id="a dash"),
        pytest.param("x" * 128, True, id="128 characters"),
        pytest.param("3f0c2b29-c379-44fd-bb7a-7e2a2f3a9d10", True, id="a UUID"),
        pytest.param("x" * 129, False, id="129 characters"),
        pytest.param("", False, id="empty"),
        pytest.param("a b", False, id="a blank"),
        pytest.param("a\tb", False, id="a tab"),
        pytest.param("a,b", False, id="a comma"),
        pytest.param("a/b", False, id="a slash"),
        pytest.param("<script>", False, id="markup"),
        pytest.param('"a"', False, id="quotes"),
        pytest.param("é", False, id="a letter with an accent"),
        pytest.param("a\x7f", False, id="a control character"),
        pytest.param("%0A", False, id="an encoded line break"),
    ],
)
def test_a_sane_request_id_is_echoed_and_another_one_replaced(api: Api, sent: str, echoed: bool) -> None:
    answers = [api.get(path, headers={"X-Request-Id": sent}) for path in ("/health/live", "/nope")]

    for answer in answers:
        got = answer.headers["x-request-id"]
        assert (got == sent) if echoed else UUID4.fullmatch(got)
    api.transcript.clear()


def test_made_request_ids_differ(api: Api) -> None:
    assert len({api.get("/health/live").headers["x-request-id"] for _ in range(5)}) == 5


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/me"),
        ("HEAD", "/auth/me"),
        ("GET", "/auth/nope"),
        ("GET", "/auth"),
        ("DELETE", "/auth/login"),
        ("OPTIONS", "/auth/login"),
        ("POST", "/auth/login"),
        ("GET", f"/auth/users/{world.user_id('user')}/preferences"),
        ("GET", "/auth/users/x%2Fy"),
    ],
)
@pytest.mark.parametrize("who", ["admin", None])
def test_nothing_below_auth_is_stored(api: Api, method: str, path: str, who: str | None) -> None:
    assert api.request(method, path, as_=who).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense"])
def test_every_answer_is_json_whatever_is_accepted(api: Api, accept: str) -> None:
    for path in ("/nope", "/job-categories"):
        answer = api.get(path, headers={"Accept": accept, "Accept-Encoding": "gzip, br"})
        assert answer.headers["content-type"] == "application/json"
        assert "content-encoding" not in answer.headers
        assert answer.json


def test_text_is_utf_8_compact_and_not_escaped(api: Api) -> None:
    answer = api.post("/job-categories", {"name": 'Ü "日本" \U0001f600 </b> x'})

    assert '"name":"Ü \\"日本\\" \U0001f600 </b> x"'.encode() in answer.body
    assert b": " not in answer.body
    assert b"\n" not in answer.body


# CORS

GRANT = {"access-control-allow-origin": ORIGIN, "access-control-allow-credentials": "true"}
PREFLIGHT = GRANT | {
    "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
    "access-control-allow-headers": "Content-Type, Authorization, X-Request-Id",
    "access-control-max-age": "3600",
}
ASKS = {
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization, content-type, x-anything",
}


def cors(answer: Answer) -> dict[str, str]:
    assert answer.headers["vary"] == "Origin"
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control")}


@dataclass
class WithOrigin(Api):
    """Asks as a browser does that shows a page of this origin."""

    origin: str = ORIGIN

    def request(self, method: str, path: str, **options: Any) -> Answer:
        headers = {"Origin": self.origin, **(options.pop("headers", None) or {})}
        return super().request(method, path, headers=headers, **options)


def seen_from(api: Api, origin: str) -> Api:
    return WithOrigin(api.stack, api.transcript, origin=origin)


@EVERY
def test_an_allowed_origin_may_read_every_answer(api: Api, ask: Callable[[Api], Answer]) -> None:
    answer = ask(seen_from(api, ORIGIN))

    assert cors(answer).items() >= GRANT.items()


@EVERY
def test_a_foreign_origin_may_read_none(api: Api, ask: Callable[[Api], Answer]) -> None:
    assert cors(ask(seen_from(api, FOREIGN))) == {}


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:5173"])
def test_both_default_origins_are_echoed(api: Api, origin: str) -> None:
    assert cors(api.get("/health/live", headers={"Origin": origin})) == GRANT | {"access-control-allow-origin": origin}


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "*",
        "",
        "localhost:5173",
        "http://localhost",
        "http://localhost:51730",
        "http://localhost:5173/",
        "https://localhost:5173",
        "HTTP://LOCALHOST:5173",
        "http://localhost:5173.evil.example",
        "http://evil.example#http://localhost:5173",
        "http://localhost:5173, https://evil.example",
    ],
)
def test_only_a_listed_origin_counts_to_the_letter(api: Api, origin: str) -> None:
    assert cors(api.get("/health/live", headers={"Origin": origin})) == {}
    assert cors(api.request("OPTIONS", "/jobs", as_=None, headers={"Origin": origin, **ASKS})) == {}


def test_no_origin_no_grant(api: Api) -> None:
    assert cors(api.get("/job-categories")) == {}


@pytest.mark.parametrize("path", ALLOWED)
def test_a_preflight_is_granted_without_a_token(api: Api, path: str) -> None:
    answer = api.request("OPTIONS", path, as_=None, headers={"Origin": ORIGIN, **ASKS})

    assert (answer.status, answer.body, answer.headers["allow"]) == (204, b"", ALLOWED[path])
    assert cors(answer) == PREFLIGHT


def test_a_foreign_preflight_gets_its_allow_and_no_grant(api: Api) -> None:
    answer = api.request("OPTIONS", "/jobs", as_=None, headers={"Origin": FOREIGN, **ASKS})

    assert (answer.status, answer.headers["allow"]) == (204, ALLOWED["/jobs"])
    assert cors(answer) == {}


def test_a_preflight_of_an_unknown_path_is_unknown_and_readable(api: Api) -> None:
    answer = api.request("OPTIONS", "/nope", as_=None, headers={"Origin": ORIGIN, **ASKS})

    assert (answer.status, answer.json) == (404, UNKNOWN)
    assert cors(answer) == GRANT


def test_a_star_lets_everybody_read_without_credentials(api: Api, api_with: Callable[..., Api]) -> None:
    open_to_all = api_with(cors_origins=("*", ORIGIN))

    assert cors(open_to_all.get("/health/live", headers={"Origin": FOREIGN})) == {"access-control-allow-origin": "*"}
    assert cors(open_to_all.get("/health/live", headers={"Origin": ORIGIN})) == GRANT
    foreign = open_to_all.request("OPTIONS", "/jobs", as_=None, headers={"Origin": FOREIGN, **ASKS})
    assert cors(foreign)["access-control-allow-methods"] == PREFLIGHT["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in cors(foreign)
