import pytest

from shared_rules.multipart import Form, UploadedFile, multipart_form

PLAIN = "multipart/form-data; boundary=B"
FILE = b'Content-Disposition: form-data; name="file"; filename="jobs.csv"\r\nContent-Type: text/csv\r\n\r\n'


def parts(*contents: bytes) -> bytes:
    return b"".join(b"--B\r\n" + content + b"\r\n" for content in contents) + b"--B--\r\n"


def field(name: str, value: str) -> bytes:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


def disposition(value: str, content: bytes = b"x") -> bytes:
    return b"Content-Disposition: " + value.encode() + b"\r\n\r\n" + content


def test_fields_and_files_are_told_apart_by_the_file_name() -> None:
    form = multipart_form(PLAIN, parts(FILE + b"a,b\r\n1,2", field("dry_run", "ja/是")))

    assert form == Form({"dry_run": "ja/是"}, {"file": UploadedFile("jobs.csv", b"a,b\r\n1,2")})


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("Multipart/FORM-Data; boundary=B", id="any case"),
        pytest.param('multipart/form-data; charset=utf-8; boundary="B"', id="quoted, and another parameter"),
        pytest.param("multipart/form-data ;Boundary=B;", id="blanks and an empty parameter"),
    ],
)
def test_the_content_type_may_be_written_in_many_ways(content_type: str) -> None:
    assert multipart_form(content_type, parts(FILE + b"x")).files["file"].content == b"x"


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        pytest.param(None, parts(FILE + b"x"), id="no content type"),
        pytest.param("", parts(FILE + b"x"), id="empty content type"),
        pytest.param("multipart/form-data", parts(FILE + b"x"), id="no boundary"),
        pytest.param("multipart/form-data; boundary=", parts(FILE + b"x"), id="empty boundary"),
        pytest.param(f"multipart/form-data; boundary={'B' * 300}", parts(FILE + b"x"), id="endless boundary"),
        pytest.param("multipart/form-data; boundary=C", parts(FILE + b"x"), id="another boundary"),
        pytest.param("multipart/mixed; boundary=B", parts(FILE + b"x"), id="another kind of multipart"),
        pytest.param("application/json", b"{}", id="json"),
        pytest.param(PLAIN, b"", id="empty body"),
        pytest.param(PLAIN, b"name,cron\na,b\n", id="the file alone"),
        pytest.param(PLAIN, b"--B\r\n" + FILE + b"name", id="breaks off in the file"),
        pytest.param(PLAIN, b"--B\r\n" + FILE + b"name\r\n--B\r\n" + field("dry_run", "tr"), id="breaks off after it"),
        pytest.param(PLAIN, b"--B\r\n" + FILE + b"name\r\n--B", id="breaks off in the last boundary"),
        pytest.param(PLAIN, parts(FILE + b"x").replace(b"\r\n", b"\n"), id="bare line feeds"),
        pytest.param(PLAIN, parts(b"Content Disposition: x\r\n\r\ny", FILE + b"x"), id="bad header"),
        pytest.param(PLAIN, parts(b"X: " + b"y" * 5000 + b"\r\n\r\n", FILE + b"x"), id="endless header"),
        pytest.param(PLAIN, parts(FILE + b"x", *[field("a", "b")] * 100), id="101 parts"),
    ],
)
def test_what_is_no_whole_form_has_no_parts(content_type: str | None, raw: bytes) -> None:
    assert multipart_form(content_type, raw) == Form({}, {})


def test_a_form_may_have_a_hundred_parts() -> None:
    assert "file" in multipart_form(PLAIN, parts(*[field("a", "b")] * 99, FILE + b"x")).files


def test_the_first_of_equal_names_counts_and_empty_fields_do_not() -> None:
    second = FILE.replace(b"jobs", b"second")
    form = multipart_form(PLAIN, parts(field("a", ""), field("a", "1"), field("a", "2"), FILE + b"x", second + b"y"))

    assert form == Form({"a": "1"}, {"file": UploadedFile("jobs.csv", b"x")})


@pytest.mark.parametrize(
    ("header", "name"),
    [
        pytest.param('form-data; name="file"; filename=""', "", id="nothing chosen"),
        pytest.param("form-data; name=file; filename=jobs.csv", "jobs.csv", id="no quotes"),
        pytest.param('form-data; name="file"; filename="jöbs.csv"', "jöbs.csv", id="beyond ASCII"),
        pytest.param('form-data; filename="a;b\\".csv"; name="file"', 'a;b".csv', id="semicolon and quote"),
        pytest.param(
            "form-data; name=file; filename*=utf-8''j%C3%B6bs.csv", "(in another charset)", id="extended name"
        ),
    ],
)
def test_a_part_with_a_file_name_is_a_file(header: str, name: str) -> None:
    assert multipart_form(PLAIN, parts(disposition(header))).files == {"file": UploadedFile(name, b"x")}


@pytest.mark.parametrize(
    "header", ['form-data; name="file"', 'form-data; name="file"; filenames="jobs.csv"', "form-data; name=file"]
)
def test_a_part_without_one_is_a_field(header: str) -> None:
    assert multipart_form(PLAIN, parts(disposition(header))) == Form({"file": "x"}, {})


def test_a_file_may_hold_what_looks_like_a_boundary() -> None:
    content = b"--B\n--B \r--BB\r\n--BX\r\n-B--"

    assert multipart_form(PLAIN, parts(FILE + content)).files["file"].content == content


def test_what_comes_after_the_form_is_ignored() -> None:
    assert multipart_form(PLAIN, parts(FILE + b"x") + b"epilogue\r\n--B\r\n").files["file"].content == b"x"


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    raw = parts(b'Content-Disposition: form-data; name="default_github_owner"\r\n\r\n\xe9')

    assert multipart_form(PLAIN, raw).fields == {"default_github_owner": "\ufffd"}
