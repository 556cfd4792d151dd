"""What a recording is made of, decided before anything is started: its name, its files, what goes by the recorder,
the snapshot it begins with, and the settings of the recorder process.
"""

import contextlib
import json
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from changeover.database import reason
from changeover.problems import FAILED, Problem
from changeover.system import System
from gateway.recording import HUNG_UP, Recording
from gateway.render import GATEWAY_HEADERS
from parity.config import Parity, load_config
from parity.databases import snapshot
from parity.recorder.settings import RecordedStack, RecorderSettings
from parity.recording import Header
from parity.redaction import Redactor
from parity.values import ParityError
from scheduler.clock import Clock
from shared_models import migrate
from shared_models.engine import sync_engine
from shared_models.queries.people import user_by_id, user_by_login_name

__all__ = ["SHORT_FOLDER", "Files", "Kept", "Request", "files_of", "header_of", "kept_in", "plan", "settings_of"]

# What the folder of sockets begins with where VAR_DIR's own path is too long for them.
SHORT_FOLDER = "changeover-record-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/-]+")
_SOCKET_PATH_BYTES = 100


@dataclass(frozen=True)
class Request:
    """What is to be recorded. Without groups and user it is everything; with both, what fits both."""

    name: str = ""
    groups: tuple[str, ...] = ()
    user: str = ""
    with_snapshot: bool = True


@dataclass(frozen=True)
class Kept:
    """What is remembered of a recording while it runs, in `run/recording.json`."""

    name: str
    since: str
    mark: str
    sockets: Mapping[str, str]
    groups: tuple[str, ...]
    subjects: tuple[str, ...]
    user: str
    file: str
    snapshot: str

    @property
    def recording(self) -> Recording:
        return Recording(self.mark, self.sockets, self.groups, self.subjects)

    @property
    def what(self) -> str:
        groups = f"{'groups' if len(self.groups) > 1 else 'group'} {', '.join(self.groups)}" if self.groups else ""
        return " of ".join(filter(None, [groups, f"user {self.user}" if self.user else ""])) or "all traffic"


@dataclass(frozen=True)
class Files:
    """Where the files of the recording that runs lie."""

    run: Path
    recordings: Path

    @property
    def kept(self) -> Path:
        return self.run / "recording.json"

    @property
    def settings(self) -> Path:
        return self.run / "recorder.json"

    @property
    def status(self) -> Path:
        return self.run / "recorder-status.json"

    def recording(self, name: str) -> Path:
        return self.recordings / f"{name}.jsonl.gz"


def files_of(system: System) -> Files:
    return Files(system.settings.var_dir / "run", system.settings.var_dir / "recordings")


def kept_in(files: Files) -> Kept | None:
    try:
        facts = json.loads(files.kept.read_text())
    except FileNotFoundError:
        return None
    return Kept(**facts | {"groups": tuple(facts["groups"]), "subjects": tuple(facts["subjects"])})


def plan(system: System, wanted: Request, files: Files) -> Kept:
    """Return everything decided about the recording. Raise Problem for a name, group or user that cannot be meant."""
    now = Clock(system.settings.clock_offset_s).now()
    name = wanted.name or now.strftime("%Y-%m-%d-%H%M%S")
    if not _NAME.fullmatch(name):
        raise Problem(f'"{name}" is no name of a recording; use letters, digits and . _ -')
    file = files.recording(name)
    if file.exists():
        raise Problem(f"{file} is there already; choose another name or move it away.")
    known = [group.id for group in system.config.routes.groups]
    for group in wanted.groups:
        if group not in known:
            raise Problem(f'There is no route group "{group}"; there are {", ".join(known)}.')
    with _database(system) as engine:
        subject = _subject(engine, wanted.user) if wanted.user else None
    copy = files.recordings / f"{name}.sqlite" if wanted.with_snapshot else None
    is_sqlite = make_url(system.settings.database_url).get_backend_name() == "sqlite"
    return Kept(
        name=name,
        since=now.isoformat(timespec="seconds"),
        mark=secrets.token_hex(16),
        sockets=_sockets(system),
        groups=wanted.groups,
        subjects=(subject,) if subject else (),
        user=wanted.user,
        file=str(file),
        snapshot="" if copy is None else str(copy) if is_sqlite else _database_name(name),
    )


