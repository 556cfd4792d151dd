"""Alembic's entry: runs the migrations on the connection that `shared_models.migrate` hands over."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from shared_models import Base
from shared_models.base import PlainText, UtcDateTime


def plain_types(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our column types as SQLAlchemy's own: a migration must not change when our code does."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, PlainText):
        return f"sa.String({getattr(item.impl_instance, 'length', None) or ''})"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_item=plain_types,
    render_as_batch=True,
)
context.run_migrations()
