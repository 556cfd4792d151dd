"""Categories of jobs; a disabled one stays for the jobs that have it."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainText


class JobCategory(Base):
    __tablename__ = "job_categories"

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(PlainText(100), unique=True)
    name: Mapped[str] = mapped_column(PlainText(255))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
