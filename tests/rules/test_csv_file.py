import csv

import pytest

from shared_rules import csv_file
from shared_rules.csv_file import CsvFile, CsvRow, read_csv
from shared_rules.errors import BadRequest

AB = frozenset({"a", "b"})


def rows(text: str) -> list[tuple[int, dict[str, str]]]:
    return [(row.number, dict(row.cells)) for row in read_csv(text.encode(), AB).rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a,b\n1,2\n", [(2, {"a": "1", "b": "2"})], id="plain"),
        pytest.param("a,b\n1,2", [(2, {"a": "1", "b": "2"})], id="no line end at the end"),
        pytest.param("a,b\r\n1,2\r\n", [(2, {"a": "1", "b": "2"})], id="line ends of Windows"),
        pytest.param("a,b\r1,2\r", [(2, {"a": "1", "b": "2"})], id="line ends of old Macs"),
        pytest.param("\ufeffa,b\n1,2\n", [(2, {"a": "1", "b": "2"})], id="BOM"),
        pytest.param(" A ,\tB\n 1 , 2\n", [(2, {"a": "1", "b": "2"})], id="trimmed, headers in any case"),
        pytest.param("a,c,b\n1,3,2\n", [(2, {"a": "1", "b": "2"})], id="a header nobody asked for"),
        pytest.param("a,,b\n1,3,2\n", [(2, {"a": "1", "b": "2"})], id="a column without a header"),
        pytest.param("a,b,A\n1,2,3\n", [(2, {"a": "3", "b": "2"})], id="of equal headers the last"),
        pytest.param("a,b,a\n1,2,\n", [(2, {"a": "", "b": "2"})], id="of equal headers the last, even blank"),
        pytest.param("a,b,a\n1,2\n", [(2, {"b": "2"})], id="of equal headers the last, even missing"),
        pytest.param("a,b\n1\n", [(2, {"a": "1"})], id="short row"),
        pytest.param("a\n1,2,3\n", [(2, {"a": "1"})], id="extra cells"),
        pytest.param("a,b\n\n , \n,,\n1,2\n", [(5, {"a": "1", "b": "2"})], id="blank rows count"),
        pytest.param("a,,b\n,note,\n1,,2\n", [(3, {"a": "1", "b": "2"})], id="blank but for a column without header"),
        pytest.param("a\n,note\n1\n", [(3, {"a": "1"})], id="blank but for an extra cell"),
        pytest.param("a,c\n,note\n", [(2, {"a": ""})], id="not blank in a column nobody asked for"),
        pytest.param(
            'a,b\n"1\n\n1",2\n3,4\n', [(2, {"a": "1\n\n1", "b": "2"}), (3, {"a": "3", "b": "4"})], id="breaks"
        ),
        pytest.param('"a",b\n"x, ""y""",2\n', [(2, {"a": 'x, "y"', "b": "2"})], id="quotes"),
        pytest.param('a,b\n"1" ,2"\n', [(2, {"a": "1", "b": '2"'})], id="stray quotes as spreadsheets read them"),
        pytest.param('a,b\n1,"2"', [(2, {"a": "1", "b": "2"})], id="a quote at the very end"),
        pytest.param("a\nx\x0by\u2028z\n", [(2, {"a": "x\x0by\u2028z"})], id="no line ends of CSV"),
        pytest.param("a;b\n1;2\n", [(2, {})], id="semicolons separate nothing"),
        pytest.param("a,b\n", [], id="header only"),
    ],
)
def test_a_table_is_read_as_a_spreadsheet_shows_it(text: str, expected: list[tuple[int, dict[str, str]]]) -> None:
    assert rows(text) == expected


def test_bad_bytes_are_replaced() -> None:
    assert read_csv(b"a\ncaf\xe9\n", AB).rows == [CsvRow(2, {"a": "caf\ufffd"})]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"", "CSV is empty.", id="no bytes"),
        pytest.param(b"\xef\xbb\xbf", "CSV is empty.", id="a BOM alone"),
        pytest.param(b" \r\n\t\n", "CSV is empty.", id="blanks alone"),
        pytest.param(b",,\n1,2,3\n", "CSV header row has no usable column names.", id="blank headers"),
        pytest.param(b"\na,b\n1,2\n", "CSV header row has no usable column names.", id="blank first line"),
        pytest.param(b'a\n"1\n2\n', "Row 2 opens a quoted cell that is never closed.", id="open quote"),
        pytest.param(b'"a\n1\n2\n', "Row 1 opens a quoted cell that is never closed.", id="open quote in the header"),
        pytest.param(b'a\n1\n"', "Row 3 opens a quoted cell that is never closed.", id="open quote at the end"),
        pytest.param(
            "a,b\n1,2\n".encode("utf-16-le"),
            "The file holds NUL characters, so it is not text in UTF-8. Save it as CSV UTF-8.",
            id="UTF-16",
        ),
    ],
)
def test_what_is_no_table_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_csv(raw, AB)

    assert refused.value.body == {"error": "Invalid CSV", "message": reason}


def test_a_cell_may_have_as_many_characters_as_the_csv_module_takes() -> None:
    limit = csv.field_size_limit()

    assert rows(f"a\n{'x' * limit}\n") == [(2, {"a": "x" * limit})]

    with pytest.raises(BadRequest, match=f"Row 3 has a cell of more than {limit} characters"):
        rows(f"a\n1\n{'x' * (limit + 1)}\n")


def test_only_rows_that_are_not_blank_count_for_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_ROWS", 2)

    assert [number for number, _ in rows("a\n1\n\n\n2\n\n")] == [2, 5]

    with pytest.raises(BadRequest, match="at most 2 rows"):
        rows("a\n1\n2\n3\n")


def test_blank_rows_count_for_the_limit_of_a_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_SHEET_ROWS", 4)

    assert [number for number, _ in rows("a\n\n\n1\n")] == [4]

    with pytest.raises(BadRequest, match="at most 4 rows, the header and blank ones included"):
        rows("a\n1\n\n\n\n")


@pytest.mark.parametrize(
    ("text", "columns", "all_rows", "removed_columns", "removed_rows"),
    [
        pytest.param("a,b\n1,2\n", 2, 1, 0, 0, id="nothing to remove"),
        pytest.param("a,b\n", 2, 0, 0, 0, id="header only"),
        pytest.param("a, ,b,\n1,x,2,y\n", 4, 1, 2, 0, id="columns without header"),
        pytest.param("a,a\n1,2\n", 2, 1, 0, 0, id="equal headers stay"),
        pytest.param("a,b\n\n1,2\n,\n", 2, 3, 0, 2, id="blank rows"),
        pytest.param("a,,b\n,x,\n1,x,2\n", 3, 2, 1, 1, id="blank once the column is gone"),
        pytest.param("a\n1\n\n\n", 1, 3, 0, 2, id="blank lines at the end"),
        pytest.param("a\n1,2,3\n", 1, 1, 0, 0, id="extra cells are no columns"),
    ],
)
def test_what_was_removed_is_counted(
    text: str, columns: int, all_rows: int, removed_columns: int, removed_rows: int
) -> None:
    file = read_csv(text.encode(), AB)

    assert (file.column_count, file.row_count) == (columns, all_rows)
    assert (file.removed_column_count, file.removed_row_count) == (removed_columns, removed_rows)


def test_a_million_headers_cost_no_million_steps_a_row() -> None:
    file: CsvFile = read_csv(b"a" + b",b" * 100_000 + b"\n1" * 30_000, AB)

    assert len(file.rows) == 30_000
