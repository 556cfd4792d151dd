"""The rule of the ledger that would accept a group, as text to paste. Whether to accept it is for people to decide."""

import json
from datetime import date

from parity.report.value import Group

__all__ = ["suggested_rule"]


def suggested_rule(group: Group, expires: date) -> str:
    """Return an `[[accept]]` table in TOML. Reason and owner are empty, and a ledger with them empty is refused."""
    facts = {
        "route": f"{group.method} {group.route}",
        "where": group.where,
        "axis": group.axis,
        "path": group.path,
        "from": group.left_kind,
        "to": group.right_kind,
        "reason": "",
        "owner": "",
    }
    lines = [f"{key} = {_text(value)}" for key, value in facts.items()]
    return "\n".join(["[[accept]]", *lines, f"expires = {expires.isoformat()}"]) + "\n"


def _text(value: str) -> str:
    """Return a TOML string. It is written like one of JSON, but DEL is escaped and half a surrogate pair has no place."""
    whole = value.encode("utf-8", "replace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")
