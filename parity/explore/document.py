"""What an OpenAPI document offers to explore: its operations, below the stacks' prefixes. Nothing is generated here."""

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from parity.config import Config, Stack
from parity.ground import Ground
from parity.reach.client import Client, Limits
from parity.reach.wire import Origin
from parity.shapes import entity_of_path
from parity.values import ParityError, Request

__all__ = ["Operation", "load_document", "operations_of"]

_PARAMETER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Operation:
    """One operation. `template` is without prefix; `source` is what schemathesis makes cases of; `declared` its statuses.

    `parameters` are the names in the path, in order, with the entity whose id each is: `{"job_id": "job"}`.
    """

    method: str
    template: str
    source: Any = field(compare=False, repr=False)
    declared: frozenset[str] = frozenset()
    parameters: Mapping[str, str] = field(default_factory=dict)
    # Whether path and method say all there is to say.
    is_plain: bool = False
    wants_token: bool = False

    @property
    def label(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def entity(self) -> str:
        return entity_of_path(self.template)


def operations_of(document: Mapping[str, Any], prefixes: Sequence[str]) -> list[Operation]:
    """Return the operations below the stacks' prefixes, in the document's order. Raise ParityError for none.

    A document whose paths have no prefix is taken as it is.
    """
    # Takes a second to import, which only an exploration needs.
    schemathesis = importlib.import_module("schemathesis")
    try:
        schema = schemathesis.openapi.from_dict(dict(document))
        found = [result.ok() for result in schema.get_all_operations() if hasattr(result.ok(), "path")]
    except Exception as error:
        # A document is anything: whatever schemathesis says of it is said in one line.
        raise ParityError(f"The OpenAPI document cannot be read: {str(error).splitlines()[0]}") from error
    used = [prefix for prefix in sorted(prefixes, key=len, reverse=True) if prefix]
    inside = [prefix for prefix in used if any(_below(one.path, prefix) for one in found)]
    operations = []
    for one in found:
        template = _without_prefix(one.path, inside)
        if template is not None:
            operations.append(_operation(one, template))
    if not operations:
        raise ParityError(f"The OpenAPI document has no operation below {' or '.join(used) or '/'}; name another one.")
    return operations


async def load_document(config: Config, given: str, ground: Ground, stack: Stack) -> Mapping[str, Any]:
    """Return the document from a URL or file, or from the stack, which is started for it. Raise ParityError.

    `given` (a URL or a file) wins over `parity.openapi`; without either the stack is asked for /openapi.json.
    """
    named = given or config.parity.openapi or "/openapi.json"
    if named.startswith(("http://", "https://")):
        return _parsed(named, await _fetched(named))
    if given or not named.startswith("/"):
        return _parsed(named, _read(Path(given) if given else config.root / named))
    # Documents lie outside the prefix as often as below it.
    bare = stack.model_copy(update={"prefix": "", "live": stack.prefix + stack.live})
    async with ground.alone(bare, "document") as lane:
        for target in (named, stack.prefix + named):
            answer = await lane.send(Request("GET", target))
            if answer.status == 200:
                return _parsed(target, answer.body)
    raise ParityError(
        f'Stack "{stack.name}" answers GET {named} with {answer.status}; set parity.openapi, or --openapi.'
    )


async def _fetched(url: str) -> bytes:
    parts = urlsplit(url)
    client = Client(Origin.of(f"{parts.scheme}://{parts.netloc}"), Limits())
    try:
        answer = await client.send(Request("GET", parts.path + (f"?{parts.query}" if parts.query else "")))
    finally:
        client.close()
    if answer.status != 200:
        raise ParityError(f"{url}: answers {answer.status or answer.error}; name an OpenAPI document.")
    return answer.body


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ParityError(f"{file}: cannot be read ({error.strerror}); name an OpenAPI document.") from None


def _parsed(name: str, text: bytes) -> Mapping[str, Any]:
    try:
        document: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        # Comes with schemathesis and has no types of its own.
        yaml: Any = importlib.import_module("yaml")
        try:
            document = yaml.safe_load(text)
        except (yaml.YAMLError, UnicodeDecodeError):
            document = None
    if not isinstance(document, dict) or "openapi" not in document:
        raise ParityError(f"{name}: is no OpenAPI 3 document; name another one.")
    return document


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def _without_prefix(path: str, prefixes: Sequence[str]) -> str | None:
    if not prefixes:
        return path
    return next((path.removeprefix(prefix) or "/" for prefix in prefixes if _below(path, prefix)), None)


def _operation(source: Any, template: str) -> Operation:
    raw = source.definition.raw
    named = [one.name.lower() for one in (*source.query, *source.headers)]
    return Operation(
        method=source.method.upper(),
        template=template,
        source=source,
        declared=frozenset(str(status) for status in raw.get("responses", {})),
        parameters=dict(_parameters(template)),
        is_plain=not source.body and not [name for name in named if name != "authorization"],
        wants_token=bool(raw.get("security", source.schema.raw_schema.get("security"))),
    )


def _parameters(template: str) -> Iterator[tuple[str, str]]:
    """Yield each name in the path with the entity before it: `/jobs/{id}` -> id of a job."""
    for match in _PARAMETER.finditer(template):
        yield match[1], entity_of_path(template[: match.start()])
