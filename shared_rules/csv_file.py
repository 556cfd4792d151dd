"""A CSV file as a spreadsheet shows it: bytes to numbered rows of named cells."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from shared_rules.errors import BadRequest

__all__ = ["MAX_ROWS", "MAX_SHEET_ROWS", "CsvFile", "CsvRow", "read_csv"]

MAX_ROWS = 50_000
"""Rows with something in them. A body of 10 MiB could hold millions, each with a refusal to be told about."""
MAX_SHEET_ROWS = 1_048_576
"""All rows of the largest sheet of a spreadsheet. Ten million blank ones take seconds to read."""

# Fed to the reader as one more line: if it comes back as one cell, a quoted cell was never closed. (The reader's own
# strict mode would tell, but also refuse what every spreadsheet opens, such as a blank after a closing quote.)
_END = ["\0", "\0"]


@dataclass(frozen=True)
class CsvRow:
    """A row that is not blank. `number` is the spreadsheet's; a cell with line breaks does not count as several rows."""

    number: int
    cells: Mapping[str, str]

    def first(self, headers: Sequence[str]) -> str:
        """Return the first cell below one of `headers` that is not blank, trimmed; else nothing."""
        for header in headers:
            if cell := self.cells.get(header):
                return cell
        return ""


@dataclass(frozen=True)
class CsvFile:
    """The rows, and what was there before columns without a header and blank rows were taken out."""

    rows: Sequence[CsvRow]
    column_count: int
    row_count: int
    removed_column_count: int

    @property
    def removed_row_count(self) -> int:
        return self.row_count - len(self.rows)


def read_csv(raw: bytes, headers: Collection[str]) -> CsvFile:
    """Return the rows with their cells below those of `headers` (lower case) that the file has.

    UTF-8, with or without BOM, bad bytes replaced. Cells are trimmed; headers too, in any case, and of equal ones the
    last counts. Raise Invalid CSV on what is no table, or has more than MAX_ROWS rows that are not blank or MAX_SHEET_ROWS in all.
    """
    records = _records(raw.decode("utf-8-sig", "replace"))
    titles = [title.strip().lower() for title in next(records)]
    if not any(titles):
        raise _invalid("CSV header row has no usable column names.")
    places = {title: place for place, title in enumerate(titles) if title in headers}
    rows: list[CsvRow] = []
    number = 1
    for number, record in enumerate(records, 2):
        if number > MAX_SHEET_ROWS:
            raise _invalid(f"A file may have at most {MAX_SHEET_ROWS} rows, the header and blank ones included.")
        # Only as far as the row goes: a million headers must not cost a million steps a row.
        if not any(title and cell.strip() for title, cell in zip(titles, record, strict=False)):
            continue
        if len(rows) == MAX_ROWS:
            raise _invalid(f"A file may have at most {MAX_ROWS} rows.")
        cells = {title: record[place].strip() for title, place in places.items() if place < len(record)}
        rows.append(CsvRow(number, cells))
    return CsvFile(rows, len(titles), number - 1, titles.count(""))


def _records(text: str) -> Iterator[list[str]]:
    """Yield every row, blank ones as well, the header first."""
    if not text.strip():
        raise _invalid("CSV is empty.")
    if "\0" in text:
        raise _invalid("The file holds NUL characters, so it is not text in UTF-8. Save it as CSV UTF-8.")
    reader = csv.reader(chain(io.StringIO(text, newline=""), [",".join(_END)]))
    number = 0
    try:
        for number, record in enumerate(reader, 1):
            if record == _END:
                return
            if record and "\0" in record[-1]:
                raise _invalid(f"Row {number} opens a quoted cell that is never closed.")
            yield record
    except csv.Error:
        limit = csv.field_size_limit()
        reason = f"Row {number + 1} has a cell of more than {limit} characters. Is a closing quote missing?"
        raise _invalid(reason) from None


def _invalid(reason: str) -> BadRequest:
    return BadRequest("Invalid CSV", reason)
