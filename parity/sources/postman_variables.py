"""Requests of a Postman collection in order, and its variables: their values, and where those come from that it leaves empty."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from parity.values import Request

__all__ = ["Item", "Variables", "as_text", "items_of", "learn_from_scripts"]

_VARIABLE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_SET = re.compile(
    r"(?:\bset|setEnvironmentVariable|setGlobalVariable)\(\s*[\"']([^\"']+)[\"']\s*,\s*"
    r"(?:pm\.response\.json\(\)|[A-Za-z_$][\w$]*)((?:\??\.[A-Za-z_]\w*|\[\d+\])+)"
)
_TOKEN_NAME = re.compile(r"token|jwt|bearer", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Item:
    """A request of the collection, with what its folders say."""

    number: int
    title: str
    request: Mapping[str, Any]
    auth: Mapping[str, Any]
    scripts: str

    @property
    def id(self) -> str:
        return f"postman-{self.number:04d}"


@dataclass(slots=True)
class Variables:
    """Values by name, and for the tokens that only a login gives: where they come from."""

    values: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)
    sources: dict[str, dict[str, str]] = field(default_factory=dict)
    login: str = ""

    def fill(self, text: str, item: Item) -> str:
        """Return the text with variables filled in; raise LookupError for one without a value."""
        for _ in range(5):
            if "{{" not in text:
                break
            text = _VARIABLE.sub(lambda match: self._value(match[1], item), text)
        return text

    def _value(self, name: str, item: Item) -> str:
        if value := self.values.get(name):
            return value
        if name.startswith("$"):
            return _made_up(name, item.id)
        if name in self.sources or (self.login and _TOKEN_NAME.search(name)):
            return self._token(name)
        if name in self.values:
            return ""
        raise LookupError(name)

    def _token(self, name: str) -> str:
        token = self.tokens.setdefault(name, f"<jwt-{len(self.tokens) + 1}>")
        kind = "refresh_token" if "refresh" in name.lower() else "access_token"
        self.sources.setdefault(name, {"entry": self.login, "path": f"$.{kind}"})
        return token

    def tokens_from(self, request: Request) -> dict[str, dict[str, str]]:
        """Return where each token of the request comes from."""
        text = " ".join(
            [request.target, *(value for _, value in request.headers), request.body.decode("utf-8", "replace")]
        )
        return {token: self.sources[name] for name, token in self.tokens.items() if token in text}


def items_of(document: Mapping[str, Any]) -> Iterator[Item]:
    number = 0

    def walk(nodes: list[Any], titles: tuple[str, ...], auth: Mapping[str, Any], scripts: str) -> Iterator[Item]:
        nonlocal number
        for node in nodes:
            here = (*titles, str(node.get("name", "")))
            own = node.get("auth") or auth
            if "item" in node:
                yield from walk(node["item"], here, own, scripts)
            elif "request" in node:
                number += 1
                request = node["request"]
                request = {"url": request, "method": "GET"} if isinstance(request, str) else request
                yield Item(number, " / ".join(here), request, request.get("auth") or own, _scripts(node))

    yield from walk(document["item"], (), document.get("auth") or {}, "")


def _scripts(node: Mapping[str, Any]) -> str:
    lines: list[str] = []
    for event in node.get("event", []):
        code = event.get("script", {}).get("exec", [])
        lines += [code] if isinstance(code, str) else code
    return "\n".join(lines)


def learn_from_scripts(items: list[Item], variables: Variables) -> None:
    """Read assignments such as `pm.environment.set("token", json.data.token)`; other code is not understood."""
    for item in items:
        for name, path in _SET.findall(item.scripts):
            if _TOKEN_NAME.search(name) and not variables.values.get(name):
                variables.sources.setdefault(name, {"entry": item.id, "path": "$" + path.replace("?.", ".")})


def _made_up(name: str, seed: str) -> str:
    """Return a value for `{{$guid}}` and its like, the same at each import. Raise LookupError for one not known here."""
    octets = hashlib.sha256(f"{name} {seed}".encode()).digest()
    match name:
        case "$guid" | "$randomUUID":
            return str(uuid.UUID(bytes=octets[:16], version=4))
        case "$timestamp":
            return "1767225600"
        case "$isoTimestamp":
            return "2026-01-01T00:00:00.000Z"
        case "$randomInt":
            return str(int.from_bytes(octets[:4]) % 1001)
    raise LookupError(name)


def as_text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
