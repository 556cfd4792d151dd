"""The database as the scheduler's commands see it: at this release's revision, and whatever it refuses is one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from changeover.database import reason, without_password
from changeover.problems import FAILED, Problem
from shared_models import migrate
from shared_models.engine import is_unavailable, sync_engine
from shared_rules.settings import Settings

__all__ = ["scheduler_database"]

_TIMEOUT_S = 5.0


@contextmanager
def scheduler_database(settings: Settings, *, timeout_s: float = _TIMEOUT_S) -> Iterator[Engine]:
    """Yield an engine of the database. Raise Problem where it is not there, is of another release, or stays locked."""
    shown = f"DATABASE_URL={without_password(settings.database_url)}"
    parsed = make_url(settings.database_url)
    # Connecting would make the file.
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise Problem(f"{shown}: there is no such file; type `make up` first.", FAILED)
    engine = sync_engine(settings.database_url, timeout_s=timeout_s)
    try:
        found, expected = migrate.revision_of(engine), migrate.expected_revision()
        if found != expected:
            raise Problem(str(migrate.ForeignRevision(found, expected)), FAILED)
        yield engine
    except SQLAlchemyError as error:
        if not is_unavailable(error):
            raise
        raise Problem(f"{shown}: {reason(error)}; `changeover scheduler status` says who holds it.", FAILED) from None
    finally:
        engine.dispose()
