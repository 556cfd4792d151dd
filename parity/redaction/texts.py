"""Secrets in texts: those that a name beside them gives away are learned and replaced, those known are replaced.

Knows values, texts and JSON; what a request or an answer is made of is in `exchange`.
"""

import re
from collections.abc import Sequence

from parity.redaction.known import Edit, Known, apply, base64_edits, through_percent
from parity.redaction.leaves import Kind, edit_leaves
from parity.redaction.names import Names, is_placeholder, looks_secret
from parity.redaction.patterns import key_lines, named_values
from parity.redaction.pseudonyms import Pseudonyms
from parity.redaction.tokens import INSIDE_BASE64, Tokens

__all__ = ["Texts"]

_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^\s/?#@\"'<>:]*)(?::([^\s/?#@\"'<>]*))?@")
_EMAIL = re.compile(r"([\w.+%-]+)@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_SCHEME = re.compile(r"([A-Za-z][\w-]*)(\s+)(\S.*)", re.DOTALL)
_PARAMETER = re.compile(r'(\w+)=("[^"]*"|[^\s,]+)')
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*)(.*)", re.DOTALL)
# What such addresses have in common says nothing, and services check it.
_PATH_WORDS = frozenset({"services", "service", "api", "hook", "hooks", "webhook", "webhooks", "workflows", "incoming"})
_OPEN_PARAMETERS = frozenset({"realm", "uri", "qop", "algorithm", "username", "nc", "signedheaders", "charset"})
_ECHOES = frozenset({"input", "value", "received", "given", "got", "rejected_value", "rejectedvalue"})
_ANYTHING = re.compile("")
_WORDS = re.compile(r"[A-Za-z_ .-]*")


