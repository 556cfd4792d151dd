"""The one clock of a process. It can be moved, so that a replay or a rehearsal runs at another time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

__all__ = ["Clock"]


@dataclass(frozen=True)
class Clock:
    """The system clock moved by `offset_s` seconds."""

    offset_s: float = 0

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_s)

    def today(self, zone: ZoneInfo) -> date:
        """Return the current local date in `zone`."""
        return self.now().astimezone(zone).date()
