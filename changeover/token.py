"""What a token says, and whether each stack accepts it: by the rules both share, and by asking those that run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import httpx2
import jwt

from changeover.problems import Problem
from changeover.words import duration
from shared_rules import tokens
from shared_rules.errors import Refused

__all__ = ["Inspection", "Verdict", "inspect"]

_TIMEOUT_S = 5


@dataclass(frozen=True)
class Verdict:
    """What one stack makes of the token. `accepted` is None when the stack could not be asked."""

    accepted: bool | None
    reason: str


@dataclass(frozen=True)
class Inspection:
    """A token without its signature. `rules` is the verdict without rows; `stacks` those of the running stacks."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    kind: str
    expiry: str
    signature: str
    rules: Verdict
    stacks: Mapping[str, Verdict]

    @property
    def accepted(self) -> bool:
        """True when nobody who could be asked refuses; the rules alone decide where no stack runs."""
        answers = [verdict.accepted for verdict in self.stacks.values() if verdict.accepted is not None]
        return all(answers) if answers else bool(self.rules.accepted)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"accepted": self.accepted}


def inspect(token: str, secret: str, now: datetime, stacks: Mapping[str, str]) -> Inspection:
    """Return what the token says and who accepts it. `stacks` maps each stack to the URL of its own port and prefix.

    Raise Problem when the text is no token at all.
    """
    header, claims = _read_unchecked(token)
    kind: tokens.Kind = "refresh" if claims.get("type") == "refresh" else "access"
    return Inspection(
        header=header,
        claims=claims,
        kind=kind,
        expiry=_expiry(claims.get("exp"), now),
        signature="good" if _is_signed_with(token, secret) else "not made with this system's secret",
        rules=_by_rules(token, secret, now, kind),
        stacks={name: _ask(url, token, kind) for name, url in stacks.items()},
    )


def _read_unchecked(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        decoded = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Problem("The text given is not a token; give the three parts of one, joined by dots.") from None
    return decoded["header"], decoded["payload"]


def _is_signed_with(token: str, secret: str) -> bool:
    try:
        jwt.api_jws.decode(token, secret, algorithms=[tokens.ALGORITHM])
    except jwt.PyJWTError:
        return False
    return True


def _expiry(expires_at: Any, now: datetime) -> str:
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float) or not abs(expires_at) < 1e12:
        return "has no usable expiry"
    left_s = expires_at - now.timestamp()
    return f"expires in {duration(left_s)}" if left_s > 0 else f"expired {duration(left_s)} ago"


def _by_rules(token: str, secret: str, now: datetime, kind: tokens.Kind) -> Verdict:
    try:
        tokens.read_token(token, secret, now, kind)
    except Refused as refusal:
        return Verdict(False, refusal.error)
    return Verdict(True, "accepted, unless it was revoked or its user is inactive")


def _ask(url: str, token: str, kind: str) -> Verdict:
    """Ask the stack itself. A refresh token is never rotated, so asking with one changes nothing."""
    method, path = ("POST", "/auth/refresh") if kind == "refresh" else ("GET", "/auth/verify")
    try:
        answer = httpx2.request(
            method, f"{url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT_S, trust_env=False
        )
    except httpx2.HTTPError:
        return Verdict(None, "not running")
    if answer.status_code == httpx2.codes.OK:
        return Verdict(True, "accepted")
    return Verdict(False if answer.status_code == httpx2.codes.UNAUTHORIZED else None, _reason(answer))


def _reason(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
        return f"answered {answer.status_code}"
