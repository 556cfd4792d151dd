"""The checks that send requests to stacks of their own: flows, and whether one stack serves every operation."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from changeover.phase_checks import Bench, Found
from changeover.phase_flows import Flow, Operations
from changeover.phase_player import Peer, play
from changeover.phase_stacks import Copy, own_copy
from gateway.routes import check_coverage
from parity.values import Answer, ParityError, Request

__all__ = ["operations", "run_flow"]

_METHODS = ("get", "post", "put", "patch", "delete")
_PARAMETER = re.compile(r"\{[^{}]*\}")
# A well-formed id that no row has.
_NOBODY = "00000000-0000-4000-8000-000000000000"
_NOWHERE = "/no-such-path-of-any-operation"


def run_flow(bench: Bench, flow: Flow) -> Found:
    """Play the flow on each of its pairs of stacks."""
    if flow.runs in {"across", "everywhere"} and (lacking := bench.needs_both()):
        return lacking
    return _run(_play(bench, flow))


def operations(bench: Bench) -> Found:
    """Compare the newer stack's OpenAPI document with the route groups, and send a request to each operation."""
    wanted = bench.flows.operations
    return bench.lacking("operations") if wanted is None else _run(_operations(bench, wanted))


def _run(check: Any) -> Found:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found: Found = runner.run(check)
    return found


@asynccontextmanager
async def _started(bench: Bench, *, alone: bool) -> AsyncIterator[Copy]:
    stacks = (bench.newer,) if alone else bench.project.config.pair
    names = [stack.name for stack in stacks]
    bench.say(f"starting {' and '.join(names)} on a database of {'their' if names[1:] else 'its'} own")
    async with own_copy(bench.project, stacks, bench.folder) as copy:
        yield copy


async def _play(bench: Bench, flow: Flow) -> Found:
    async with _started(bench, alone=flow.runs == "alone") as copy:
        ways = []
        for first, second in flow.pairs([peer.stack for peer in copy.peers.values()]):
            way = first.name if first is second else f"{first.name} to {second.name}"
            played = await play(flow, copy.peers[first.name], copy.peers[second.name], copy.environ)
            if played.fault:
                return Found(False, f"{way}: {played.fault}", f"Mend it; logs are in {bench.folder}.")
            ways.append(way)
    return Found(True, f"{flow.title}: {', '.join(ways)}")


async def _operations(bench: Bench, wanted: Operations) -> Found:
    async with _started(bench, alone=True) as copy:
        (peer,) = copy.peers.values()
        unknown = await peer.send(Request("GET", peer.stack.prefix + _NOWHERE))
        if not _is_absent(unknown, wanted):
            said = f"{peer.stack.name} answers {unknown.error or unknown.status} to a path that nobody serves"
            return Found(False, said, "Correct operations.absent, which tells such an answer.")
        missing = await _undocumented(bench, wanted, peer) or await _unserved(bench, wanted, copy, peer)
    count = len(bench.project.routes.operations) if bench.project.routes else 0
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        said = f"{len(missing)} of {count} operations: {'; '.join(missing[:5])}{more}"
        return Found(False, said, f"Let {peer.stack.name} serve them.")
    return Found(True, f"{peer.stack.name} documents and answers all {count} operations")


async def _undocumented(bench: Bench, wanted: Operations, peer: Peer) -> list[str]:
    """Return the operations that the stack's document does not have. Raise ParityError where it has none."""
    answer = await peer.send(Request("GET", wanted.document))
    try:
        paths: Mapping[str, Mapping[str, Any]] = json.loads(answer.body)["paths"]
    except (ValueError, KeyError, TypeError):
        raise ParityError(
            f"{peer.stack.name} answers {answer.error or answer.status} to GET {wanted.document}, not an OpenAPI document."
        ) from None
    served = [(method.upper(), path) for path, methods in paths.items() for method in methods if method in _METHODS]
    if bench.project.routes is None:
        return []
    problems = check_coverage(bench.project.routes, served, prefix=peer.stack.prefix)
    return [f"{each.method} {each.path} is not documented" for each in problems if each.kind == "unserved"]


async def _unserved(bench: Bench, wanted: Operations, copy: Copy, peer: Peer) -> list[str]:
    """Return the operations that are answered as if they were not there, or with a failure."""
    missing = []
    token = await _token(bench, wanted, copy, peer)
    for method, template in bench.project.routes.operations if bench.project.routes else []:
        answer = await peer.send(_request(method, peer.stack.prefix + _PARAMETER.sub(_NOBODY, template), token))
        if answer.status == 401 and token:
            # One of the operations before ended the token.
            token = await _token(bench, wanted, copy, peer)
            answer = await peer.send(_request(method, peer.stack.prefix + _PARAMETER.sub(_NOBODY, template), token))
        if answer.status in {0, 405, 500, 501, 502} or _is_absent(answer, wanted):
            missing.append(f"{method} {template} is answered {answer.error or answer.status}")
    return missing


async def _token(bench: Bench, wanted: Operations, copy: Copy, peer: Peer) -> str:
    if not wanted.sign_in:
        return ""
    played = await play(bench.flows.by_name[wanted.sign_in], peer, peer, copy.environ)
    if played.fault:
        raise ParityError(played.fault)
    return played.captured[wanted.token]


def _request(method: str, target: str, token: str) -> Request:
    headers = (("Authorization", f"Bearer {token}"),) if token else ()
    if method in {"POST", "PUT", "PATCH"}:
        return Request(method, target, (*headers, ("Content-Type", "application/json")), b"{}")
    return Request(method, target, headers)


def _is_absent(answer: Answer, wanted: Operations) -> bool:
    """Say whether this is how the stack answers to a path that is not there."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return False
    if answer.status != 404 or not isinstance(document, dict):
        return False
    return all(document.get(name) == value for name, value in wanted.absent.items())
