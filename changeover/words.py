"""Durations as people say them, and what people say as one line."""

__all__ = ["duration", "one_line"]

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def duration(seconds: float) -> str:
    """Return the two largest units, such as "2 days 3 hours"; below one second "0 seconds"."""
    left = int(abs(seconds))
    parts = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "0 seconds"


def one_line(text: str) -> str:
    """Return the text as one line without what a terminal would obey, or cannot show."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
