"""Edits of a row: what really changes, and that `updated_at` tells."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

__all__ = ["DatedRow", "apply"]


class DatedRow(Protocol):
    """A row that knows when it last changed."""

    updated_at: Any


def apply(row: DatedRow, wanted: Mapping[str, Any], now: datetime) -> None:
    """Set the columns that differ; `updated_at` moves only when one does."""
    changed = {column: value for column, value in wanted.items() if getattr(row, column) != value}
    for column, value in changed.items():
        setattr(row, column, value)
    if changed:
        row.updated_at = now
