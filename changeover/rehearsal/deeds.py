"""What visitors do, by route group. Each deed knows what it must be answered; each write carries a mark for the books."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from changeover.rehearsal.visitor import Thing, Visitor
from shared_rules.policy import Role

__all__ = ["DEEDS", "HOST", "Deed", "make_runnable_job"]

# Where jobs call; the sink answers for it.
HOST = "hooks.example.com"
# A visitor clears up beyond so many things of a kind.
_KEPT = 4
_CRON = "0 3 1 1 *"
_EVERYBODY, _WRITERS, _ADMINS = frozenset(Role), frozenset({Role.ADMIN, Role.USER}), frozenset({Role.ADMIN})


@dataclass(frozen=True)
class Deed:
    """`weight` is how often it is done, compared with the others that a visitor may do."""

    group: str
    run: Callable[[Visitor], Awaitable[object]]
    roles: frozenset[Role] = _EVERYBODY
    weight: int = 2


def get(path: str) -> Callable[[Visitor], Awaitable[object]]:
    return lambda visitor: visitor.ask("GET", path.format(id=visitor.id))


def post(path: str, body: Any) -> Callable[[Visitor], Awaitable[object]]:
    return lambda visitor: visitor.ask("POST", path, body)


async def renew(visitor: Visitor) -> None:
    visitor.took(await visitor.ask("POST", "/auth/refresh", token=visitor.refresh_token))


async def log_in_elsewhere(visitor: Visitor) -> None:
    """Log in once more and out again; that token is refused from then on, by whichever stack is asked."""
    kept = visitor.token, visitor.refresh_token
    try:
        await visitor.log_in()
        await visitor.ask("POST", "/auth/logout")
        await visitor.ask("GET", "/auth/me", expected=401)
    finally:
        visitor.token, visitor.refresh_token = kept


def job_of(mark: str, target: str) -> dict[str, str]:
    end = datetime.now(UTC).date() + timedelta(days=300)
    return {
        "name": mark,
        "cron_expression": _CRON,
        "end_date": str(end),
        "pic_team": "platform",
        "category": "general",
        "target_url": target,
    }


async def make_job(visitor: Visitor) -> Thing:
    mark = visitor.mark()
    target = f"https://{HOST}/{mark}"
    with visitor.place.books.writing(new=(("job", mark), ("target", target))):
        made = await visitor.ask("POST", "/jobs", job_of(mark, target), expected=201)
    return Thing(made["job"]["id"], mark, target)


async def write_job(visitor: Visitor) -> None:
    """Create a job, change one, or delete one: so that a few are there."""
    jobs = visitor.things.setdefault("job", [])
    if not jobs or (len(jobs) < _KEPT and visitor.random.random() < 0.5):
        jobs.append(await make_job(visitor))
        return
    job, books = jobs.pop(0), visitor.place.books
    if len(jobs) + 1 >= _KEPT:
        with books.writing(old=(("job", job.mark), ("target", job.second))):
            await visitor.ask("DELETE", f"/jobs/{job.id}")
        return
    target = f"https://{HOST}/{visitor.mark()}"
    with books.writing(new=(("target", target),), old=(("target", job.second),)):
        await visitor.ask("PUT", f"/jobs/{job.id}", {"target_url": target})
    jobs.append(Thing(job.id, job.mark, target))


async def look_at_a_job(visitor: Visitor) -> None:
    """Look at the last job written: what one stack wrote, the other must show."""
    for job in [*visitor.things.get("job", []), *visitor.things.get("run", [])][-1:]:
        await visitor.ask("GET", f"/jobs/{job.id}")


async def make_runnable_job(visitor: Visitor) -> None:
    """Make the job that the visitor runs; it is never changed, so that its runs can be counted by their target."""
    visitor.things["run"] = [await make_job(visitor)]


async def run_job(visitor: Visitor) -> None:
    [job] = visitor.things["run"]
    with visitor.place.books.writing(new=(("run", job.second), ("call", job.second))):
        await visitor.ask("POST", f"/jobs/{job.id}/execute")


async def look_at_runs(visitor: Visitor) -> None:
    for job in visitor.things.get("run", []):
        await visitor.ask("GET", f"/jobs/{job.id}/executions?limit=5")


async def write_user(visitor: Visitor) -> None:
    """Register somebody, change the address, delete the oldest."""
    users, books = visitor.things.setdefault("user", []), visitor.place.books
    if len(users) < 2:
        mark = visitor.mark()
        mail = f"{mark}@example.com"
        body = {"username": mark, "email": mail, "password": f"password-of-{mark}", "role": "viewer"}
        with books.writing(new=(("user", mark), ("e-mail", mail))):
            made = await visitor.ask("POST", "/auth/register", body, expected=201)
        users.append(Thing(made["user"]["id"], mark, mail))
        return
    user = users.pop(0)
    if visitor.random.random() < 0.5:
        mail = f"{visitor.mark()}@example.com"
        with books.writing(new=(("e-mail", mail),), old=(("e-mail", user.second),)):
            await visitor.ask("PUT", f"/auth/users/{user.id}", {"email": mail})
        users.insert(0, Thing(user.id, user.mark, mail))
        return
    with books.writing(old=(("user", user.mark), ("e-mail", user.second))):
        await visitor.ask("DELETE", f"/auth/users/{user.id}")


async def write_preferences(visitor: Visitor) -> None:
    path = f"/auth/users/{visitor.id}/preferences"
    await visitor.ask("PUT", path, {"daily_digest": visitor.random.random() < 0.5})


def write_taxonomy(kind: str, path: str, key: str, more: dict[str, str]) -> Callable[[Visitor], Awaitable[None]]:
    """Return a deed that adds one, renames it, and disables it, over and over."""

    async def write(visitor: Visitor) -> None:
        there, books = visitor.things.setdefault(kind, []), visitor.place.books
        if not there:
            mark = visitor.mark()
            with books.writing(new=((kind, mark),)):
                made = await visitor.ask("POST", path, {"name": mark, **more}, expected=201)
            there.append(Thing(made[key]["id"], mark))
            return
        thing = there.pop()
        if thing.second:
            with books.writing():
                await visitor.ask("DELETE", f"{path}/{thing.id}")
            return
        mark = visitor.mark()
        with books.writing(new=((kind, mark),), old=((kind, thing.mark),)):
            await visitor.ask("PUT", f"{path}/{thing.id}", {"name": mark})
        there.append(Thing(thing.id, mark, "renamed"))

    return write


async def write_notices(visitor: Visitor) -> None:
    """Read the newest notification and delete it."""
    found = await visitor.ask("GET", "/notifications?per_page=1")
    for notice in found["notifications"]:
        await visitor.ask("PUT", f"/notifications/{notice['id']}/read")
        await visitor.ask("DELETE", f"/notifications/{notice['id']}")


async def clear_notices(visitor: Visitor) -> None:
    await visitor.ask("PUT", "/notifications/read-all")
    await visitor.ask("DELETE", "/notifications/delete-read")


async def write_settings(visitor: Visitor) -> None:
    await visitor.ask("PUT", "/settings/slack", {"is_enabled": False, "channel": f"#{visitor.name}"})


_CRON_BODY = {"expression": "0 9 * * 1-5"}
_TEST_RUN = {"target_url": f"https://{HOST}/trial"}

DEEDS: tuple[Deed, ...] = (
    Deed("health", get("/health")),
    Deed("health", get("/health/live")),
    Deed("auth.session", get("/auth/me")),
    Deed("auth.session", get("/auth/verify")),
    Deed("auth.session", renew, weight=1),
    Deed("auth.session", log_in_elsewhere, weight=1),
    Deed("auth.users", get("/auth/users"), _ADMINS),
    Deed("auth.users", get("/auth/users/{id}")),
    Deed("auth.users", write_user, _ADMINS, weight=3),
    Deed("preferences", get("/auth/users/{id}/preferences")),
    Deed("preferences", get("/auth/users/{id}/ui-preferences")),
    Deed("preferences", write_preferences),
    Deed("jobs.read", get("/jobs?page=1&per_page=20")),
    Deed("jobs.read", look_at_a_job, _WRITERS),
    Deed("jobs.write", write_job, _WRITERS, weight=10),
    Deed("jobs.run", run_job, _WRITERS, weight=5),
    Deed("jobs.run", post("/jobs/test-run", _TEST_RUN), _WRITERS, weight=1),
    Deed("cron.tools", post("/jobs/validate-cron", _CRON_BODY), weight=1),
    Deed("cron.tools", post("/jobs/cron-preview", _CRON_BODY), weight=1),
    Deed("executions.read", get("/executions?limit=20")),
    Deed("executions.read", get("/executions/statistics"), weight=1),
    Deed("executions.read", look_at_runs, _WRITERS),
    Deed("taxonomy.read", get("/job-categories")),
    Deed("taxonomy.read", get("/pic-teams")),
    Deed("taxonomy.write", write_taxonomy("category", "/job-categories", "category", {}), _ADMINS, weight=3),
    Deed(
        "taxonomy.write",
        write_taxonomy("team", "/pic-teams", "pic_team", {"slack_handle": "@rehearsal"}),
        _ADMINS,
        weight=3,
    ),
    Deed("notifications.read", get("/notifications?per_page=20")),
    Deed("notifications.read", get("/notifications/unread-count")),
    Deed("notifications.write", write_notices),
    Deed("notifications.write", clear_notices, weight=1),
    Deed("settings", get("/settings/slack"), _ADMINS, weight=1),
    Deed("settings", write_settings, _ADMINS, weight=1),
    Deed("scheduler", get("/scheduler/status"), _ADMINS, weight=1),
    Deed("scheduler", post("/scheduler/resync", None), _ADMINS, weight=1),
)
