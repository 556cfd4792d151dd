"""Multipart forms: bytes to fields and files, read here for both stacks.

Flask's reader and Starlette's disagree: on bare line feeds, on charsets, on long fields, on `filename*`, on which of two
equal names counts, and on a body that breaks off. Half an upload must never count as a whole one, on either stack.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

__all__ = ["Form", "UploadedFile", "multipart_form"]

_MAX_PARTS = 100
# The name in a charset of its own (RFC 5987), which some clients send alone. What it says does not matter here.
_EXTENDED_FILENAME = re.compile(rb";\s*filename\*\s*=\s*[^\s;]", re.IGNORECASE)


@dataclass(frozen=True)
class UploadedFile:
    """A part with a file name, which may be empty: that is what a browser sends when nothing was chosen."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Form:
    """The parts of a form by name. Of equal names the first counts; an empty field does not count at all."""

    fields: Mapping[str, str]
    files: Mapping[str, UploadedFile]


def multipart_form(content_type: str | None, raw: bytes) -> Form:
    """Return the parts of a `multipart/form-data` body.

    Another content type has none, nor has a body that is malformed, breaks off, or has more than 100 parts.
    """
    media_type, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    nothing = Form({}, {})
    if media_type.strip() != b"multipart/form-data" or not boundary:
        return nothing
    parts = _Parts()
    try:
        MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin,
                "on_header_field": parts.header_name,
                "on_header_value": parts.header_value,
                "on_header_end": parts.end_header,
                "on_part_data": parts.data,
                "on_part_end": parts.end,
                "on_end": parts.end_form,
            },
        ).write(raw)
    except FormParserError:
        return nothing
    return Form(parts.fields, parts.files) if parts.is_complete else nothing


class _Parts:
    """Collects what the parser finds, piece by piece."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.files: dict[str, UploadedFile] = {}
        self.is_complete = False
        self._count = 0

    def begin(self) -> None:
        self._count += 1
        if self._count > _MAX_PARTS:
            raise FormParserError("too many parts")
        self._disposition = b""
        self._content = bytearray()
        self._begin_header()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._begin_header()

    def data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def end(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = _text(options.get(b"name", b""))
        if b"filename" in options or _EXTENDED_FILENAME.search(self._disposition):
            filename = _text(options.get(b"filename", b"(in another charset)"))
            self.files.setdefault(name, UploadedFile(filename, bytes(self._content)))
        elif self._content:
            self.fields.setdefault(name, _text(self._content))

    def end_form(self) -> None:
        self.is_complete = True

    def _begin_header(self) -> None:
        self._name = b""
        self._value = b""


def _text(raw: bytes | bytearray) -> str:
    return raw.decode("utf-8", "replace")
