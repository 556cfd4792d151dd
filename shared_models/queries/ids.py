"""Ids by the thousand: made by the database, or handed to it as one parameter instead of a thousand."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, Text, cast, column, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from shared_models.base import PlainText

__all__ = ["NewId", "each_of"]


class NewId(FunctionElement[str]):
    """A fresh UUID4 as text, 36 characters, another one for each row; the same as `shared_models.new_id` makes."""

    type: TypeEngine[str] = PlainText(36)
    inherit_cache = True


@compiles(NewId, "sqlite")
def _on_sqlite(_element: NewId, _compiler: SQLCompiler, **_options: Any) -> str:
    # Version 4 and variant 10, by RFC 9562; random() may be the one number that abs() cannot take, hence the remainder first.
    return (
        "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' || "
        "substr('89ab', 1 + abs(random() % 4), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
    )


@compiles(NewId, "postgresql")
def _on_postgresql(_element: NewId, _compiler: SQLCompiler, **_options: Any) -> str:
    return "gen_random_uuid()::text"


def each_of(dialect: str, ids: Collection[str]) -> Select[Any]:
    """Return a subselect of these ids, for IN: a list of as many parameters costs 9 us each."""
    text = json.dumps(list(ids))
    rows = (
        func.jsonb_array_elements_text(cast(literal(text, Text()), JSONB))
        if dialect == "postgresql"
        else func.json_each(text)
    )
    return select(rows.table_valued(column("value", PlainText())).c.value)
