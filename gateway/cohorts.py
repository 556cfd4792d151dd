"""Who is in which cohort: nginx's `split_clients` reproduced, so that it can be said before a flip who will be moved.

Cohorts build on each other: who is in `c1` is also served where 5 % are. So no step forward moves anybody back.
"""

import secrets

__all__ = ["COHORTS", "SHARES", "cohort_of", "key_in", "murmur2"]

# Each cohort, with the share of the visitors (in %) from which on it is included.
COHORTS = {"c1": 1, "c5": 5, "c25": 25, "c50": 50, "c100": 100}
SHARES = (0, *COHORTS.values())
MASK = 0xFFFFFFFF
MULTIPLIER = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """Return the 32-bit MurmurHash2 (Austin Appleby, public domain) with seed 0, as nginx's `ngx_murmur_hash2`."""
    value, rest = len(data), len(data) % 4
    for start in range(0, len(data) - rest, 4):
        piece = int.from_bytes(data[start : start + 4], "little") * MULTIPLIER & MASK
        piece = (piece ^ piece >> 24) * MULTIPLIER & MASK
        value = value * MULTIPLIER & MASK ^ piece
    if rest:
        value = (value ^ int.from_bytes(data[-rest:], "little")) * MULTIPLIER & MASK
    value = (value ^ value >> 13) * MULTIPLIER & MASK
    return value ^ value >> 15


def cohort_of(key: str, salt: str) -> str:
    """Return the cohort of a visitor's key (the sticky cookie's value, else the address), as nginx's map finds it."""
    value, end, before = murmur2(f"{salt}:{key}".encode()), 0, 0
    for cohort, share in COHORTS.items():
        # nginx adds up what each part takes, rounded down.
        end += MASK * (share - before) // 100
        before = share
        if value < end:
            return cohort
    return "c100"


def key_in(cohort: str, salt: str) -> str:
    """Return a fresh sticky key, as the gateway makes them, that belongs to the cohort."""
    while cohort_of(key := secrets.token_hex(16), salt) != cohort:
        pass
    return key
