"""The database before anything runs on it: this release's schema, and the first rows."""

from collections.abc import Callable, Sequence

from sqlalchemy import select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from changeover.problems import Problem
from scheduler.clock import Clock
from shared_models import SchedulerLease, first_data, migrate
from shared_models.engine import WRITES, sync_engine
from shared_rules.settings import Settings

__all__ = ["prepare", "reason", "without_password"]


def prepare(settings: Settings, stacks: Sequence[str], say: Callable[[str], None]) -> None:
    """Bring the database to this release and add what is missing; say the first admin's generated password once.

    The scheduler that a stack is to run which is none of `stacks` goes to the first of them; said where anybody ever ran it.
    """
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
    if settings.scheduler_enabled and (gone := _scheduler_of_the_gone(settings.database_url, stacks)):
        say(f"The scheduler goes to {stacks[0]}, because {gone} is not there any more.")


def _scheduler_of_the_gone(url: str, stacks: Sequence[str]) -> str | None:
    """Give the scheduler to the first stack where one is to run it that is not there; return which, if it may have run it."""
    engine = sync_engine(url)
    try:
        with engine.connect().execution_options(**WRITES) as connection, connection.begin():
            lease = connection.execute(select(SchedulerLease.desired_stack, SchedulerLease.epoch)).one_or_none()
            if lease is None or lease.desired_stack in ("none", *stacks):
                return None
            connection.execute(update(SchedulerLease).values(desired_stack=stacks[0]))
            return lease.desired_stack if lease.epoch else None
    finally:
        engine.dispose()


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
