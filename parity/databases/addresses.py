"""What a database URL says: SQLAlchemy's form, with or without a driver, also `postgres://`. Nothing is opened here."""

from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.engine.url import URL, make_url
from sqlalchemy.exc import ArgumentError

from parity.values import ParityError

__all__ = ["Server", "kind_of", "server_of", "shown", "sqlite_path"]

_KINDS = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql"}
# What libpq knows of what drivers take as parameters of a URL; the others are the driver's own.
_LIBPQ = (
    "connect_timeout",
    "gssencmode",
    "host",
    "hostaddr",
    "options",
    "passfile",
    "port",
    "require_auth",
    "service",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslpassword",
    "sslrootcert",
    "target_session_attrs",
)


@dataclass(frozen=True, slots=True)
class Server:
    """How libpq reaches a database: its parameters by name, `dbname` among them."""

    parameters: tuple[tuple[str, str], ...]

    @property
    def database(self) -> str:
        return dict(self.parameters)["dbname"]

    @property
    def place(self) -> tuple[str, str]:
        """Host and port, alike for two databases of one server."""
        known = dict(self.parameters)
        return known.get("host", ""), known.get("port", "5432")

    def named(self, database: str) -> "Server":
        """Return the same server with another database."""
        return replace(self, parameters=tuple({**dict(self.parameters), "dbname": database}.items()))

    def __str__(self) -> str:
        host, port = self.place
        return f'PostgreSQL database "{self.database}" at {host or "the local socket"}:{port}'


def kind_of(url: str) -> str:
    """Return "sqlite" or "postgresql". Raise ParityError for anything else."""
    return _KINDS[_parsed(url).drivername.partition("+")[0]]


def sqlite_path(url: str) -> Path:
    """Return the absolute path of the file; a relative one counts from the current folder, as it does for the app."""
    parsed = _parsed(url)
    database = parsed.database or ""
    if database in ("", ":memory:") or database.startswith("file:"):
        raise ParityError(f'The database "{url}" is no file that can be cloned; use sqlite:///PATH.')
    return Path(database).absolute()


def server_of(url: str) -> Server:
    """Return the parameters for libpq. Raise ParityError if the URL names no database."""
    parsed = _parsed(url)
    query = {name: value for name, value in parsed.query.items() if name in _LIBPQ and isinstance(value, str)}
    plain = {
        "host": parsed.host,
        "port": str(parsed.port) if parsed.port else None,
        "user": parsed.username,
        "password": parsed.password,
        "dbname": parsed.database,
    }
    known = query | {name: value for name, value in plain.items() if value}
    if "dbname" not in known:
        raise ParityError(f'The database URL "{_shown(parsed)}" names no database; end it with /NAME.')
    return Server(tuple(known.items()))


def shown(url: str) -> str:
    """Return the URL for people: without its password."""
    return _shown(_parsed(url))


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ParityError(
            "The database URL cannot be understood; write sqlite:///PATH or postgresql://USER@HOST/NAME."
        ) from None
    if parsed.drivername.partition("+")[0] not in _KINDS:
        raise ParityError(f'The database "{_shown(parsed)}" cannot be cloned; use sqlite:/// or postgresql://.')
    return parsed


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)
