"""TOML tables read strictly: every value is taken by name and kind, and a key nobody took is an error."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ConfigError", "Table", "load_toml"]

MISSING = object()


class ConfigError(Exception):
    """A setting that cannot be used. One line: where, which key, which value, what would be right."""

    def __init__(self, source: str, key: str, value: object, remedy: str) -> None:
        shown = "" if value is MISSING else f" = {value!r}"
        super().__init__(f"{source}: {key}{shown}: {remedy}")
        self.source = source
        self.key = key
        self.value = None if value is MISSING else value
        self.remedy = remedy


@dataclass
class Table:
    """One TOML table of `source`; `name` is its dotted place, used in errors."""

    source: str
    name: str
    data: Mapping[str, Any]
    taken: set[str] = field(default_factory=set)

    def place(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def error(self, key: str, value: object, remedy: str) -> ConfigError:
        return ConfigError(self.source, self.place(key), value, remedy)

    def take(self, key: str, default: Any = MISSING) -> Any:
        """Return the raw value of `key`, or the default. Raise ConfigError if there is neither."""
        self.taken.add(key)
        value = self.data.get(key, default)
        if value is MISSING:
            raise self.error(key, MISSING, "is missing; add it")
        return value

    def text(self, key: str, default: Any = MISSING) -> str:
        value = self.take(key, default)
        if not isinstance(value, str):
            raise self.error(key, value, "must be a string")
        return value

    def whole(self, key: str, low: int, high: int, default: Any = MISSING) -> int:
        value = self.take(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, value, f"must be a whole number from {low} to {high}")
        return value

    def flag(self, key: str, default: Any = MISSING) -> bool:
        value = self.take(key, default)
        if not isinstance(value, bool):
            raise self.error(key, value, "must be true or false")
        return value

    def seconds(self, key: str, low: float, high: float, default: Any = MISSING) -> float:
        value = self.take(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, value, f"must be a number of seconds from {low:g} to {high:g}")
        return float(value)

    def texts(self, key: str, default: Any = MISSING) -> tuple[str, ...]:
        value = self.take(key, default)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, value, "must be a list of strings")
        return tuple(value)

    def table(self, key: str, default: Any = MISSING) -> "Table":
        value = self.take(key, default)
        if not isinstance(value, dict):
            raise self.error(key, value, f"must be a table; write [{self.place(key)}]")
        return Table(self.source, self.place(key), value)

    def tables(self, key: str, default: Any = MISSING) -> list["Table"]:
        """Return the entries of `[[key]]`; an error names them by their number, from 1."""
        value = self.take(key, default)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.error(key, value, f"must be a list of tables; write [[{self.place(key)}]]")
        return [Table(self.source, f"{self.place(key)}[{number}]", item) for number, item in enumerate(value, 1)]

    def done(self) -> None:
        """Raise ConfigError if the table has a key that nothing read: it is misspelt or in the wrong place."""
        for key in sorted(set(self.data) - self.taken):
            known = ", ".join(sorted(self.taken))
            raise self.error(key, self.data[key], f"is not a known key; known here: {known}")


def load_toml(path: Path, source: str) -> Table:
    """Return the file's top table. `source` is how errors name the file."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        remedy = f"cannot be read ({os.strerror(problem.errno or 0)}); create it or start in the project's folder"
        raise ConfigError(source, "the file", MISSING, remedy) from problem
    except UnicodeDecodeError as problem:
        raise ConfigError(source, "the file", MISSING, "is not UTF-8; save it as UTF-8") from problem
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(source, "the file", MISSING, f"is not TOML: {problem}") from problem
    return Table(source, "", data)
