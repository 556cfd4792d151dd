"""What both stacks must remember about tokens and logins: revoked tokens and failed attempts."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainText


class RevokedToken(Base):
    """A token that was logged out; the row may go once `expires_at` has passed."""

    __tablename__ = "revoked_tokens"

    jti: Mapped[str] = mapped_column(PlainText(255), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime]


class LoginFailure(Base):
    """One failed login. `account` is a digest of what was typed or of the user's id, `address` the caller's."""

    __tablename__ = "login_failures"

    id: Mapped[Id]
    account: Mapped[str] = mapped_column(PlainText(64))
    address: Mapped[str] = mapped_column(PlainText(64))
    failed_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_login_failures_account", "account", "failed_at"),
        Index("ix_login_failures_address", "address", "failed_at"),
    )