def _subject(engine: Engine, user: str) -> str:
    """Return the id of a user given by id, username or e-mail address."""
    with engine.connect() as connection:
        for statement in (user_by_id(user), user_by_login_name(user)):
            row = connection.execute(statement).first()
            if row:
                return str(row.id)
    raise Problem(f'There is no user "{user}"; give an id, a username or an e-mail address.')


@contextlib.contextmanager
def _database(system: System) -> Iterator[Engine]:
    """Give the engine of the live database. Raise Problem when it does not answer."""
    engine = sync_engine(system.settings.database_url)
    try:
        yield engine
    except SQLAlchemyError as error:
        raise Problem(f"The database cannot be asked: {reason(error)}.", FAILED) from None
    finally:
        engine.dispose()


def _sockets(system: System) -> dict[str, str]:
    """Return the recorder's socket for each stack: beside the gateway's files, or in a folder with a short name."""
    folder = (system.settings.var_dir / "gateway").resolve() / "run"
    longest = max(len(stack.name) for stack in system.config.stacks) + len("/record-.sock")
    if not _PLAIN_PATH.fullmatch(str(folder)) or len(str(folder)) + longest > _SOCKET_PATH_BYTES:
        folder = Path(tempfile.mkdtemp(prefix=SHORT_FOLDER, dir="/tmp"))
        folder.chmod(0o755)
    return {stack.name: str(folder / f"record-{stack.name}.sock") for stack in system.config.stacks}


def header_of(system: System, kept: Kept, key: bytes) -> Header:
    """Return the recording's header, after taking the snapshot that it names."""
    parity = load_config(system.root).parity
    redactor = Redactor(key, parity.secrets, public=parity.public)
    now = Clock(system.settings.clock_offset_s).now()
    return Header(
        prefixes=tuple(stack.prefix for stack in system.config.stacks),
        database=_snapshot(system, kept),
        clock_start=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        redaction=redactor.policy,
        secrets=_account_secrets(system, parity, redactor),
        extra={"recorded": kept.what},
    )


def _account_secrets(system: System, parity: Parity, redactor: Redactor) -> dict[str, str]:
    """Return the pseudonyms of the passwords that this environment knows, by their variables."""
    variables = {account.password_env for account in parity.accounts}
    return {name: redactor.pseudonym(system.environ[name]) for name in sorted(variables) if system.environ.get(name)}


def _snapshot(system: System, kept: Kept) -> dict[str, Any]:
    url = make_url(system.settings.database_url)
    with _database(system) as engine:
        revision = migrate.revision_of(engine)
    if not kept.snapshot:
        return {"kind": "prepared", "revision": revision}
    kind = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql"
    target = url.set(database=kept.snapshot)
    try:
        Path(kept.file).parent.mkdir(parents=True, exist_ok=True)
        copy = snapshot(url.render_as_string(hide_password=False), target.render_as_string(hide_password=False))
        digest = copy.digest()
    except ParityError as error:
        raise Problem(f"The database cannot be copied: {error} Or record with --no-snapshot.", FAILED) from None
    return {"kind": kind, "snapshot": Path(kept.snapshot).name, "digest": digest, "revision": revision}


def _database_name(name: str) -> str:
    """Return a PostgreSQL database's name for the snapshot."""
    return f"recording_{re.sub('[^a-z0-9]', '_', name.lower())}"[:63]


def settings_of(system: System, kept: Kept, key: bytes, header: Header, files: Files) -> RecorderSettings:
    groups = system.config.routes.groups
    parity = load_config(system.root).parity
    return RecorderSettings(
        name=kept.name,
        file=Path(kept.file),
        status=files.status,
        stacks=tuple(
            RecordedStack(
                name=stack.name,
                host=stack.host,
                port=stack.port,
                prefix=stack.prefix,
                socket=Path(kept.sockets[stack.name]),
            )
            for stack in system.config.stacks
        ),
        key=key.hex(),
        header=header.to_json(),
        secret_names=parity.secrets,
        public_names=parity.public,
        routes=tuple(
            (method, match.path, group.id) for group in groups for match in group.matches for method in match.methods
        ),
        gateway_headers=GATEWAY_HEADERS,
        hung_up_header=HUNG_UP,
        clock_offset_s=system.settings.clock_offset_s,
        connect_s=system.config.timeouts.connect_s,
    )
