"""Proof from outside that a table counts: what clients get on fresh connections, not what a file or a log says."""

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gateway.cohorts import COHORTS, key_in
from gateway.config import Config
from gateway.ownership import Change, Ownership, open_faces
from gateway.render import GENERATION
from gateway.routes import Group

__all__ = ["PROBE", "Proof", "prove"]

# How the request id of a probe begins, so that whoever counts requests can leave it out.
PROBE = "probe-"
IN_A_ROW = 20
TIMEOUT_S = 2
# Between two looks at a gateway that does not follow yet.
PAUSE_S = 0.01
# Questions of all groups are asked side by side, or a slow stack would use up the time of the others.
AT_ONCE = 8
# Enough for what is read; a stack may never end its answer.
BODY_BYTES = 4096
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Proof:
    """Whether it was seen, how long it took from the swap (to the first answer, and in all), and what was seen instead."""

    seen: bool
    first_ms: float = 0.0
    proven_ms: float = 0.0
    requests: int = 0
    instead: str = ""


@dataclass(frozen=True)
class Question:
    """A request without effect, and the stack that must serve it."""

    method: str
    target: str
    headers: dict[str, str]
    owner: str


def prove(config: Config, ownership: Ownership, changes: Sequence[Change], generation: str, began: float) -> Proof:
    """Return whether the gateway answers by the generation: 20 times in a row, then for each changed group on both sides.

    `began` is `time.monotonic()` at the swap. All of it must be seen within 2 s.
    """
    deadline, in_a_row, asked, first = began + TIMEOUT_S, 0, 0, 0.0
    instead = ""
    while in_a_row < IN_A_ROW:
        found = generation_now(config, left(deadline))
        asked += 1
        if found == generation:
            first = first or milliseconds(began)
            in_a_row += 1
        else:
            instead, in_a_row = f"generation {found or 'none'} instead of {generation}", 0
            time.sleep(PAUSE_S)
        if time.monotonic() > deadline:
            return Proof(False, first, milliseconds(began), asked, instead or "answers came too slowly")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(
            lambda question: wrong(config, question, generation, deadline), questions(config, ownership, changes)
        )
        wrongs = list(answers)
    instead = next(filter(None, wrongs), "")
    return Proof(not instead, first, milliseconds(began), asked + len(wrongs), instead)


def left(deadline: float) -> float:
    """Return the seconds until then, a little at least: none would mean not to wait at all."""
    return max(deadline - time.monotonic(), PAUSE_S)


def generation_now(config: Config, timeout_s: float = TIMEOUT_S) -> str:
    """Return the generation that a fresh connection is answered by, "" where there is none or no answer."""
    try:
        answer = ask(config, "GET", GENERATION, {}, timeout_s)
        return str(json.loads(answer[1])["generation"]) if answer[0] == 200 else ""
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return ""


def questions(config: Config, ownership: Ownership, changes: Sequence[Change]) -> Iterator[Question]:
    """Yield, for each changed group and each face it is open under, a request from each side of its share."""
    groups = {group.id: group for group in config.routes.groups}
    moved = [groups[change.what] for change in changes if change.what in groups]
    moved = moved or list(groups.values()) if any(change.what.startswith("pin:") for change in changes) else moved
    if config.candidate is None:
        return
    for group in moved:
        share = ownership.share(group.id)
        cohorts = {COHORTS[name] <= share: name for name in COHORTS}
        for face in open_faces(config, ownership):
            for mine, cohort in cohorts.items():
                owner = config.candidate.name if mine else config.primary.name
                method, path, headers = without_effect(group)
                cookie = {"Cookie": f"{config.sticky.cookie}={key_in(cohort, config.sticky.salt)}"}
                yield Question(method, face.prefix + path, headers | cookie, owner)


def without_effect(group: Group) -> tuple[str, str, dict[str, str]]:
    """Return a request of the group that changes nothing: a read, else a preflight that announces one of its writes."""
    for match in group.matches:
        if "GET" in match.methods:
            return "GET", path_of(match.segments), {}
    match = group.matches[0]
    announced = {"Access-Control-Request-Method": match.methods[0], "Origin": "http://probe.invalid"}
    return "OPTIONS", path_of(match.segments), announced


def path_of(segments: Sequence[str]) -> str:
    return "".join(f"/{'probe' if segment == '{}' else segment}" for segment in segments)


def wrong(config: Config, question: Question, generation: str, deadline: float) -> str:
    """Return what is wrong with the answer, "" if it came from the owner by this generation before the deadline."""
    shown = f"{question.method} {question.target}"
    try:
        status, _, headers = ask(config, question.method, question.target, question.headers, left(deadline))
    except TimeoutError:
        return f"{shown} was not answered within {TIMEOUT_S} s of the swap"
    except (OSError, http.client.HTTPException) as error:
        return f"{shown} got no answer: {error}"
    by, found = headers.get("x-served-by", "none"), headers.get("x-gateway-generation", "none")
    if by != question.owner:
        return f"{shown} was served by {by} ({status}) instead of {question.owner}"
    return "" if found == generation else f"{shown} was decided by {found} instead of {generation}"


def ask(
    config: Config, method: str, target: str, headers: dict[str, str], timeout_s: float
) -> tuple[int, bytes, dict[str, str]]:
    """Return status, the body's beginning and headers (names in lower case), asked on a fresh connection."""
    host = ANY_ADDRESS.get(config.host, config.host)
    connection = http.client.HTTPConnection(host, config.port, timeout=timeout_s)
    try:
        connection.request(method, target, headers={**headers, "X-Request-Id": f"{PROBE}{time.monotonic_ns()}"})
        answer = connection.getresponse()
        return answer.status, answer.read1(BODY_BYTES), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def milliseconds(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
