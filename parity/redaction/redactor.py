"""Redaction of whole entries before they are written, and of a finished file for what was learned later."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from parity.recording import Header, rewrite
from parity.redaction.exchange import Exchange, decoded_body, read_text, with_length
from parity.redaction.names import Names
from parity.redaction.pseudonyms import Pseudonyms, key_id
from parity.redaction.texts import Texts
from parity.values import Answer, Entry, Headers, Request

__all__ = ["POLICY", "Redactor"]

POLICY = "keyed-pseudonyms/1"
# Parts of the `_parity` block whose names are token numbers, not names of secrets.
_ABOUT_TOKENS = ("tokens", "tokens_from")


class Redactor:
    """Replaces secrets of entries; the same secret has the same pseudonym in every entry and, with one key, everywhere.

    One redactor belongs to one recording, as tokens are numbered in it.
    """

    def __init__(
        self, key: bytes, secret_names: Sequence[str] = (), *, public: Sequence[str] = (), emails: bool = False
    ) -> None:
        self._key_id = key_id(key)
        self._emails = emails
        self._pseudonyms = Pseudonyms(key)
        self._texts = Texts(Names(secret_names, public), self._pseudonyms, emails=emails)
        self._exchange = Exchange(self._texts)

    @property
    def policy(self) -> dict[str, Any]:
        """Return what the header of a recording says about its redaction."""
        names = sorted(self._texts.names.given)
        return {"policy": POLICY, "key_id": self._key_id, "names": names, "emails": self._emails}

    def pseudonym(self, value: str) -> str:
        """Return what stands for a value that is secret."""
        return self._pseudonyms.of(value)

    def reserve(self, text: str) -> None:
        """Keep the numbers of tokens that a text holds blanked already."""
        self._texts.tokens.reserve(text)

    def entry(self, entry: Entry) -> Entry:
        """Return the entry as it may be written: bodies without content coding, secrets replaced, tokens blanked."""
        self._texts.begin()
        request, request_meta = self._request(entry.request)
        answer, answer_meta = self._answer(entry.answer)
        meta = {**self._meta(entry.meta), **request_meta, **answer_meta}
        if fresh := self._texts.tokens.take_fresh():
            meta["tokens"] = {**meta.get("tokens", {}), **self._claims(fresh, entry)}
        return self.again(replace(entry, request=request, answer=answer, meta=meta))

    def again(self, entry: Entry) -> Entry:
        """Return a redacted entry with the secrets replaced that were learned since."""
        text = self._texts.again
        request, answer = entry.request, entry.answer
        body = self._body_again(request.headers, request.body)
        request = replace(
            request,
            target=text(request.target),
            headers=with_length(self._headers_again(request.headers), len(request.body), len(body)),
            body=body,
        )
        if answer:
            body = self._body_again(answer.headers, answer.body)
            headers = with_length(self._headers_again(answer.headers), len(answer.body), len(body))
            answer = replace(answer, headers=headers, body=body, error=text(answer.error))
        meta = self._meta_again(entry.meta) if entry.meta else entry.meta
        return replace(entry, session=text(entry.session), request=request, answer=answer, meta=meta)

    def finish(self, path: Path, header: Header | None = None) -> Header:
        """Rewrite a finished recording at once, with secrets replaced that were learned after they were written."""
        return rewrite(path, header, self.again)

    def _request(self, request: Request) -> tuple[Request, dict[str, Any]]:
        headers, plain, coding = decoded_body(request.headers, request.body)
        meta: dict[str, Any] = {"request_coding": coding} if coding and request.body else {}
        if plain is None:
            plain, meta = b"", {"request_body": "missing"}
        body = self._exchange.body(headers, plain)
        headers = with_length(self._exchange.headers(headers), len(request.body), len(body))
        return Request(request.method, self._exchange.target(request.target), headers, body), meta

    def _answer(self, answer: Answer | None) -> tuple[Answer | None, dict[str, Any]]:
        if answer is None:
            return None, {}
        headers, plain, _ = decoded_body(answer.headers, answer.body)
        meta = {"answer_body": "missing"} if plain is None else {}
        body = self._exchange.body(headers, plain or b"", error=answer.status >= 400)
        headers = with_length(self._exchange.headers(headers), len(answer.body), len(body))
        return replace(answer, headers=headers, body=body, error=self._texts.text(answer.error)), meta

    def _meta(self, meta: Mapping[str, Any]) -> dict[str, Any]:
        about = {name: meta[name] for name in _ABOUT_TOKENS if name in meta}
        rest = {name: value for name, value in meta.items() if name not in about}
        return {**(_through(self._texts.json, rest) if rest else {}), **about}

    def _meta_again(self, meta: Mapping[str, Any]) -> Mapping[str, Any]:
        return _through(self._texts.json_again, meta)

    def _claims(self, fresh: Mapping[str, Mapping[str, Any]], entry: Entry) -> dict[str, Any]:
        """Return claims per token, and whether it was good: not expired when it was used, and not refused."""
        presented = any(name.lower() == "authorization" for name, _ in entry.request.headers)
        refused = presented and entry.answer is not None and entry.answer.status == 401
        told = {}
        for name, claims in fresh.items():
            expired = _is_past(claims.get("exp"), entry.started)
            told[name] = {**_through(self._texts.json, claims), "valid": not expired and not refused}
        return told

    def _headers_again(self, headers: Headers) -> Headers:
        return tuple((name, self._texts.again(value)) for name, value in headers)

    def _body_again(self, headers: Headers, body: bytes) -> bytes:
        if not body:
            return body
        media = next((value for name, value in headers if name.lower() == "content-type"), "")
        text, charset = read_text(body, media.lower())
        changed = self._texts.again(text)
        return body if changed is text else changed.encode(charset)


def _through(change: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    text = orjson.dumps(value, default=dict).decode("utf-8")
    changed = change(text)
    return dict(value) if changed is None or changed == text else orjson.loads(changed)


def _is_past(seconds: Any, started: str) -> bool:
    if not isinstance(seconds, int | float):
        return False
    try:
        then = datetime.fromisoformat(started)
    except ValueError:
        then = datetime.now(UTC)
    return seconds <= (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
