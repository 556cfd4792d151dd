"""Logins in a recording: which entry is one, and whose password it holds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson

from parity.config import Account, Login
from parity.values import Entry, Request, header

__all__ = ["account_secrets", "login_of"]


def login_of(request: Request, login: Login) -> tuple[str, str] | None:
    """Return name and password of a request to log in that names both; None for any other request.

    Without `login.path` every POST with these fields counts.
    """
    path = request.target.partition("?")[0].rstrip("/")
    if request.method.upper() != "POST" or (login.path and path != login.path.rstrip("/")):
        return None
    fields = _fields(request)
    name = next((fields[key] for key in login.names if isinstance(fields.get(key), str) and fields[key]), None)
    password = fields.get(login.password)
    return (name, password) if name and isinstance(password, str) and password else None


def account_secrets(
    entries: Iterable[Entry], login: Login, accounts: Sequence[Account], environ: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return variable -> password as it stands in the first successful login of each account, and a note where none is."""
    wanted = {account.username or environ.get(account.username_env, ""): account for account in accounts}
    found: dict[str, str] = {}
    for entry in entries if wanted else ():
        if entry.answer is not None and not 200 <= entry.answer.status < 300:
            continue
        name, password = login_of(entry.request, login) or ("", "")
        account = wanted.get(name)
        if account and password:
            found.setdefault(account.password_env, password)
    missing = [
        f'no successful login of "{name}": {account.password_env} stays as the configuration has it; if names and '
        "passwords stand in other fields, set names and password of [parity.login]"
        if name
        else f"{account.username_env} is not set: nobody knows whose password {account.password_env} is"
        for name, account in wanted.items()
        if account.password_env not in found
    ]
    return found, missing


def _fields(request: Request) -> Mapping[str, Any]:
    if "x-www-form-urlencoded" in (header(request.headers, "content-type") or ""):
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        document = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}
