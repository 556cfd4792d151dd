"""The legacy stack: a plain Flask application, made by `create_app`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from legacy_flask.auth import init_auth
from legacy_flask.blueprints import ALL
from legacy_flask.db import init_db
from legacy_flask.edge import init_edge
from legacy_flask.errors import init_errors
from legacy_flask.http import PREFIX
from scheduler.services import build_services
from shared_models.migrate import check_revision
from shared_rules.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["create_app"]


class Application(Flask):
    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        # For a websocket werkzeug looks among routes for websockets only: there are none, and it would answer 405.
        environ.pop("HTTP_UPGRADE", None)
        return super().wsgi_app(environ, start_response)


def create_app(settings: Settings) -> Flask:
    """Return the application. Raise ForeignRevision when the database is at another schema than this code."""
    check_revision(settings.database_url)
    app = Application("legacy_flask", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    # Without it routes are matched for the host that was asked for, and one that is no host name is a failure.
    app.config["SERVER_NAME"] = "localhost"
    app.extensions["services"] = build_services(settings)
    init_db(app, settings)
    init_auth(app, settings)
    init_edge(app)
    init_errors(app)
    for blueprint in ALL:
        app.register_blueprint(blueprint, url_prefix=PREFIX)
    return app
