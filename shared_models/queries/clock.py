"""The database's own clock, as values of a statement: one clock for all processes, of whatever host."""

from datetime import datetime
from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from shared_models.base import UtcDateTime

__all__ = ["DatabaseNow", "SecondsSince"]


class DatabaseNow(FunctionElement[datetime]):
    """The current instant; to the millisecond on SQLite. Not that of the transaction's begin."""

    type: TypeEngine[datetime] = UtcDateTime()
    inherit_cache = True


class SecondsSince(FunctionElement[float | None]):
    """How long ago a time was, in seconds with a fraction; negative for one to come."""

    type: TypeEngine[float | None] = Double()
    inherit_cache = True


@compiles(DatabaseNow, "sqlite")
def _now_of_sqlite(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    # As SQLAlchemy writes a time.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


@compiles(DatabaseNow, "postgresql")
def _now_of_postgresql(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    return "clock_timestamp()"


@compiles(SecondsSince, "sqlite")
def _since_on_sqlite(element: SecondsSince, compiler: SQLCompiler, **options: Any) -> str:
    return f"((julianday('now') - julianday({compiler.process(element.clauses, **options)})) * 86400.0)"


@compiles(SecondsSince, "postgresql")
def _since_on_postgresql(element: SecondsSince, compiler: SQLCompiler, **options: Any) -> str:
    return f"extract(epoch from clock_timestamp() - {compiler.process(element.clauses, **options)})::double precision"
