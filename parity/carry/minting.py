"""Making a JSON Web Token for one stack from the claims of a recorded one, as old as that one was when it was used."""

import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from parity.shapes import moment

__all__ = ["Minting"]

_TIMES = ("iat", "nbf", "exp", "auth_time")


@dataclass(frozen=True, slots=True)
class Minting:
    """The secret that a stack checks HS256 tokens with, and its clock as epoch seconds."""

    secret: str
    now: Callable[[], float]

    def mint(self, token: str, claims: Mapping[str, Any], used: str, *, valid: bool = True) -> str:
        """Return a token with these claims, whose ids are this stack's already.

        Its times keep their distance to now that the recorded ones had to `used` (ISO time of the recorded request; ""
        leaves them as new), so what had expired stays expired. `jti` is the same whenever the same token is minted again.
        Not `valid` breaks the signature.
        """
        anew = {key: value for key, value in claims.items() if key != "valid"}
        then = moment(used)
        if then is None:
            then = float(claims.get("iat", claims.get("nbf", self.now())))
        shift = self.now() - then
        for key in _TIMES:
            if isinstance(anew.get(key), int | float):
                anew[key] = type(anew[key])(anew[key] + shift)
        if "jti" in anew:
            digest = hmac.digest(self.secret.encode(), token.encode(), hashlib.sha256)
            anew["jti"] = str(uuid.UUID(bytes=digest[:16], version=4))
        minted = jwt.encode(anew, self.secret, algorithm="HS256")
        return minted if valid else _broken(minted)


def has_expired(claims: Mapping[str, Any], used: str) -> bool:
    """Say whether a recorded token had expired when it was used."""
    then, end = moment(used), claims.get("exp")
    return then is not None and isinstance(end, int | float) and end <= then


def _broken(token: str) -> str:
    """Return the token with a signature that fits nothing; its first letter counts fully, its last may not."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
