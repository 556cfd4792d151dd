"""The two questions of the cron editor: is this expression fine, and when would it fire?"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from shared_rules import wire
from shared_rules.cron import InvalidCron, describe, next_fires
from shared_rules.errors import InvalidPayload
from shared_rules.fields import Fields
from shared_rules.job_fields import read_cron

__all__ = ["preview", "validate"]

_DEFAULT_COUNT, _MAX_COUNT = 5, 20


def validate(body: Fields) -> dict[str, Any]:
    """Return `{"valid": true, ...}` exactly if a job with this expression can be saved, else why not; never raise."""
    try:
        expression = _read_expression(body)
    except (InvalidCron, InvalidPayload) as refusal:
        return {"valid": False, "error": "Invalid cron expression", "message": refusal.message}
    return {
        "valid": True,
        "message": "Valid cron expression",
        "cron_expression": expression,
        "description": describe(expression),
    }


def preview(body: Fields, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """Return the next fires after `now` in `zone`, at most 20; none for a count below 1."""
    expression = _read_expression(body)
    asked = body.integer("count")
    count = min(_DEFAULT_COUNT if asked is None else asked, _MAX_COUNT)
    runs = [wire.local_instant(fire, zone) for fire in next_fires(expression, zone, now, count)]
    return {"cron_expression": expression, "timezone": zone.key, "next_runs": runs, "count": len(runs)}


def _read_expression(body: Fields) -> str:
    return read_cron(body, "expression", "cron_expression")
