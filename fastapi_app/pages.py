"""The OpenAPI document and the pages that show it, with their scripts from here: they work without the internet."""

import re
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.staticfiles import StaticFiles

from fastapi_app.deps import PREFIX
from shared_rules import wire

__all__ = ["add_pages", "describe"]

_PLAIN_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_ASSETS = "/docs/assets"
_DOCUMENT = f"{PREFIX}/openapi.json"
_TITLE = "Cron job backend"
# Swagger UI and ReDoc start from an inline script, and ReDoc searches in a worker.
_CSP = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'"
)


def add_pages(app: FastAPI) -> None:
    """Serve `/docs`, `/redoc`, `/openapi.json` and `/api/v2/openapi.json`."""
    assets = str(files("fastapi_offline") / "static")
    app.mount(_ASSETS, StaticFiles(directory=assets), name="docs-assets")
    for path in ("/openapi.json", _DOCUMENT):
        app.add_route(path, _document, methods=["GET"])
    app.add_route("/docs", _swagger, methods=["GET"])
    app.add_route("/redoc", _redoc, methods=["GET"])


def describe(app: FastAPI) -> dict[str, Any]:
    """Return FastAPI's document without 422: that status is never answered here."""
    document = FastAPI.openapi(app)
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document


async def _document(request: Request) -> Response:
    document = request.app.openapi()
    public = request.headers.get("x-forwarded-prefix", "")
    if public != PREFIX and _PLAIN_PREFIX.fullmatch(public):
        document = _below(public, document)
    return Response(wire.to_json(document), media_type="application/json")


def _below(prefix: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return the document as the client of another public prefix may use it: the gateway says which one it came by."""
    paths = {path.removeprefix(PREFIX): operations for path, operations in document["paths"].items()}
    return document | {"servers": [{"url": prefix}], "paths": paths}


async def _swagger(_request: Any) -> Response:
    page = get_swagger_ui_html(
        openapi_url=_DOCUMENT,
        title=_TITLE,
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
        # A reload must not log people out of the page they try things on.
        swagger_ui_parameters={"persistAuthorization": True},
    )
    page.headers["Content-Security-Policy"] = _CSP
    return page


async def _redoc(_request: Any) -> Response:
    page = get_redoc_html(
        openapi_url=_DOCUMENT,
        title=_TITLE,
        redoc_js_url=f"{_ASSETS}/redoc.standalone.js",
        redoc_favicon_url=f"{_ASSETS}/favicon.png",
        with_google_fonts=False,
    )
    page.headers["Content-Security-Policy"] = _CSP
    return page
