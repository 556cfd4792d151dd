"""Users: who may log in, and since when their tokens count."""

from datetime import datetime

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainText


class User(Base):
    """`password_changed_at` ends every token issued before it, but the one with the jti in `password_changed_by`."""

    __tablename__ = "users"

    id: Mapped[Id]
    username: Mapped[str] = mapped_column(PlainText(80))
    email: Mapped[str] = mapped_column(PlainText(120), unique=True)
    password_hash: Mapped[str] = mapped_column(PlainText(255))
    role: Mapped[str] = mapped_column(PlainText(20))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    password_changed_at: Mapped[datetime | None]
    password_changed_by: Mapped[str | None] = mapped_column(PlainText(255))


Index("uq_users_username_lower", func.lower(User.username), unique=True)
