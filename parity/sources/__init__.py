"""Recordings from files of others: HAR, Postman, OpenAPI. `import_file` tells by the content which one it has."""

import gzip
import importlib
import zlib
from pathlib import Path
from typing import Any

import orjson

from parity.har import from_har
from parity.recording import FORMAT, Header
from parity.sources.har import import_har
from parity.sources.imported import Imported, LeftOut, Options
from parity.sources.openapi import import_openapi
from parity.sources.postman import import_postman
from parity.values import ParityError

__all__ = ["Imported", "LeftOut", "Options", "import_file", "import_har", "import_openapi", "import_postman"]


def import_file(path: Path, options: Options) -> Imported:
    """Return the file as a recording. Raise ParityError, naming the file, for anything unreadable or unknown."""
    text = _read(path)
    document = _parsed(path, text)
    try:
        if isinstance(document, dict):
            log = document.get("log")
            if isinstance(log, dict) and "_parity" in log:
                block, entries = from_har(document)
                return Imported(Header.from_json(block), entries, (), ())
            if isinstance(log, dict) and isinstance(log.get("entries"), list):
                options.redactor.reserve(text.decode("utf-8", "replace"))
                return import_har(document, options)
            if "info" in document and "item" in document:
                return import_postman(document, options)
            if "openapi" in document:
                return import_openapi(document, options)
            if "swagger" in document:
                raise ParityError("Swagger 2.0 is not read; convert it to OpenAPI 3.")
    except ParityError as error:
        raise ParityError(f"{path}: {error}") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ParityError(f"{path}: is not well formed ({type(error).__name__}: {error}); export it again.") from None
    raise ParityError(f"{path}: is none of HAR, Postman v2.1 and OpenAPI 3; export it as one of these.")


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        raise ParityError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from None


def _parsed(path: Path, text: bytes) -> Any:
    try:
        return orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        if FORMAT.encode() in text[:200]:
            raise ParityError(f"{path}: is a recording already; use it as it is.") from None
        if path.suffix not in (".yaml", ".yml"):
            raise ParityError(f"{path}: is not JSON ({error}).") from None
    try:
        # Comes with schemathesis and has no types of its own.
        yaml: Any = importlib.import_module("yaml")
    except ImportError:
        raise ParityError(f"{path}: is YAML, which needs PyYAML; convert it to JSON.") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParityError(f"{path}: is not YAML ({str(error).splitlines()[0]}).") from None
