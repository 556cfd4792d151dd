"""A client that hangs up is no mistake of ours."""

import logging
from typing import Any

import anyio
import pytest

from fastapi_app.app import create_app
from tests.contract.api import Api
from tests.contract.stacks import Sinks, asgi_scope, settings_for


def test_half_a_body_is_refused_and_not_logged_as_a_failure(
    api: Api, sinks: Sinks, caplog: pytest.LogCaptureFixture
) -> None:
    headers = [("authorization", f"Bearer {api.token('admin')}"), ("content-type", "application/json")]
    to_receive = [{"type": "http.request", "body": b'{"name":', "more_body": True}, {"type": "http.disconnect"}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return to_receive.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def hang_up() -> None:
        app = create_app(settings_for(api.stack.settings.database_url, sinks))
        await app(asgi_scope("POST", "/api/v2/job-categories", headers), receive, send)
        await app.state.database.close()

    anyio.run(hang_up)

    assert sent[0]["status"] == 400
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