class Texts:
    """Replaces secrets in values and texts, and remembers each one it was told of by a name."""

    def __init__(self, names: Names, pseudonyms: Pseudonyms, *, emails: bool) -> None:
        self.names = names
        self.known = Known()
        self.tokens = Tokens()
        self._pseudonyms = pseudonyms
        self._emails = emails
        # Secrets too short to be replaced everywhere, of the entry at hand.
        self._short: dict[str, str] = {}
        # Texts that held none of so many secrets, as headers come again and again.
        self._calm: dict[str, int] = {}

    def begin(self) -> None:
        """Forget what only holds within one entry."""
        self._short.clear()

    def secret(self, value: str) -> str:
        """Return what stands for a secret value, and remember it."""
        if is_placeholder(value) or "<jwt-" in value:
            return value
        if known := self.known.stands_for(value):
            return known
        if edits := self.tokens.edits(value):
            return apply(value, edits)
        if value[0] in "{[" and (inner := self.json(value, within="secrets")) is not None:
            return inner
        if "PRIVATE KEY-----" in value:
            return apply(value, self._pem(value))
        if _URL.match(value):
            return self._url(value)
        bare = value.strip()
        pseudonym = self._pseudonyms.of(bare)
        self.known.add(bare, pseudonym)
        self._short[bare] = pseudonym
        return value.replace(bare, pseudonym)

    def named(self, name: str, value: str, *, error: bool = False) -> str:
        """Return the value as its name asks for. In an error's answer only what looks secret is: the rest are messages."""
        secrecy = self.names.secrecy(name)
        if not secrecy or not value:
            return self.text(value)
        if error and not looks_secret(value) and self.known.stands_for(value) is None:
            return self.text(value)
        if secrecy == "authorization":
            return self.authorization(value)
        if secrecy == "cookie":
            return self.cookie(value)
        return self.secret(value)

    def authorization(self, value: str) -> str:
        """Return the value of an Authorization header: tokens blanked, names kept, passwords and keys replaced."""
        if is_placeholder(value) or "<jwt-" in value:
            return value
        if edits := self.tokens.edits(value):
            return apply(value, edits)
        scheme = _SCHEME.fullmatch(value)
        if not scheme:
            return self.secret(value)
        if scheme[1].lower() == "basic":
            return scheme[1] + scheme[2] + self._basic(scheme[3])
        if scheme[1].lower() != "bearer" and "=" in scheme[3].rstrip("="):
            return scheme[1] + scheme[2] + _PARAMETER.sub(self._parameter, scheme[3])
        return scheme[1] + scheme[2] + self.secret(scheme[3])

    def cookie(self, value: str) -> str:
        """Return a Cookie header, or the first part of a Set-Cookie header, with all values replaced."""
        parts = []
        for part in value.split(";"):
            name, equals, content = part.partition("=")
            parts.append(name + equals + self._cookie_value(name.strip(), content))
        return ";".join(parts)

    def text(self, value: str) -> str:
        """Return a text in which names give secrets away: parameters, URLs with users, elements, JSON, tokens."""
        if len(value) < 4:
            return value
        if value[0] in "{[" and (inner := self.json(value)) is not None:
            return inner
        edits = self._found(value)
        if "%" in value:
            edits += through_percent(value, self._found, plus="?" in value)
        if len(value) >= 16:
            edits += base64_edits(value, self._inside, INSIDE_BASE64, 16)
        return apply(value, edits) if edits else value

    def again(self, value: str) -> str:
        """Return the text with all secrets known by now replaced, in percent-encoding and base64 too."""
        if self._calm.get(value) == len(self.known):
            return value
        changed = self._again(value)
        if changed == value and len(value) < 100:
            if len(self._calm) > 2000:
                self._calm.clear()
            self._calm[value] = len(self.known)
        return changed

    def _again(self, value: str) -> str:
        if value[:1] in ("{", "[") and (inner := self.json_again(value)) is not None:
            return inner
        edits = self.known.edits(value)
        if "%" in value:
            edits += through_percent(value, self.known.edits)
        if self.known.with_blanks and "+" in value:
            edits += through_percent(value, self.known.edits, plus=True)
        return apply(value, edits) if edits else value

    def json(self, text: str, *, error: bool = False, within: str = "") -> str | None:
        """Return the JSON text with secret leaves replaced; None if it is no JSON. `within` names what it is a value of."""
        if not within and not self._may_hold(text) and not (error and self._short):
            return apply(text, self.tokens.edits(text))

        def change(kind: Kind, names: Sequence[str], value: str) -> str:
            return self._leaf(kind, [within, *names] if within else names, value, error)

        return edit_leaves(text, change)

    def json_again(self, text: str) -> str | None:
        """Return the JSON text with all secrets known by now replaced; None if it is no JSON."""
        if (
            not self._short
            and "\\" not in text
            and "%" not in text
            and "+" not in text
            and not self.known.touches(text)
        ):
            return text
        return edit_leaves(text, self._leaf_again)

    def _may_hold(self, text: str) -> bool:
        """Say whether a JSON text can hold anything but tokens that a look at its leaves would find."""
        return (
            "\\" in text
            or "%" in text
            or ("@" in text and ("://" in text or self._emails))
            or self.names.may_stand_in(text)
            or INSIDE_BASE64.search(text) is not None
        )

    def _leaf(self, kind: Kind, names: Sequence[str], value: str, error: bool) -> str:
        if kind == "key":
            return apply(value, self.tokens.edits(value)) if len(value) > 20 else value
        name = names[-1] if names else ""
        secrecy = self.names.secrecy(name)
        if not secrecy and len(names) > 1 and not self.names.plain(name):
            contained = any(self.names.secrecy(outer) == "container" for outer in names[:-1])
            secrecy = "secret" if contained else ""
        if kind == "number":
            return self._number(value) if secrecy == "secret" else value
        if not secrecy:
            return self._short[value] if error and name in _ECHOES and value in self._short else self.text(value)
        if error or self.names.secrecy(name):
            return self.named(name, value, error=error)
        return self.secret(value)

    def _leaf_again(self, kind: Kind, names: Sequence[str], value: str) -> str:
        # A word that happens to be somebody's password must not change the shape of every answer.
        if kind == "key" and not looks_secret(value) and _WORDS.fullmatch(value):
            return value
        if kind == "number":
            return self.known.stands_for(value) or value
        return self.again(value)

    def _number(self, value: str) -> str:
        pseudonym = self._pseudonyms.of(value)
        self.known.add(value, pseudonym)
        return pseudonym

    def _basic(self, encoded: str) -> str:
        def changed(pair: str) -> str:
            user, colon, password = pair.partition(":")
            return user + colon + self.secret(password) if colon else self.secret(pair)

        edits = base64_edits(encoded, changed, _ANYTHING, 4)
        return apply(encoded, edits) if edits else self.secret(encoded)

    def _parameter(self, match: re.Match[str]) -> str:
        if match[1].lower() in _OPEN_PARAMETERS:
            return match[0]
        bare = match[2].strip('"')
        return f"{match[1]}={match[2].replace(bare, self.secret(bare))}" if bare else match[0]

    def _cookie_value(self, name: str, value: str) -> str:
        def replaced(decoded: str) -> list[Edit]:
            if is_placeholder(decoded):
                return []
            if self.names.secrecy(name) or "sess" in name.lower() or looks_secret(decoded):
                return [Edit(0, len(decoded), self.secret(decoded))]
            return [Edit(0, len(decoded), self._pseudonyms.of(decoded))]

        return apply(value, through_percent(value, replaced))

    def _url(self, value: str) -> str:
        """Return the URL with scheme and host kept; path and query are replaced piece by piece."""
        match = _URL.match(value)
        assert match  # noqa: S101
        pieces = re.split(r"([/?&=#;])", match[3])
        for at in range(0, len(pieces), 2):
            is_name = pieces[at + 1 : at + 2] == ["="]
            if pieces[at] and not is_name and pieces[at] not in _PATH_WORDS:
                pieces[at] = apply(pieces[at], through_percent(pieces[at], self._piece))
        tail = "".join(pieces)
        if looks_secret(match[3]):
            self.known.add(match[3], tail)
        head = match[1] + match[2]
        return apply(head, self._userinfo(head + "/")) + tail

    def _piece(self, decoded: str) -> list[Edit]:
        pseudonym = self._pseudonyms.of(decoded)
        if looks_secret(decoded):
            self.known.add(decoded, pseudonym)
        return [Edit(0, len(decoded), pseudonym)]

    def _inside(self, decoded: str) -> str:
        """Return what base64 holds: JSON with names, or a text with tokens."""
        if decoded[:1] in ("{", "["):
            return self.json(decoded) or decoded
        return apply(decoded, self.tokens.edits(decoded))

    def _found(self, text: str) -> list[Edit]:
        edits = self.tokens.edits(text)
        if "://" in text and "@" in text:
            edits += self._userinfo(text)
        edits += self._given_away(text)
        if self._emails and "@" in text:
            edits += [Edit(m.start(1), m.end(1), self._pseudonyms.of(m[1])) for m in _EMAIL.finditer(text)]
        return edits

    def _userinfo(self, text: str) -> list[Edit]:
        edits = []
        for match in _USERINFO.finditer(text):
            group = 2 if match[2] and match[2] != "x-oauth-basic" else 1
            if match[group]:
                whole = through_percent(match[group], lambda part: [Edit(0, len(part), self.secret(part))])
                edits.append(Edit(match.start(group), match.end(group), apply(match[group], whole)))
        return edits

    def _given_away(self, text: str) -> list[Edit]:
        edits = []
        for name, start, end in named_values(text):
            if self.names.secrecy(name):
                edits.append(Edit(start, end, self._encoded(name, text[start:end], plus="?" in text)))
        return [edit for edit in [*edits, *self._pem(text)] if text[edit.start : edit.end] != edit.new]

    def _encoded(self, name: str, value: str, *, plus: bool) -> str:
        """Return a named value that may stand percent-encoded, so that it is remembered as what it means."""
        if "%" not in value and not (plus and "+" in value):
            return self.named(name, value)
        return apply(
            value, through_percent(value, lambda part: [Edit(0, len(part), self.named(name, part))], plus=plus)
        )

    def _pem(self, text: str) -> list[Edit]:
        return [Edit(start, end, self.secret(text[start:end])) for start, end in key_lines(text)]
