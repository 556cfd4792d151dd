"""What the runner is told: the `[stacks]` and `[parity]` tables of `dualstack.toml`, read once and checked.

Keys of `[stacks]` that belong to other parts of the harness are left alone; everything else is read strictly.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from parity.values import ParityError

__all__ = ["CONFIG_FILE", "Account", "Config", "Database", "Parity", "Release", "SinkAnswer", "Stack", "load_config"]

CONFIG_FILE = "dualstack.toml"
# Keys of a stack that other parts of the harness read.
_NOT_OURS = frozenset({"port_env", "health", "pages", "workers", "serves", "incomplete"})
Command = Annotated[tuple[str, ...], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stack(BaseModel):
    """How one stack is reached: `start` (a command), `app` in this process, or `url`, as `reach` of `[parity]` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    folder: str = ""
    prefix: str = ""
    interface: Literal["wsgi", "asgi"] | None = None
    app: str = ""
    start: tuple[str, ...] = ()
    url: str = ""
    # Where people reach it, for the curl lines of a report; the runner itself starts it on a free port.
    host: str = "127.0.0.1"
    port: int = 0
    # Asked without prefix's help until it answers below 500.
    live: str = "/"
    keep_alive_s: int = 5
    env: Mapping[str, str] = {}

    @property
    def address(self) -> str:
        """Where people reach the stack, without prefix."""
        return self.url or f"http://{self.host}" + (f":{self.port}" if self.port else "")

    @field_validator("prefix")
    @classmethod
    def _plain_prefix(cls, value: str) -> str:
        if value and (not value.startswith("/") or value.endswith("/")):
            raise ValueError("must be empty or a path such as /api, with no slash at its end")
        return value


class Release(Stack):
    """A stack as it was in another release of the project, whose files lie in `root`."""

    root: Path


class Database(_Strict):
    """Where each stack's clone lies. Placeholders `{folder}` (of that clone) and `{name}` (a free database name)."""

    url: str
    # A database to clone instead of the one that `prepare` makes; a recording's own snapshot wins over it.
    snapshot: str = ""
    # Tables whose rows are not compared, such as a framework's sessions.
    ignore_tables: tuple[str, ...] = ()


class SinkAnswer(_Strict):
    """How the HTTP sink answers calls that fit `match`: `METHOD host/path`, `*` for any run of characters."""

    match: str
    status: int = 200
    headers: Mapping[str, str] = {}
    body: str = ""


class Account(_Strict):
    """A person whose password the database's preparation sets from a variable."""

    username: str = ""
    username_env: str = ""
    password_env: str


class Login(_Strict):
    """How the app logs in, and how tokens are minted where no login was recorded."""

    path: str = ""
    # Fields of the login's body that hold the name and the password.
    names: tuple[str, ...] = ("username", "email")
    password: str = "password"
    # The variable with the HS256 secret of JSON Web Tokens, made anew for each run.
    secret_env: str = ""


class Parity(_Strict):
    """The `[parity]` table."""

    primary: str = ""
    reach: Literal["process", "memory", "url"] = "process"
    recordings: tuple[str, ...] = ()
    ledger: str = ""
    golden: str = ""
    # The file of route groups, where [gateway] names none.
    routes: str = ""
    code: tuple[str, ...] = ()
    headers: tuple[str, ...] = ("allow", "cache-control", "location", "retry-after", "www-authenticate")
    # Names of fields and headers that are secret besides the usual ones, and of those that look it and are not.
    secrets: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    coverage: Annotated[float, Field(ge=0, le=1)] = 0.95
    # Statuses each operation can answer, as a JSON file {"METHOD /template": [200, 400]}; "" asks for what was recorded.
    expected: str = ""
    # Where exploration finds the OpenAPI document: a path that the second stack answers (without its prefix), or a file.
    openapi: str = ""
    settle_s: Annotated[float, Field(ge=0, le=60)] = 2.0
    answer_s: Annotated[float, Field(gt=0)] = 30.0
    start_s: Annotated[float, Field(gt=0)] = 30.0
    prepare: tuple[Command, ...] = ()
    env: Mapping[str, str] = {}
    database: Database | None = None
    sink: tuple[SinkAnswer, ...] = ()
    accounts: tuple[Account, ...] = ()
    login: Login = Login()


class Config(_Strict):
    """Everything the runner needs. `stacks` are those that are there; the first (or `primary`) is the one judged against."""

    root: Path
    stacks: tuple[Stack, ...]
    parity: Parity
    # From [gateway]: the file of route groups, "" where there is none.
    routes: str = ""

    def stack(self, name: str) -> Stack:
        """Return a stack by name. Raise ParityError for one that is not there."""
        for stack in self.stacks:
            if stack.name == name:
                return stack
        raise ParityError(f'There is no stack "{name}"; {CONFIG_FILE} has {", ".join(s.name for s in self.stacks)}.')

    @property
    def pair(self) -> tuple[Stack, Stack]:
        """Return primary and other; one that is left alone stands for both. Raise ParityError for none, or more than two."""
        if len(self.stacks) not in {1, 2}:
            names = ", ".join(stack.name for stack in self.stacks) or "none"
            raise ParityError(f"Parity needs two stacks in {CONFIG_FILE}; there: {names}.")
        first, second = self.stacks[0], self.stacks[-1]
        return (second, first) if self.parity.primary == second.name else (first, second)

    def root_of(self, stack: Stack) -> Path:
        """Return the folder that a stack's command is run in, and that the names of its files are relative to."""
        return stack.root if isinstance(stack, Release) else self.root


def load_config(root: Path) -> Config:
    """Return the configuration of the project in `root`. Raise ParityError (one line) on anything unusable."""
    path = root / CONFIG_FILE
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParityError(f"{path}: cannot be read ({error.strerror}); start in the project's folder.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParityError(f"{CONFIG_FILE}: is not TOML: {error}.") from None
    stanzas, parity = _table(data, "stacks"), _table(data, "parity")
    stacks = {name: _table(stanzas, name, "stacks.") for name in stanzas}
    try:
        config = Config(
            root=root,
            stacks=tuple(
                Stack(**{**{key: stanza[key] for key in stanza if key not in _NOT_OURS}, "name": name})
                for name, stanza in stacks.items()
                if _is_there(root, stanza)
            ),
            parity=Parity(**parity),
            routes=parity.get("routes") or _table(data, "gateway").get("routes", ""),
        )
    except ValidationError as error:
        raise ParityError(f"{CONFIG_FILE}: {one_line(error)}") from None
    primary = config.parity.primary
    if primary and primary not in stanzas:
        raise ParityError(f'{CONFIG_FILE}: parity.primary: "{primary}" is no stack; use {" or ".join(stanzas)}.')
    return config


def _table(data: Mapping[str, Any], name: str, above: str = "") -> Mapping[str, Any]:
    found = data.get(name, {})
    if not isinstance(found, dict):
        raise ParityError(f'{CONFIG_FILE}: {above}{name}: "{found}" is no table; write [{above}{name}].')
    return found


def _is_there(root: Path, stanza: Mapping[str, Any]) -> bool:
    """Say whether a stack's folder is there; what is no folder's name is refused later."""
    folder = stanza.get("folder")
    return not folder or not isinstance(folder, str) or (root / folder).is_dir()


def one_line(error: ValidationError) -> str:
    """Return the first fault as one sentence: key, value, remedy."""
    first: Any = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "parity"
    if first["type"] == "extra_forbidden":
        return f"{place}: is not a known key; take it out or correct it."
    return f'{place}: "{first["input"]}" cannot be used: {first["msg"].removeprefix("Value error, ")}.'
