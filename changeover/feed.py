"""Reads for a group that hardly anybody uses: recorded ones, sent through the gateway as visitors of either side.

Nothing is written by them. They are requests like any other to whoever watches the gateway: that is what they are for.
"""

import itertools
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2
import jwt
from sqlalchemy.exc import SQLAlchemyError

from changeover.problems import FAILED, Problem
from changeover.project import Project
from changeover.system import System
from gateway.cohorts import COHORTS, key_in
from gateway.routes import RouteTable
from parity.recording import read
from parity.values import ParityError
from shared_models.engine import sync_engine
from shared_models.queries.people import user_by_id
from shared_models.queries.scheduler import active_admin_ids
from shared_rules import tokens

__all__ = ["Fed", "feed", "recorded_reads"]

_TOKEN_LIFETIME_S = 900
_TIMEOUT_S = 30


@dataclass(frozen=True)
class Fed:
    """What the reads got: the statuses of each stack, and the reads whose two answers differ in status."""

    statuses: dict[str, Counter[int]]
    different: tuple[str, ...]


def recorded_reads(project: Project, routes: RouteTable, group: str) -> list[str]:
    """Return the group's distinct GETs of the configured recordings, without their prefix; none where it has no reads."""
    found: dict[str, None] = {}
    try:
        for path in project.recordings([]):
            _, entries = read(path)
            for entry in entries:
                target = entry.request.target
                if entry.request.method == "GET" and routes.classify("GET", target.partition("?")[0]) == group:
                    found[target] = None
    except ParityError as error:
        raise Problem(str(error)) from None
    return list(found)


def feed(system: System, reads: list[str], share: int, count: int, tell: Callable[[int], None]) -> Fed:
    """Send `count` reads to each side of a share (in %), one after the other, and return what they got.

    `tell` is given the number sent so far.
    """
    candidate = system.config.candidate
    names = {True: candidate.name if candidate else "", False: system.config.primary.name}
    sides = {COHORTS[cohort] <= share: cohort for cohort in COHORTS}
    statuses: dict[str, Counter[int]] = {names[mine]: Counter() for mine in sides}
    different: dict[str, None] = {}
    headers = {"Authorization": f"Bearer {_token(system)}"}
    prefix = next(face.prefix for face in system.config.faces if not face.pinned)
    with closing(httpx2.Client(base_url=system.gateway_url, timeout=_TIMEOUT_S, trust_env=False)) as client:
        for number, target in enumerate(itertools.islice(itertools.cycle(reads), count), 1):
            got = {}
            for mine, cohort in sides.items():
                cookie = f"{system.config.sticky.cookie}={key_in(cohort, system.config.sticky.salt)}"
                got[names[mine]] = _status(client, prefix + target, headers | {"Cookie": cookie})
            for name, status in got.items():
                statuses[name][status] += 1
            if len(set(got.values())) > 1:
                different[target] = None
            tell(number)
    return Fed(statuses, tuple(different))


def _status(client: httpx2.Client, target: str, headers: dict[str, str]) -> int:
    try:
        return client.get(target, headers=headers).status_code
    except httpx2.HTTPError as error:
        raise Problem(f"The gateway does not answer {target}: {error}; type `make status`.", FAILED) from None


def _token(system: System) -> str:
    """Return an access token of the first active admin: the reads are to get answers, not refusals."""
    settings, now = system.settings, datetime.now(UTC)
    engine = sync_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            found = connection.execute(active_admin_ids().limit(1)).first()
            admin = connection.execute(user_by_id(found[0])).first() if found else None
    except SQLAlchemyError as error:
        raise Problem(f"The database cannot be asked for an admin: {error}", FAILED) from None
    finally:
        engine.dispose()
    if admin is None:
        raise Problem("There is no active admin as whom reads could be sent.", FAILED)
    claims = tokens.new_claims(admin, "access", now, _TOKEN_LIFETIME_S)
    return jwt.encode(claims, settings.jwt_secret_key, algorithm=tokens.ALGORITHM)
