"""Which names (of leaves, fields, parameters, headers, cookies) stand for secrets. Names only; no values."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

__all__ = ["Names", "is_placeholder", "looks_secret"]

Secrecy = Literal["", "secret", "text", "container", "url", "authorization", "cookie"]

# A word that makes a name secret wherever it ends: new_password, accessToken, clientsecret.
_ENDINGS = (
    "password", "passwd", "passwort", "passphrase", "passcode", "secret", "token", "apikey", "privatekey", "secretkey",
    "accesskey", "signingkey", "encryptionkey", "credential", "authkey", "masterkey", "sshkey", "webhookkey", "sharedkey",
    "sessionkey", "accountkey", "servicekey", "deploykey", "licensekey",
)  # fmt: skip
_BEGINNINGS = ("password", "passwd")
# Secret as a whole name or as its last word.
_WORDS = frozenset({"pwd", "pin", "otp", "totp", "cvv", "cvc", "jwt", "bearer", "sessionid", "sid", "csrf", "xsrf"})
# Numbers under these names count something more often than they hide something.
_TEXT_ONLY = frozenset({"pass", "tokens", "sid"})
_CONTAINERS = ("passwords", "secrets", "tokens", "apikeys", "credentials", "privatekeys", "accesskeys")
_HARMLESS_ENDS = frozenset({
    "type", "types", "kind", "count", "counts", "at", "on", "expires", "expiry", "expired", "expiration", "expire",
    "ttl", "lifetime", "age", "length", "len", "size", "limit", "limits", "name", "names", "label", "title",
    "description", "hint", "hints", "policy", "policies", "strength", "enabled", "required", "requirement",
    "requirements", "changed", "valid", "invalid", "status", "state", "url", "uri", "endpoint", "path", "min", "max",
    "id", "ids", "version", "algorithm", "alg", "scope", "scopes", "issuer", "usage", "used", "remaining", "total",
    "in", "seconds", "minutes", "hours", "days", "date", "time", "until", "rotation", "rule", "rules", "error",
    "errors", "message", "field", "fields", "column",
})  # fmt: skip
_HARMLESS_STARTS = frozenset(
    {"max", "min", "num", "number", "total", "has", "is", "needs", "requires", "require", "count"}
)
# Beneath a container these still say who or what, not how to get in.
_PLAIN = frozenset(
    {"user", "username", "login", "email", "mail", "host", "hostname", "port", "role", "client", "project"}
)
_PLACEHOLDERS = frozenset(
    {"undefined", "string", "bearer", "basic", "null", "none", "true", "false", "token", "secret"}
)
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\da-zA-Z_]+")
_JWT_LEFT = re.compile(r"<jwt-\d+>")


def is_placeholder(value: str) -> bool:
    """Say whether the value only stands where a secret would be: blanked, masked, or a word such as `undefined`."""
    return (
        not value.strip()
        or value.lower() in _PLACEHOLDERS
        or set(value) <= set("*•.-")
        or _JWT_LEFT.fullmatch(value) is not None
    )


def looks_secret(value: str) -> bool:
    """Say whether the value by itself looks made by a machine, whatever it is called."""
    if len(value) < 8 or re.search(r"\s", value):
        return False
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return kinds >= 2 or len(value) >= 20


class Names:
    """The names that stand for secrets: those built in, and those given, in any spelling of case and separators."""

    def __init__(self, given: Iterable[str] = ()) -> None:
        self.given = tuple(given)
        self._given = frozenset("".join(re.findall(r"[^\W_]+", name)).lower() for name in self.given)
        self.secrecy = lru_cache(maxsize=4096)(self._secrecy)
        self.plain = lru_cache(maxsize=4096)(self._plain)

    def _plain(self, name: str) -> bool:
        words = _words(name)
        return bool(words) and (words[-1] in _PLAIN or words[-1] in _HARMLESS_ENDS)

    def _secrecy(self, name: str) -> Secrecy:
        """Return how a value of this name is treated; "" for a name that stands for nothing secret."""
        if "".join(re.findall(r"[^\W_]+", name)).lower() in self._given:
            return "secret"
        words = _words(name)
        if not words:
            return ""
        joined = "".join(words)
        if joined in ("authorization", "proxyauthorization"):
            return "authorization"
        if joined in ("cookie", "cookies", "setcookie"):
            return "cookie"
        if joined.endswith(("webhookurl", "webhookuri", "hookurl", "webhook")):
            return "url"
        if len(words) > 1 and (words[-1] in _HARMLESS_ENDS or words[0] in _HARMLESS_STARTS):
            return ""
        if joined.endswith(_CONTAINERS):
            return "container"
        if joined in _TEXT_ONLY or words[-1] in _TEXT_ONLY:
            return "text"
        secret = (
            joined.endswith(_ENDINGS)
            or words[-1] in _WORDS
            or any(word.startswith(_BEGINNINGS) or word in ("secret", "token", "password") for word in words)
        )
        return "secret" if secret else ""


def _words(name: str) -> list[str]:
    return [word.lower() for word in _PART.findall(name)]
