"""What uvicorn loads: the factory `fastapi_app.asgi:create`."""

import sys

from fastapi import FastAPI

from fastapi_app.app import create_app
from scheduler.logs import configure_logging
from shared_models.migrate import ForeignRevision
from shared_rules.settings import BadSetting, load_settings

__all__ = ["create"]


def create() -> FastAPI:
    """Return the application of this process's environment; end the process with one line when it cannot start."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level, secrets=settings.secrets)
        return create_app(settings)
    except (BadSetting, ForeignRevision) as error:
        sys.exit(str(error))
