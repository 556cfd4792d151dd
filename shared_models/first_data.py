"""What an empty database gets before the first request: categories, the scheduler's one row, and the first admin."""

import secrets
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from shared_models import JobCategory, SchedulerLease, User, new_id
from shared_models.engine import WRITES, sync_engine
from shared_rules.passwords import hash_password
from shared_rules.policy import Role
from shared_rules.settings import Settings
from shared_rules.taxonomy import DEFAULT_CATEGORIES
from shared_rules.text import slugify

__all__ = ["add_categories", "add_lease", "ensure"]


def ensure(settings: Settings, now: datetime) -> str | None:
    """Add what is missing, in one transaction; idempotent.

    Return the generated password of a first admin made just now without ADMIN_PASSWORD, else None.
    """
    engine = sync_engine(settings.database_url)
    try:
        with Session(engine) as session:
            session.connection(execution_options=WRITES)
            add_categories(session, now)
            add_lease(session, settings)
            password = _add_admin(session, settings, now)
            session.commit()
            return password
    finally:
        engine.dispose()


def add_categories(session: Session, now: datetime) -> None:
    if session.scalar(select(exists(select(JobCategory.id)))):
        return
    for name in DEFAULT_CATEGORIES:
        session.add(JobCategory(id=new_id(), slug=slugify(name), name=name, created_at=now, updated_at=now))


def add_lease(session: Session, settings: Settings) -> None:
    if session.get(SchedulerLease, 1) is None:
        session.add(SchedulerLease(id=1, ttl_s=settings.scheduler_lease_ttl_s))


def _add_admin(session: Session, settings: Settings, now: datetime) -> str | None:
    if session.scalar(select(exists(select(User.id)))):
        return None
    password = settings.admin_password or secrets.token_urlsafe(12)
    session.add(
        User(
            id=new_id(),
            username=settings.admin_username,
            email=settings.admin_email.lower(),
            password_hash=hash_password(password),
            role=Role.ADMIN,
            is_active=True,
            created_at=now,
            updated_at=now,
        )
    )
    return None if settings.admin_password else password
