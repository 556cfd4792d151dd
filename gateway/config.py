"""What the gateway is told: `dualstack.toml` and the route groups, read and checked once.

Tables that belong to other parts of the harness are left alone; the gateway's own are read strictly.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.recording import Recording
from gateway.routes import RouteTable, load_routes
from gateway.tables import ConfigError, Table, load_toml

__all__ = ["CONFIG_FILE", "Config", "ConfigError", "Face", "Limit", "Stack", "Steps", "Sticky", "Timeouts", "load"]

CONFIG_FILE = "dualstack.toml"
STACK_NAME = re.compile(r"[a-z][a-z0-9]*")
PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
TEXT_FILE = re.compile(r"[A-Za-z0-9_-]+\.(?:md|txt)")
COOKIE = re.compile(r"[a-z][a-z0-9_]{0,31}")
SALT = re.compile(r"[A-Za-z0-9._-]{1,32}")
RESERVED = frozenset({"none", "error"})
PLACEHOLDER = re.compile(r"\{(\w*)\}")
FACTS = ("host", "port", "keep_alive_s", "workers", "app")


@dataclass(frozen=True)
class Stack:
    """One of the two services. Paths (`health`, `live`) have no prefix, `pages` are outside of it.

    `serves` are further public prefixes that are its own. An `incomplete` one answers 501 for what it does not have.
    """

    name: str
    host: str
    port: int
    prefix: str
    interface: str
    app: str
    start: tuple[str, ...]
    keep_alive_s: int
    workers: int
    health: str
    live: str
    pages: tuple[str, ...]
    serves: tuple[str, ...] = ()
    incomplete: bool = False

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The stack's own base, past the gateway: `http://host:port/prefix`."""
        return f"http://{self.address}{self.prefix}"

    @property
    def command(self) -> list[str]:
        """The start command with its placeholders filled in."""
        return [PLACEHOLDER.sub(lambda found: str(getattr(self, found[1])), word) for word in self.start]


@dataclass(frozen=True)
class Limit:
    """A path (without prefix) whose body may be larger than others."""

    path: str
    body_bytes: int


@dataclass(frozen=True)
class Timeouts:
    """In seconds. The two client limits are for the whole header, and for a pause in the body."""

    connect_s: float
    answer_s: float
    client_header_s: float
    client_body_s: float


@dataclass(frozen=True)
class Sticky:
    """How a visitor stays in one cohort: by this cookie, which the gateway sets; `salt` shuffles who is in which."""

    cookie: str = "gwb"
    salt: str = "1"


@dataclass(frozen=True)
class Steps:
    """When a group may go one step on: after `soak_s` seconds, and once the candidate answered `requests` of it."""

    soak_s: float = 600
    requests: int = 200


@dataclass(frozen=True)
class Face:
    """A public prefix: `home` answers it unless the ownership table says otherwise, which it may while not `pinned`.

    The prefix that only the candidate has is pinned to it until somebody takes the pin out.
    """

    number: int
    prefix: str
    home: str
    pinned: bool


