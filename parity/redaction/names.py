"""Which names (of leaves, fields, parameters, headers, cookies) stand for secrets. Names only; no values."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

__all__ = ["Names", "is_placeholder", "looks_secret"]

Secrecy = Literal["", "secret", "text", "container", "url", "authorization", "cookie"]

# A name is secret that ends in such a word: new_password, accesstoken, clientSecret.
_ENDINGS = ("password", "passwd", "passwort", "passphrase", "passcode", "secret", "token", "credential")
# ... or in such a pair of words, however they are joined: api_key, APIKey, pass-phrase.
_PAIRS = (
    "apikey", "privatekey", "secretkey", "accesskey", "signingkey", "encryptionkey", "authkey", "masterkey", "sshkey",
    "webhookkey", "sharedkey", "sessionkey", "accountkey", "servicekey", "deploykey", "licensekey", "passphrase", "passcode",
    "password", "sessionid",
)  # fmt: skip
_BEGINNINGS = ("password", "passwd")
# Secret as a whole name or as its last word.
_WORDS = frozenset({"pwd", "pin", "otp", "totp", "cvv", "cvc", "jwt", "bearer", "sid", "csrf", "xsrf"})
# Numbers under these names count something more often than they hide something.
_TEXT_ONLY = frozenset({"pass", "tokens", "sid", "session"})
_CONTAINERS = ("passwords", "secrets", "tokens", "credentials")
_PAIR_CONTAINERS = ("apikeys", "privatekeys", "accesskeys")
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
# What any secret name holds, in lower case: words of four letters and more, and short ones that end a name.
_HINTS = ("passw", "passp", "passc", "secret", "token", "key", "credential", "bearer", "authoriz", "cookie", "session")
_SHORT_HINTS = re.compile(
    r"(?:pwd|pin|otp|cvv|cvc|jwt|sid|csrf|xsrf|pass)s?(?![a-z])"
    r"|session[^a-z]{0,2}id|hook[^a-z/]{0,2}ur[li]|web[^a-z]?hooks?(?![a-z/.])"
)
_SEPARATORS = str.maketrans("", "", "_-. []:/")
_KINDS = tuple(re.compile(kind) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\da-zA-Z_]+")
_JWT_LEFT = re.compile(r"<jwt-\d+>")
# As texts for people write it: "Send the header Authorization: Bearer <token>."
_TO_FILL_IN = re.compile(r"<[a-z][a-z _-]{0,30}>[.,;:!]?")


def is_placeholder(value: str) -> bool:
    """Say whether the value only stands where a secret would be: blanked, masked, or a word such as `undefined`."""
    return (
        not value.strip()
        or value.lower() in _PLACEHOLDERS
        or set(value) <= set("*•.-")
        or _JWT_LEFT.fullmatch(value) is not None
        or _TO_FILL_IN.fullmatch(value) is not None
    )


def looks_secret(value: str) -> bool:
    """Say whether the value by itself looks made by a machine, whatever it is called."""
    if len(value) < 8 or re.search(r"\s", value):
        return False
    kinds = sum(kind.search(value) is not None for kind in _KINDS)
    return kinds >= 2 or len(value) >= 20


class Names:
    """The names that stand for secrets: those built in, and those given, in any spelling of case and separators.

    Names of `public` stand for none, whatever they look like: the keys of a test's own clients, say.
    """

    def __init__(self, given: Iterable[str] = (), public: Iterable[str] = ()) -> None:
        self.given = tuple(given)
        self._public = frozenset(_bare(name) for name in public)
        self._given = frozenset(_bare(name) for name in self.given)
        self.secrecy = lru_cache(maxsize=4096)(self._secrecy)
        self.plain = lru_cache(maxsize=4096)(self._plain)

    def may_stand_in(self, text: str) -> bool:
        """Say whether a text can hold a name of a secret at all; cheap, with no wrong no."""
        lowered = text.lower()
        if any(hint in lowered for hint in _HINTS) or _SHORT_HINTS.search(lowered):
            return True
        if not self._given:
            return False
        bare = lowered.translate(_SEPARATORS)
        return any(name in bare for name in self._given)

    def _plain(self, name: str) -> bool:
        words = _words(name)
        return bool(words) and (words[-1] in _PLAIN or words[-1] in _HARMLESS_ENDS)

    def _secrecy(self, name: str) -> Secrecy:
        """Return how a value of this name is treated; "" for a name that stands for nothing secret."""
        if _bare(name) in self._public:
            return ""
        if _bare(name) in self._given:
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
        harmless = words[-1] in _HARMLESS_ENDS or words[0] in _HARMLESS_STARTS
        if len(words) > 1 and harmless and not joined.endswith("sessionid"):
            return ""
        if words[-1].endswith(_CONTAINERS) or joined.endswith(_PAIR_CONTAINERS):
            return "container"
        if joined in _TEXT_ONLY or words[-1] in _TEXT_ONLY:
            return "text"
        secret = (
            joined.endswith(_PAIRS)
            or words[-1].endswith(_ENDINGS)
            or words[-1] in _WORDS
            or any(word.startswith(_BEGINNINGS) or word in ("secret", "token") for word in words)
        )
        return "secret" if secret else ""


def _words(name: str) -> list[str]:
    return [word.lower() for word in _PART.findall(name)]


def _bare(name: str) -> str:
    return "".join(re.findall(r"[^\W_]+", name)).lower()
