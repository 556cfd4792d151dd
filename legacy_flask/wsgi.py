"""What gunicorn loads: `legacy_flask.wsgi:create()`."""

import sys

from flask import Flask

from legacy_flask.app import create_app
from scheduler.logs import configure_logging
from shared_models.migrate import ForeignRevision
from shared_rules.settings import BadSetting, load_settings

__all__ = ["create"]


def create() -> Flask:
    """Return the application of this process's environment; end the process with one line when it cannot start."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level, secrets=settings.secrets)
        return create_app(settings)
    except (BadSetting, ForeignRevision) as error:
        sys.exit(str(error))
