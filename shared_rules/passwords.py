"""Passwords: how they are kept and checked. Both cost milliseconds of CPU: never in a transaction, never on an event loop."""

from typing import Final

from passlib.hash import pbkdf2_sha256

__all__ = ["MAX_CHARS", "MIN_CHARS", "ROUNDS", "hash_password", "verify"]

MIN_CHARS: Final = 6
MAX_CHARS: Final = 4096
ROUNDS: Final = 29_000

# No password has this checksum, and finding that out takes as long as for a real one.
_NOBODY = f"$pbkdf2-sha256${ROUNDS}$bm9ib2R5IGhhcyB0aGlzIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def hash_password(password: str) -> str:
    """Return what is kept of a password: `$pbkdf2-sha256$<rounds>$<salt>$<checksum>`, another one each time."""
    return str(pbkdf2_sha256.using(rounds=ROUNDS).hash(password))


def verify(password: str, password_hash: str | None) -> bool:
    """Tell whether the password is the one kept.

    None, for nobody, is False and costs the same, so that the time of an answer does not tell who exists.
    """
    kept = password_hash if password_hash and pbkdf2_sha256.identify(password_hash) else _NOBODY
    return bool(pbkdf2_sha256.verify(password, kept))
