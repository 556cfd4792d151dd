"""`contract/statuses.json`, by which parity judges its coverage, says what the OpenAPI document says."""

import json
import re
from pathlib import Path

from tests.contract.api import Api

ROOT = Path(__file__).resolve().parents[1]
# A replay runs without login limits; a body that is too large belongs to methods that have one.
NOT_REPLAYED = 429
WITHOUT_BODY = frozenset({"GET", "DELETE"})


def test_the_statuses_parity_asks_for_are_those_of_the_document(api: Api) -> None:
    document = api.stack.send("GET", "/openapi.json", [], b"").json
    documented = {
        f"{method.upper()} {shape(path.removeprefix(api.stack.prefix))}": sorted(
            status
            for status in map(int, operation["responses"])
            if 200 <= status < 500 and status != NOT_REPLAYED and (status != 413 or method.upper() not in WITHOUT_BODY)
        )
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    wanted = json.loads((ROOT / "contract" / "statuses.json").read_text())

    assert {shape(operation): statuses for operation, statuses in wanted.items()} == documented


def shape(operation: str) -> str:
    return re.sub(r"\{\w+\}", "{}", operation)