@dataclass(frozen=True)
class Config:
    """Everything the renderer needs. `stacks` are those that are there; `serves` has every public prefix's own stack.

    The first stack is the primary, the second the candidate that route groups move to. Neither `recording` nor
    `settled` is read from the file: the first is there while something is recorded; `settled` are the groups that the
    candidate answers where the ownership table cannot be read, because all of them were its when this was rendered.
    """

    root: Path
    host: str
    port: int
    stacks: tuple[Stack, ...]
    serves: Mapping[str, str]
    body_bytes: int
    larger: tuple[Limit, ...]
    timeouts: Timeouts
    routes: RouteTable
    route_file: Path
    texts: tuple[str, ...]
    frontend: Path | None
    recording: Recording | None = None
    sticky: Sticky = field(default_factory=Sticky)
    settled: frozenset[str] = frozenset()
    steps: Steps = field(default_factory=Steps)

    @property
    def primary(self) -> Stack:
        return self.stacks[0]

    @property
    def candidate(self) -> Stack | None:
        """The stack that route groups move to; None where only one stack is left."""
        return self.stacks[1] if len(self.stacks) > 1 else None

    @property
    def faces(self) -> tuple[Face, ...]:
        """Every public prefix, the longest first, as nginx must try them."""
        ordered = sorted(self.serves.items(), key=lambda item: (-len(item[0]), item[0]))
        return tuple(
            Face(number, prefix, home, pinned=home != self.primary.name)
            for number, (prefix, home) in enumerate(ordered, 1)
        )

    @property
    def listen(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def stack(self, name: str) -> Stack:
        """Return a stack that is there, by name. Raise KeyError for another."""
        return {stack.name: stack for stack in self.stacks}[name]


def load(root: Path, environ: Mapping[str, str], *, complete: bool = False) -> Config:
    """Return the configuration of the project in `root`. Raise ConfigError on anything unusable.

    Variables of `environ` win over the file's values. A stack whose folder is gone is left out, and the first other
    stack serves its prefix; `complete` counts every stack as there.
    """
    top = load_toml(root / CONFIG_FILE, CONFIG_FILE)
    gateway = top.table("gateway")
    host = read_host(gateway, environ)
    port = read_port(gateway, environ)
    route_file = gateway.text("routes")
    frontend = read_frontend(gateway, environ, root)
    texts = read_texts(gateway)
    sticky = read_sticky(gateway)
    soak_s = gateway.seconds("soak_s", 0, 30 * 86_400, Steps.soak_s)
    steps = Steps(soak_s, gateway.whole("step_requests", 1, 1_000_000, Steps.requests))
    gateway.done()
    declared = read_stacks(top.table("stacks"), environ)
    there = tuple(stack for stack, folder in declared if complete or (root / folder).is_dir())
    check_stacks(top, port, there)
    check_room(top, frontend, [stack for stack, _ in declared])
    body_bytes, larger = read_limits(top.table("limits"))
    return Config(
        root=root,
        host=host,
        port=port,
        stacks=there,
        serves=public_prefixes([stack for stack, _ in declared], there),
        body_bytes=body_bytes,
        larger=larger,
        timeouts=read_timeouts(top.table("timeouts", {})),
        routes=load_routes(root / route_file, route_file),
        route_file=root / route_file,
        texts=texts,
        frontend=frontend,
        sticky=sticky,
        steps=steps,
    )


def public_prefixes(declared: Sequence[Stack], there: Sequence[Stack]) -> dict[str, str]:
    """Return each public prefix and the stack it is home to: the first that names it, or the first that is there."""
    homes: dict[str, str] = {}
    for stack in declared:
        for prefix in (stack.prefix, *stack.serves):
            homes.setdefault(prefix, (stack if stack in there else there[0]).name)
    return homes


def read_sticky(table: Table) -> Sticky:
    sticky = Sticky(table.text("cookie", Sticky.cookie), table.text("salt", Sticky.salt))
    if not COOKIE.fullmatch(sticky.cookie):
        raise table.error("cookie", sticky.cookie, "must be a cookie's name of lower-case letters, digits and _")
    if not SALT.fullmatch(sticky.salt):
        raise table.error("salt", sticky.salt, "must be 1 to 32 letters, digits, . _ or -")
    return sticky


def from_environment(table: Table, key: str, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the variable named by `<key>_env` ("" if none) and its value, None where unset or blank."""
    variable = table.text(f"{key}_env", "")
    return variable, environ.get(variable, "").strip() or None


def read_host(table: Table, environ: Mapping[str, str]) -> str:
    variable, override = from_environment(table, "host", environ)
    value = table.text("host")
    try:
        return str(ipaddress.ip_address(override or value))
    except ValueError:
        remedy = "must be an address such as 127.0.0.1 or 0.0.0.0"
        if override:
            raise ConfigError("environment", variable, override, remedy) from None
        raise table.error("host", value, remedy) from None


def read_port(table: Table, environ: Mapping[str, str]) -> int:
    variable, override = from_environment(table, "port", environ)
    value = table.whole("port", 1, 65535)
    if override is None:
        return value
    if not re.fullmatch(r"[0-9]{1,5}", override) or not 1 <= int(override) <= 65535:
        raise ConfigError("environment", variable, override, "must be a port from 1 to 65535")
    return int(override)


def read_frontend(table: Table, environ: Mapping[str, str], root: Path) -> Path | None:
    """Return the folder of the built single page app. The path must be one that nginx can be told."""
    variable, override = from_environment(table, "frontend", environ)
    written = table.text("frontend", "")
    value = override or written
    if not value:
        return None
    folder = (root / value).absolute()
    source, key = ("environment", variable) if override else (table.source, table.place("frontend"))
    if re.search(r"[\"'\\$\x00-\x1f]", str(folder)):
        raise ConfigError(
            source, key, value, "must not contain quotes, backslashes, $ or control characters; rename it"
        )
    if not (folder / "index.html").is_file():
        raise ConfigError(source, key, value, "has no index.html; build the frontend or name the folder of its build")
    return folder


def read_texts(table: Table) -> tuple[str, ...]:
    texts = table.texts("texts", [])
    for name in texts:
        if not TEXT_FILE.fullmatch(name):
            raise table.error("texts", name, "must be a .md or .txt file beside this one")
    return texts


def read_stacks(table: Table, environ: Mapping[str, str]) -> list[tuple[Stack, str]]:
    """Return each stanza's stack and the folder it hangs on ("" for none)."""
    declared = []
    for name in table.data:
        stanza = table.table(name)
        if not STACK_NAME.fullmatch(name) or name in RESERVED:
            raise table.error(name, dict(stanza.data), "is no stack's name; use lower-case letters and digits")
        declared.append((read_stack(name, stanza, environ), stanza.text("folder", "")))
        stanza.done()
    return declared


def read_stack(name: str, table: Table, environ: Mapping[str, str]) -> Stack:
    host = table.text("host")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", host):
        raise table.error("host", host, "must be a host name or an IPv4 address")
    interface = table.text("interface")
    if interface not in {"wsgi", "asgi"}:
        raise table.error("interface", interface, "must be wsgi or asgi")
    start = table.texts("start")
    for unknown in set(PLACEHOLDER.findall(" ".join(start))) - set(FACTS):
        *others, last = (f"{{{fact}}}" for fact in FACTS)
        raise table.error("start", f"{{{unknown}}}", f"is no placeholder; use {', '.join(others)} or {last}")
    return Stack(
        name=name,
        host=host,
        port=read_port(table, environ),
        prefix=read_prefix(table),
        interface=interface,
        app=table.text("app"),
        start=start,
        keep_alive_s=table.whole("keep_alive_s", 2, 3600),
        workers=table.whole("workers", 1, 1024, 1),
        health=read_path(table, "health"),
        live=read_path(table, "live"),
        pages=tuple(check_path(table, "pages", page) for page in table.texts("pages", [])),
        serves=tuple(check_path(table, "serves", prefix) for prefix in table.texts("serves", [])),
        incomplete=table.flag("incomplete", False),
    )


def read_prefix(table: Table) -> str:
    """Return the prefix of the stack's addresses; "" where they have none."""
    value = table.text("prefix")
    return check_path(table, "prefix", value) if value else value


def read_path(table: Table, key: str) -> str:
    return check_path(table, key, table.text(key))


def check_path(table: Table, key: str, value: str) -> str:
    if not PATH.fullmatch(value) or re.search(r"/\.{1,2}(?:/|$)", value):
        raise table.error(key, value, "must be a plain path such as /api, with no slash at its end")
    return value


def check_stacks(top: Table, port: int, stacks: tuple[Stack, ...]) -> None:
    """Refuse no stack at all, and whatever two stacks (or a stack and the gateway) cannot share."""
    if not stacks:
        raise top.error("stacks", sorted(top.data["stacks"]), "none is there; at least one stack's folder must exist")
    if len(stacks) > 2:
        names = [stack.name for stack in stacks]
        raise top.error("stacks", names, "are more than two; route groups move from the first stack to the second")
    taken = {("127.0.0.1", port): "the gateway"}
    for stack in stacks:
        address = (stack.host, stack.port)
        if address in taken:
            raise top.error(f"stacks.{stack.name}.port", stack.port, f"is taken by {taken[address]}; choose another")
        taken[address] = stack.name


def check_room(top: Table, frontend: Path | None, declared: Sequence[Stack]) -> None:
    """Refuse a frontend that nobody would see: a stack without prefix answers every address."""
    for stack in declared:
        if frontend and not stack.prefix:
            raise top.error("gateway.frontend", str(frontend), f"is in the way of {stack.name}, which has no prefix")


def read_limits(table: Table) -> tuple[int, tuple[Limit, ...]]:
    body_bytes = table.whole("body_bytes", 1, 2**40)
    larger = []
    for entry in table.tables("larger", []):
        larger.append(Limit(read_path(entry, "path"), entry.whole("body_bytes", body_bytes, 2**40)))
        entry.done()
    table.done()
    return body_bytes, tuple(larger)


def read_timeouts(table: Table) -> Timeouts:
    timeouts = Timeouts(
        connect_s=table.seconds("connect_s", 0.05, 75, 2),
        answer_s=table.seconds("answer_s", 0.05, 3600, 60),
        client_header_s=table.seconds("client_header_s", 0.05, 3600, 10),
        client_body_s=table.seconds("client_body_s", 0.05, 3600, 10),
    )
    table.done()
    return timeouts
