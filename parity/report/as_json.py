"""The report as one JSON file, for machines, and back. Exchanges are written one by one, so that any number fits."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TextIO

from pydantic import TypeAdapter, ValidationError

from parity.report.files import whole_or_not
from parity.report.value import Line, Report
from parity.values import ParityError

__all__ = ["FORMAT", "dumps", "plain", "read_json", "write_json"]

FORMAT = "parity-report/1"


def dumps(value: Any) -> str:
    """Return compact JSON in ASCII, so that half a surrogate pair does no harm."""
    return json.dumps(value, separators=(",", ":"))


def plain(report: Report) -> dict[str, Any]:
    """Return everything but the exchanges as JSON values."""
    empty = {field.name: getattr(report, field.name) for field in fields(report) if field.name != "lines"}
    return {"format": FORMAT, **{name: _plain(value) for name, value in empty.items()}}


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, tuple) else value


def write_json(report: Report, path: Path) -> Path:
    """Write the report whole or not at all, and return the path. `exchanges` come last, one a line."""
    return whole_or_not(path, lambda file: _write(report, file))


def _write(report: Report, file: TextIO) -> None:
    file.write(json.dumps(plain(report), indent=1)[:-2])
    file.write(',\n "exchanges": [')
    for number, line in enumerate(report.lines()):
        file.write(",\n  " if number else "\n  ")
        file.write(dumps(asdict(line)))
    file.write("\n ]\n}\n")


def read_json(path: Path) -> Report:
    """Return the report that `write_json` wrote. Raise ParityError for a file that is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        lines = TypeAdapter(tuple[Line, ...]).validate_python(data.pop("exchanges"))
        report: Report = TypeAdapter(Report).validate_python({**data, "lines": lambda: _again(lines)})
    except OSError as error:
        raise ParityError(f"{path}: cannot be read ({error.strerror}); name a report.json of a run.") from None
    except (ValidationError, ValueError, KeyError, AttributeError, TypeError) as error:
        said = str(error).splitlines()[0]
        raise ParityError(f"{path}: is no parity report ({said}); name a report.json of a run.") from None
    return report


def _again(lines: tuple[Line, ...]) -> Iterator[Line]:
    return iter(lines)
