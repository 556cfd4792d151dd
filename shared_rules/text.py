"""Words: slugs, and what counts as an e-mail address."""

import re

__all__ = ["EMAIL_MAX_CHARS", "is_email", "slugify"]

EMAIL_MAX_CHARS = 120

# RFC 5322 dot-atom, and the domain of the HTML standard's valid e-mail address: syntax alone, any top-level domain.
# (email-validator refuses special-use domains such as corp.local, which are addresses here.)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")


def slugify(name: str) -> str:
    """Return `name` lower-cased with each run outside a-z0-9 as one dash, none at the ends; may be empty."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def is_email(value: str) -> bool:
    """Tell whether a trimmed text is an address by its syntax alone, at most 120 characters."""
    return len(value) <= EMAIL_MAX_CHARS and _EMAIL.fullmatch(value) is not None
