"""The legacy stack's routes are the policy's operations, and the shells of both stacks do not drift in what they serve."""

import re

from flask import Flask

from legacy_flask.app import create_app
from legacy_flask.db import db
from shared_rules.policy import OPERATIONS
from tests.contract import stacks


def routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).removeprefix("/api"))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_the_routes_are_exactly_the_operations_of_the_policy(database: str, sinks: stacks.Sinks) -> None:
    app = create_app(stacks.settings_for(database, sinks))
    try:
        assert routes(app) == {(operation.method, operation.path) for operation in OPERATIONS.values()}
    finally:
        with app.app_context():
            db.engine.dispose()
