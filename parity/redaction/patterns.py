"""How texts show a value beside its name: parameters, quoted fields, headers, options, elements; and private keys."""

import re
from collections.abc import Iterator

__all__ = ["key_lines", "named_values"]

_EQUALS = re.compile(r"""([A-Za-z_][\w.\[\]-]*)=(?:"([^"]*)|'([^']*)|([^\s&"'<>;,#)}\]]+))""")
_COLON = re.compile(r"""([A-Za-z_][\w.-]*)["']?\s*:\s*(?:"((?:[^"\\]|\\.)*)|'([^']*))""")
_HEADER = re.compile(r"""([A-Za-z_]+-[\w-]+|[Aa]uthorization|[Cc]ookie)["']?\s*:\s*([^\s"',][^"'\r\n]*)""")
_OPTION = re.compile(r"--([A-Za-z][\w-]*)\s+([^\s-]\S*)")
_ELEMENT = re.compile(r"<([A-Za-z_][\w.:-]*)(?:\s[^<>]*)?>([^<>]+)</")
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*(.*?)\s*(?:-----END|$)", re.DOTALL)


def named_values(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield names, and where in the text their values start and end."""
    for pattern in _patterns(text):
        for match in pattern.finditer(text):
            group = next((at for at in range(2, pattern.groups + 1) if match[at]), 0)
            if group:
                # Elements may have a prefix that is no part of their name.
                yield match[1].rpartition(":")[2], match.start(group), match.end(group)


def key_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the lines of private keys in PEM stand."""
    for match in _PEM.finditer(text) if "PRIVATE KEY" in text else ():
        for line in re.finditer(r"\S{6,}", match[1].replace("\\n", "  ")):
            yield match.start(1) + line.start(), match.start(1) + line.end()


def _patterns(text: str) -> list[re.Pattern[str]]:
    patterns = []
    if "=" in text:
        patterns.append(_EQUALS)
    if ":" in text and ('"' in text or "'" in text):
        patterns.append(_COLON)
    if ": " in text:
        patterns.append(_HEADER)
    if "--" in text:
        patterns.append(_OPTION)
    if "</" in text:
        patterns.append(_ELEMENT)
    return patterns
