"""The modern stack: a plain FastAPI application, made by `create_app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from anyio import to_thread
from fastapi import FastAPI

from fastapi_app.calling import Calling
from fastapi_app.csv_thread import CsvThread
from fastapi_app.db import Database
from fastapi_app.deps import PREFIX, STACK
from fastapi_app.edge import EdgeMiddleware
from fastapi_app.errors import init_errors
from fastapi_app.hashing import Hashing
from fastapi_app.pages import add_pages, describe
from fastapi_app.routers import ALL
from fastapi_app.scheduling import scheduling
from scheduler.runtime import Runtime
from scheduler.services import VERSION, build_services
from shared_models.migrate import check_revision
from shared_rules.settings import Settings

__all__ = ["create_app"]


def create_app(settings: Settings) -> FastAPI:
    """Return the application. Raise ForeignRevision when the database is at another schema than this code."""
    check_revision(settings.modern_database_url)
    database = Database(settings)
    services = build_services(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with scheduling(Runtime(services, settings.modern_database_url, STACK)):
            yield
        await to_thread.run_sync(services.close)
        await database.close()

    app = FastAPI(
        title="Cron job backend",
        version=VERSION,
        description="Users, jobs, executions, notifications and teams. Log in, then press Authorize and paste the access token.",
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    app.state.services = services
    app.state.database = database
    app.state.hashing = Hashing()
    app.state.calling = Calling()
    app.state.csv_thread = CsvThread()
    app.add_middleware(EdgeMiddleware, cors_origins=settings.cors_origins)
    init_errors(app)
    for router in ALL:
        app.include_router(router, prefix=PREFIX)
    if settings.docs:
        add_pages(app)
    return app
