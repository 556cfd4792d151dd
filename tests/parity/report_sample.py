"""A report such as a run makes, put together by the same parts: every state, every place, and hostile content."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from parity.grouping import Grouper, heads
from parity.report.detail import Seen, detail_of
from parity.report.rule import suggested_rule
from parity.report.value import (
    Cell,
    Comparison,
    Counts,
    Coverage,
    Detail,
    Group,
    Latency,
    LearnedKind,
    LedgerUse,
    Line,
    RecordingInfo,
    Report,
    Rule,
    RuleCount,
    Shrunk,
    StackInfo,
)
from parity.values import Answer, Difference, Effect, Outcome, Request, RowChange

STACKS = (
    StackInfo("legacy", "/api", "http://127.0.0.1:5001", "3f1c" * 16),
    StackInfo("modern", "/api/v2", "http://127.0.0.1:5002", "9ab0" * 16),
)
ROUTES = [
    ("jobs", "GET", "/jobs"),
    ("jobs", "POST", "/jobs"),
    ("jobs", "GET", "/jobs/{id}"),
    ("jobs", "PUT", "/jobs/{id}"),
    ("jobs", "DELETE", "/jobs/{id}"),
    ("users", "GET", "/users"),
    ("users", "PATCH", "/users/{id}"),
    ("auth", "POST", "/auth/login"),
    ("executions", "GET", "/executions"),
]
SECRET = "hunter2-very-secret"
HOSTILE = """</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 2"> \u2028 \u202e & ' " `"""
RULE = Rule("4fa1c2d3", "FastAPI names the field that is wrong", "ada", "2027-01-31")
Seens = list[tuple[tuple[str, str, str], Seen, Rule | None, str | None]]


def mask(text: str) -> str:
    return text.replace(SECRET, "•" * 8)


def answer(status: int, body: Any, *headers: tuple[str, str], ms: float = 4.0) -> Answer:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    return Answer(status, (("content-type", "application/json"), *headers), raw, ms / 1000)


def job(number: int, created: str, **more: Any) -> dict[str, Any]:
    about = {"id": f"{number:08x}-1111-4111-8111-111111111111", "name": f"Nightly {number}", "cron": "0 3 * * *"}
    return {**about, "is_active": True, "tags": ["core", "night"], "created_at": created, **more}


MS, US = "2026-11-22T08:00:00.123Z", "2026-11-22T08:00:00.123456"


def diff(
    axis: str, spot: str, left: Any, right: Any, kinds: tuple[str, str], where: str = "answer", path: str = ""
) -> Difference:
    return Difference(where, axis, path or spot, spot, left, right, *kinds)  # type: ignore[arg-type]


def seens() -> Seens:
    """Return the exchanges that differ, each with its route, the rule that accepts it and the group that caused it."""
    token = (("authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"), ("content-type", "application/json"))
    listed = Request("GET", "/jobs?limit=2", token)
    one = Request("GET", "/jobs/7", token)
    put = Request(
        "PUT", "/jobs/7", token, json.dumps({"name": HOSTILE, "password": SECRET}, ensure_ascii=False).encode()
    )
    login = Request("POST", "/auth/login", token[1:], b'{"username": "ada"}')
    patch = Request("PATCH", "/users/3", token, b'{"email": "ada@example.org"}')
    formats = ("time(iso,ms,Z)", "time(iso,us,none)")

    def seen(number: str, request: Request, left: Outcome, right: Outcome, *found: Difference, **more: Any) -> Seen:
        return Seen(number, request, (request, request), (left, right), differences=found, **more)

    found: Seens = []
    jobs = [job(1, MS), job(2, MS, next_run=None)]
    ours = [job(1, US), job(2, US)]
    ours[1]["id"] = "0000ffff-2222-4222-8222-222222222222"
    found.append(
        (
            ROUTES[0],
            seen(
                "e000011",
                listed,
                Outcome(answer(200, {"jobs": jobs, "total": 2, "note": HOSTILE})),
                Outcome(answer(200, {"jobs": ours, "total": 2, "note": HOSTILE}, ms=2.0)),
                diff("format", "$.jobs[0].created_at", MS, US, formats, path="$.jobs[*].created_at"),
                diff("format", "$.jobs[1].created_at", MS, US, formats, path="$.jobs[*].created_at"),
                diff("presence", "$.jobs[1].next_run", None, None, ("null", "missing"), path="$.jobs[*].next_run"),
                recorded=answer(200, {"jobs": [*jobs, job(3, MS)], "total": 3, "note": HOSTILE}),
                witness=(
                    diff("value", "$.total", 3, 2, ("int", "int")),
                    diff("presence", "$.jobs[2]", job(3, MS), None, ("object", "missing"), path="$.jobs[*]"),
                ),
            ),
            None,
            None,
        )
    )
    found.append(
        (
            ROUTES[2],
            seen(
                "e000012",
                one,
                Outcome(answer(200, job(7, MS))),
                Outcome(answer(200, job(7, US))),
                diff("format", "$.created_at", MS, US, formats),
            ),
            None,
            None,
        )
    )
    found.append(
        (
            ROUTES[2],
            seen(
                "e000013",
                Request("GET", "/jobs/999", token),
                Outcome(answer(404, {"error": "No such job"})),
                Outcome(answer(200, {"detail": "No such job", "status_code": 404})),
                diff("status", "status", 404, 200, ("404", "200")),
                diff("presence", "$.error", "No such job", None, ("str", "missing")),
                diff("presence", "$.detail", None, "No such job", ("missing", "str")),
            ),
            None,
            None,
        )
    )
    before = {"id": 7, "name": "old", "owner": "ada", "updated_at": MS}
    found.append(
        (
            ROUTES[3],
            seen(
                "e000014",
                put,
                Outcome(answer(400, {"error": "name is too long"})),
                Outcome(
                    answer(400, {"error": "name is too long"}),
                    (RowChange("jobs", "update", before, {**before, "name": HOSTILE}),),
                    (
                        Effect(
                            "http", {"method": "POST", "host": "hooks.example", "path": "/h", "body": {"ref": "main"}}
                        ),
                    ),
                ),
                diff("presence", "jobs[0]", None, {**before, "name": HOSTILE}, ("missing", "update"), "rows", "jobs"),
                diff("presence", "http[0]", None, {"ref": "main"}, ("missing", "http"), "effects", "http"),
            ),
            None,
            None,
        )
    )
    written = {"id": 3, "email": "ada@example.org", "login_count": 0}
    noted = RowChange("audit", "insert", None, {"id": 9, "what": "changed a user"})
    found.append(
        (
            ROUTES[6],
            seen(
                "e000015",
                patch,
                Outcome(
                    answer(200, written), (RowChange("users", "update", {**written, "email": "a@b"}, written), noted)
                ),
                Outcome(
                    answer(200, written),
                    (RowChange("users", "update", {**written, "email": "a@b"}, {**written, "login_count": "0"}), noted),
                ),
                diff("type", "users[0].login_count", 0, "0", ("int", "str"), "rows", "users.login_count"),
            ),
            None,
            None,
        )
    )
    found.append(
        (
            ROUTES[7],
            seen(
                "e000016",
                login,
                Outcome(answer(400, {"error": "password is missing"})),
                Outcome(answer(422, {"detail": [{"loc": ["body", "password"], "msg": "Field required"}]})),
                diff("status", "status", 400, 422, ("400", "422")),
            ),
            RULE,
            None,
        )
    )
    found.append(
        (
            ROUTES[5],
            seen(
                "e000017",
                Request("GET", "/users?q=" + "a" * 400, token),
                Outcome(answer(200, {"users": [{"login_count": 0, "bio": "b" * 3000}]})),
                Outcome(answer(200, {"users": [{"login_count": "0", "bio": "b" * 3000}]})),
                diff("type", "$.users[0].login_count", 0, "0", ("int", "str"), path="$.users[*].login_count"),
            ),
            None,
            "users.login_count",
        )
    )
    found.append(
        (
            ROUTES[8],
            seen(
                "e000018",
                Request("GET", "/executions", token),
                Outcome(answer(200, [{"n": n, "at": MS} for n in range(30)], ("cache-control", "no-store"))),
                Outcome(answer(200, [{"n": n, "at": MS} for n in reversed(range(30))])),
                diff("order", "$", None, None, ("list", "list")),
                diff("header", "cache-control", "no-store", None, ("str", "missing")),
            ),
            None,
            None,
        )
    )
    return found


def sample(exchanges: int = 60, verdict: str = "failed") -> Report:
    """Return a report of so many exchanges, of which 8 differ."""
    pair, witness = Grouper(), Grouper()
    details: dict[str, Detail] = {}
    of_exchange: dict[str, tuple[str, ...]] = {}
    ids: dict[str, str] = {}
    for (area, method, route), one, rule, cause in seens():
        head = heads(one.differences)
        groups = pair.feed(
            one.id,
            method=method,
            route=route,
            route_group=area,
            differences=one.differences,
            rules=[rule] * len(head),
            caused_by=ids.get(cause or ""),
        )
        ids.update({h.difference.path: group for h, group in zip(head, groups, strict=True)})
        if one.witness:
            witness.feed(one.id, method=method, route=route, route_group=area, differences=one.witness)
        of_exchange[one.id] = groups
        by_path = {h.difference.path: group for h, group in zip(head, groups, strict=True)}
        named = [by_path.get(d.path, groups[0]) for d in one.differences]
        details[one.id] = detail_of(replace(one, groups=named), STACKS, mask)
    causes, groups_found = pair.result()
    groups_found = tuple(_dressed(group, details) for group in groups_found)
    witness_causes, witness_groups = witness.result()
    skipped = exchanges // 20
    counts = Counts(
        exchanges=exchanges,
        equal=exchanges - 8 - skipped,
        accepted=1,
        different=7,
        skipped={"the recording has no answer: the browser gave up": skipped},
        not_carried={"a token of an unknown user": 2},
        not_carried_examples={"a token of an unknown user": ("token <jwt-7> in e000021",)},
        differences=pair.differences,
        groups=len(groups_found),
        unexplained=sum(group.state == "unexplained" for group in groups_found),
        causes=len(causes),
    )
    return Report(
        created="2026-11-22T11:00:00Z",
        duration_s=12.34,
        stacks=STACKS,
        recordings=(RecordingInfo("tests/recordings/browser.jsonl.gz", "ab12" * 16, exchanges, "gateway"),),
        verdict="failed" if verdict == "failed" else "passed",
        reasons=("7 groups are unexplained.", "Coverage is 91.7 %, wanted are 95.0 %.") if verdict == "failed" else (),
        counts=counts,
        coverage=Coverage(0.95, 11 / 12, tuple(_cells())),
        latencies=tuple(Latency(m, r, 12, 4.0 + n, 9.5 + n, 2.1 + n, 5.25 + n) for n, (_, m, r) in enumerate(ROUTES)),
        causes=causes,
        groups=groups_found,
        details=details,
        witness=Comparison(50, 49, 1, witness_groups, witness_causes),
        ledger=LedgerUse(
            (RuleCount(RULE, 1),),
            (Rule("00aa11bb", "no longer needed", "bob", "2027-03-01"),),
            (Rule("22cc33dd", "was agreed until summer", "eve", "2026-07-01"),),
            (),
        ),
        calibration=(LearnedKind("POST /auth/login", "$.access_token", "jwt"),),
        lines=lambda: _lines(exchanges, of_exchange, skipped),
    )


def _dressed(group: Group, details: dict[str, Detail]) -> Group:
    """Return the group as the runner completes it: with the rule to paste, and shrunk where that was done."""
    group = replace(
        group, suggested_rule=suggested_rule(group, date(2027, 2, 1)), order_dependent=group.axis == "order"
    )
    if group.where != "rows":
        return group
    curls = details[group.example].curl
    return replace(group, shrunk=Shrunk(2, 1, curls, "def test_the_row_is_left_alone():\n    ..."))


def _cells() -> Iterator[Cell]:
    for area, method, route in ROUTES:
        yield Cell(area, method, route, "200", True, 12, 1 if route == "/jobs" else 0)
    yield Cell("jobs", "PUT", "/jobs/{id}", "400", True, 3, 1)
    yield Cell("jobs", "PUT", "/jobs/{id}", "409", True, 0)
    yield Cell("jobs", "GET", "/jobs/{id}", "404", True, 2, 1)
    yield Cell("auth", "POST", "/auth/login", "400", False, 1, 1)


def _lines(exchanges: int, of_exchange: dict[str, tuple[str, ...]], skipped: int) -> Iterator[Line]:
    statuses = {"e000013": (404, 404, 200), "e000014": (400, 400, 400), "e000016": (400, 400, 422)}
    found = {one.id: (route, one) for route, one, _, _ in seens()}
    for number in range(exchanges):
        name = f"e{number:06d}"
        if name in found:
            (area, method, route), one = found[name]
            verdict = "accepted" if name == "e000016" else "different"
            codes = statuses.get(name, (200, 200, 200))
            groups = of_exchange[name]
            yield Line(
                name, number, "s1", method, mask(one.request.target), route, area, verdict, *codes, groups=groups
            )  # type: ignore[misc]
        else:
            area, method, route = ROUTES[number % len(ROUTES)]
            target = route.replace("{id}", str(number))
            if exchanges - number <= skipped:
                reason = "the recording has no answer: the browser gave up"
                yield Line(name, number, "s2", method, target, route, area, "skipped", reason=reason)
            else:
                yield Line(name, number, f"s{number % 7}", method, target, route, area, "equal", 200, 200, 200)
