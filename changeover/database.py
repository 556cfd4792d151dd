"""The database before anything runs on it: this release's schema, and the first rows."""

from collections.abc import Callable

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from changeover.problems import Problem
from scheduler.clock import Clock
from shared_models import first_data, migrate
from shared_rules.settings import Settings

__all__ = ["prepare", "reason", "without_password"]


def prepare(settings: Settings, say: Callable[[str], None]) -> None:
    """Bring the database to this release and add what is missing; say the first admin's generated password once."""
    urls = {"DATABASE_URL": settings.database_url}
    if settings.modern_database_url != settings.database_url:
        urls["MODERN_DATABASE_URL"] = settings.modern_database_url
    for variable, url in urls.items():
        _upgrade(variable, url)
    password = first_data.ensure(settings, Clock(settings.clock_offset_s).now())
    if password:
        say(
            f"First admin: {settings.admin_username}, password {password} (shown this once; change it after logging in)."
        )


def _upgrade(variable: str, url: str) -> None:
    try:
        migrate.upgrade(url)
    except SQLAlchemyError as error:
        shown = f"{variable}={without_password(url)}"
        raise Problem(f"{shown} cannot be used: {reason(error)}; start that database or correct the URL.") from None


def without_password(url: str) -> str:
    # A password may also be a parameter, which SQLAlchemy shows.
    return make_url(url).difference_update_query(("password", "sslpassword")).render_as_string(hide_password=True)


def reason(error: SQLAlchemyError) -> str:
    """Return the driver's own words, one line of them."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
