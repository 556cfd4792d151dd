"""The async engine of one application, and the two ways an endpoint opens a transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from shared_models.engine import WRITES, async_engine
from shared_rules.settings import Settings

__all__ = ["Database", "DatabaseDep"]


class Database:
    """Sessions of one database. Made without connecting; `close` when the application ends."""

    def __init__(self, settings: Settings) -> None:
        self.engine = async_engine(
            settings.modern_database_url,
            synchronous=settings.sqlite_synchronous,
            timeout_s=settings.database_timeout_s,
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Yield a session in a reading transaction, which ends with the block."""
        async with self._sessions() as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Yield a session in a writing transaction: the block commits, or nothing was written.

        No HTTP call and no slow work inside: on SQLite nobody else writes meanwhile.
        """
        async with self._sessions() as session:
            await session.connection(execution_options=WRITES)
            yield session

    async def close(self) -> None:
        await self.engine.dispose()


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


DatabaseDep = Annotated[Database, Depends(_database)]
