"""No secret reaches the disk, and what was equal stays equal."""

import base64
import gzip
import json
import random
import stat
import string
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.recording import Header, Writer, read
from parity.redaction import Redactor, key_id, load_key, scan
from parity.redaction.known import Known, through_percent
from parity.redaction.known import apply as apply_edits
from parity.redaction.names import Names
from parity.redaction.pseudonyms import Pseudonyms
from parity.values import Answer, Entry, Headers, ParityError, Request

KEY = b"k" * 32
PARTS_OF_NAMES = {
    "password", "passwd", "secret", "token", "api", "key", "private", "access", "session", "id", "webhook", "url", "hook", "uri",
    "pin", "otp", "sid", "pass", "phrase", "code", "word", "jwt", "my", "user", "count", "type", "credential", "credentials",
    "tokens", "keys", "authorization", "cookie", "csrf", "bearer", "pwd", "magic", "has", "new", "value", "master", "web",
}  # fmt: skip
JSON: Headers = (("content-type", "application/json"),)
FORM: Headers = (("content-type", "application/x-www-form-urlencoded"),)


def redactor(*names: str, **options: Any) -> Redactor:
    return Redactor(KEY, names, **options)


def entry(
    target: str = "/x",
    headers: Headers = (),
    body: bytes = b"",
    answer: Answer | None = None,
    number: int = 1,
    **more: Any,
) -> Entry:
    return Entry(f"e{number}", number, "s", Request("POST", target, headers, body), answer, **more)


def posted(body: Any, answer: Any = None, status: int = 200, **more: Any) -> Entry:
    answered = Answer(status, JSON, json.dumps(answer).encode()) if answer is not None else None
    return entry(headers=JSON, body=json.dumps(body).encode(), answer=answered, **more)


def redacted(value: Any, *names: str, **options: Any) -> Any:
    return json.loads(redactor(*names, **options).entry(posted(value)).request.body)


def token(**claims: Any) -> str:
    return jwt.encode(claims, "s" * 32, algorithm="HS256")


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Passwd",
        "passWord",
        "new_password",
        "passwordConfirm",
        "password2",
        "user[password]",
        "secret",
        "clientSecret",
        "access_token",
        "refreshToken",
        "tokens[]",
        "api_key",
        "apiKey",
        "APIKey",
        "x-api-key",
        "X-Auth-Token",
        "private_key",
        "aws_secret_access_key",
        "credential",
        "ssh_key",
        "csrf_token",
        "jwt",
        "pin",
        "otp",
        "db_password",
        "DB-PASSWORD",
        "token_value",
        "password_hash",
        "secretkey",
        "authToken",
        "id_token",
        "session_id_token",
        "pwd",
        "passphrase",
    ],
)
def test_a_name_that_stands_for_a_secret_is_known(name: str) -> None:
    assert Names().secrecy(name)


@pytest.mark.parametrize(
    "name",
    [
        "username",
        "token_type",
        "tokenType",
        "password_changed_at",
        "has_password",
        "max_tokens",
        "total_tokens",
        "name",
        "key",
        "id",
        "primary_key",
        "public_key",
        "passenger",
        "secretary",
        "tokenizer",
        "compass",
        "monkey",
        "spin",
        "pinned",
        "expires_in",
        "token_url",
        "description",
        "status",
        "email",
        "author",
        "path",
        "code",
        "password_required",
        "api_key_id",
        "keyboard",
        "author_id",
        "bypass_cache",
    ],
)
def test_a_name_that_stands_for_none_is_left(name: str) -> None:
    assert not Names().secrecy(name)


@settings(max_examples=300, deadline=None)
@given(
    words=st.lists(st.sampled_from(sorted(PARTS_OF_NAMES)), min_size=1, max_size=3),
    join=st.sampled_from(["_", "-", "", "camel", " "]),
)
def test_a_text_with_a_secret_name_is_never_passed_over(words: list[str], join: str) -> None:
    name = words[0] + "".join(map(str.title, words[1:])) if join == "camel" else join.join(words)
    names = Names(["magic_word"])

    if names.secrecy(name):
        assert names.may_stand_in(json.dumps({"a": 1, name: "x"}))


@pytest.mark.parametrize("name", ["magicWord", "magic_word", "MAGIC-WORD", "magicword"])
def test_a_given_name_is_known_in_any_spelling(name: str) -> None:
    assert redacted({name: "abracadabra"}, "magic_word")[name] != "abracadabra"


# --- pseudonyms ----------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(value=st.text(min_size=1, max_size=40))
def test_a_pseudonym_has_the_length_and_shape_of_its_value(value: str) -> None:
    pseudonym = Pseudonyms(KEY).of(value)

    assert len(value) == len(pseudonym)
    assert len(value.encode("utf-8", "surrogatepass")) == len(pseudonym.encode("utf-8", "surrogatepass"))
    for one, other in zip(value, pseudonym, strict=True):
        for letters in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
            assert (one in letters) == (other in letters)


@pytest.mark.parametrize("value", ["admin123", "Zz9", "パスワード", "!!??", "a", "7", "100000", "Пароль"])
def test_a_pseudonym_differs_from_its_value_and_stays_the_same(value: str) -> None:
    assert Pseudonyms(KEY).of(value) != value
    assert Pseudonyms(KEY).of(value) == Pseudonyms(KEY).of(value)
    assert Pseudonyms(KEY).of(value + "x" * 12) != Pseudonyms(b"j" * 32).of(value + "x" * 12)


def test_different_values_have_different_pseudonyms() -> None:
    made = {Pseudonyms(KEY).of(f"password-{number}") for number in range(2000)}

    assert len(made) == 2000


@pytest.mark.parametrize("value", ["", " ", "<jwt-3>", "********", "undefined"])
def test_what_only_stands_where_a_secret_would_be_is_left(value: str) -> None:
    assert redacted({"token": value}) == {"token": value}


# --- places --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"password": None}, None),
        ({"password": True}, True),
        ({"password": ""}, ""),
        ({"password": {}}, {}),
    ],
    ids=["null", "true", "empty", "an object"],
)
def test_a_value_that_holds_no_secret_stays(value: Any, kept: Any) -> None:
    assert redacted(value)["password"] == kept


@pytest.mark.parametrize("number", [7, 1234, 1000000, 12.5, -90210])
def test_a_secret_number_stays_a_number_of_its_length(number: float) -> None:
    there = redacted({"pin": number})["pin"]

    assert type(there) is type(number)
    assert there != number
    assert len(str(number)) == len(str(there))


def test_a_number_and_its_text_have_one_pseudonym() -> None:
    there = redacted({"pin": 483920, "message": "Your code is 483920."})

    assert there["message"] == f"Your code is {there['pin']}."


def test_spacing_order_duplicate_keys_and_spelling_of_the_rest_stay() -> None:
    body = b'{ "b":1.0,\t"a" : "\\u00e9\\/", "password" : "hunter22",\n"b": 1e5,"n":123456789012345678901234567890 }'

    there = redactor().entry(entry(headers=JSON, body=body)).request.body

    start, secret = body.index(b"hunter22"), len(b"hunter22")
    assert there[:start] == body[:start]
    assert there[start + secret :] == body[start + secret :]
    assert b"hunter22" not in there


SECRET = "S3cret/Wörd+1 x"
PLAIN = "kQ7-reset-9fJx2"


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()


PLACES: dict[str, Callable[[str], Entry]] = {
    "bearer": lambda s: entry(headers=(("authorization", f"Bearer {s}"),)),
    "no scheme": lambda s: entry(headers=(("Authorization", s),)),
    "another scheme": lambda s: entry(headers=(("authorization", f"ApiKey {s}"),)),
    "proxy": lambda s: entry(headers=(("proxy-authorization", f"Bearer {s}"),)),
    "basic": lambda s: entry(headers=(("authorization", basic(s)),)),
    "digest": lambda s: entry(headers=(("authorization", f'Digest username="a", response="{s}"'),)),
    "cookie": lambda s: entry(headers=(("cookie", f"lang=en; session={s}"),)),
    "set-cookie": lambda s: entry(answer=Answer(200, (("set-cookie", f"sid={s}; Path=/; HttpOnly"),))),
    "header": lambda s: entry(headers=(("X-Api-Key", s),)),
    "query": lambda s: entry(f"/x?a=1&api_key={quote(s, safe='')}&b=2"),
    "query in capitals": lambda s: entry(f"/x?API-KEY={quote_plus(s)}"),
    "signed query": lambda s: entry(f"/x?X-Amz-Signature={quote_plus(s)}"),
    "json": lambda s: posted({"a": [{"deep": {"client_secret": s}}]}),
    "list": lambda s: posted({"api_keys": [s, s]}),
    "map of secrets": lambda s: posted({"secrets": {"DATABASE": s}}),
    "name and value": lambda s: posted([{"name": "API_TOKEN", "value": s}, {"value": s, "key": "password"}]),
    "json in a string": lambda s: posted({"metadata": json.dumps({"password": s})}),
    "json in json in a string": lambda s: posted({"m": json.dumps({"m": json.dumps({"password": s})})}),
    "json in base64": lambda s: posted({"m": base64.b64encode(json.dumps({"password": s}).encode()).decode()}),
    "json lines": lambda s: entry(
        headers=JSON, body=(json.dumps({"a": 1}) + "\n" + json.dumps({"password": s})).encode()
    ),
    "broken json": lambda s: entry(headers=JSON, body=json.dumps({"password": s}, ensure_ascii=False).encode()[:-1]),
    "cut json": lambda s: entry(headers=JSON, body=json.dumps({"password": s}, ensure_ascii=False).encode()[:-2]),
    "escaped json": lambda s: entry(
        headers=JSON, body=('{"p\\u0061ssword":"' + "".join(f"\\u{ord(c):04x}" for c in s) + '"}').encode()
    ),
    "form": lambda s: entry(headers=FORM, body=f"user=a&password={quote_plus(s)}&b=".encode()),
    "multipart": lambda s: entry(
        headers=(("content-type", "multipart/form-data; boundary=XX"),),
        body=f'--XX\r\nContent-Disposition: form-data; name="password"\r\n\r\n{s}\r\n--XX--\r\n'.encode(),
    ),
    "json in multipart": lambda s: entry(
        headers=(("content-type", 'multipart/form-data; boundary="X Y"'),),
        body=b'--X Y\r\nContent-Disposition: form-data; name="f"\r\n\r\n'
        + json.dumps({"token": s}).encode()
        + b"\r\n--X Y--",
    ),
    "user in a url": lambda s: posted({"repository": f"https://bob:{quote(s, safe='')}@git.example/x"}),
    "token as user": lambda s: posted({"repository": f"clone https://{quote(s, safe='')}@git.example/x now"}),
    "webhook url": lambda s: posted({"webhook_url": f"https://hooks.example/services/T0/{quote(s, safe='')}"}),
    "url in a text": lambda s: posted({"message": f"see https://x.example/?access_token={quote(s, safe='')}&a=1"}),
    "url in a query": lambda s: entry(
        "/x?next=" + quote(f"https://x.example/?access_token={quote(s, safe='')}", safe="")
    ),
    "location": lambda s: entry(answer=Answer(302, (("location", f"/cb?token={quote_plus(s)}"),))),
    "command line": lambda s: posted({"command": f'tool --password="{s}" -v'}),
    "xml": lambda s: entry(headers=(("content-type", "text/xml"),), body=f"<a><Password>{s}</Password></a>".encode()),
    "effects": lambda s: entry(meta={"effects": [{"headers": {"Authorization": f"Bearer {s}"}}]}),
    "gzip": lambda s: entry(
        headers=(*JSON, ("content-encoding", "gzip")), body=gzip.compress(json.dumps({"password": s}).encode())
    ),
}


def on_disk(tmp_path: Path, entries: Iterable[Entry], *names: str, name: str = "r.jsonl", **options: Any) -> Path:
    """Return a recording of the entries, redacted as a recorder does it."""
    path, keeper = tmp_path / name, redactor(*names, **options)
    with Writer(path, Header(redaction=keeper.policy)) as writer:
        for one in entries:
            writer.write(keeper.entry(one))
    keeper.finish(path)
    return path


@pytest.mark.parametrize("secret", [SECRET, PLAIN], ids=["marks and blanks", "plain"])
@pytest.mark.parametrize("place", PLACES)
def test_a_secret_in_its_place_is_not_written(tmp_path: Path, place: str, secret: str) -> None:
    raw = PLACES[place](secret)
    before = tmp_path / "before.jsonl"
    with Writer(before, Header()) as writer:
        writer.write(raw)

    if "cut" not in place or '"' not in secret:
        assert scan(before, [secret]), "the scan does not see what was planted"
    assert not scan(on_disk(tmp_path, [raw]), [secret])


ECHOES: dict[str, Callable[[str], Entry]] = {
    "text": lambda s: posted({"note": f"it was {s}, he said"}),
    "plain body": lambda s: entry(headers=(("content-type", "text/plain"),), body=f"xx{s}yy".encode()),
    "key": lambda s: posted({s: 1}),
    "path": lambda s: entry(f"/reset/{quote(s, safe='')}/now"),
    "path, small letters": lambda s: entry(f"/reset/{''.join(f'%{o:02x}' for o in s.encode())}"),
    "query": lambda s: entry(f"/x?q=a+{quote_plus(s)}"),
    "header": lambda s: entry(headers=(("x-note", quote(s)),)),
    "base64": lambda s: posted({"a": base64.b64encode(s.encode()).decode()}),
    "base64 inside, one before": lambda s: posted({"a": base64.b64encode(b"1" + s.encode() + b"1").decode()}),
    "base64 inside, two before": lambda s: posted({"a": base64.b64encode(b"12" + s.encode() + b"12").decode()}),
    "urlsafe base64 in a text": lambda s: posted(
        {"a": f"x={base64.urlsafe_b64encode(b'??>' + s.encode() + b'??>').decode()};"}
    ),
    "base64 after letters": lambda s: posted({"a": "abc" + base64.b64encode(b"--" + s.encode() + b"--").decode()}),
    "base64 in a path": lambda s: entry("/b/" + base64.urlsafe_b64encode(s.encode()).decode()),
    "base64 in percent": lambda s: entry("/b?q=" + quote(base64.b64encode(b">>>" + s.encode()).decode(), safe="")),
    "binary body": lambda s: entry(
        headers=(("content-type", "image/png"),), body=b"\xff\xfe\x00" + s.encode() + b"\xff"
    ),
    "escapes": lambda s: entry(headers=JSON, body=b'{"a":"' + "".join(f"\\u{ord(c):04x}" for c in s).encode() + b'"}'),
    "basic": lambda s: entry(headers=(("x-upstream", basic(s)),)),
    "answer": lambda s: entry(answer=Answer(400, JSON, json.dumps({"error": f"bad value {s}"}).encode())),
    "broken answer": lambda s: entry(answer=Answer(0, error=f"cannot connect with {s}")),
    "meta": lambda s: entry(meta={"effects": [{"body": f"token {s}"}]}),
    "json in a string": lambda s: posted({"a": json.dumps({"b": [s]})}),
}


@pytest.mark.parametrize("order", ["later", "earlier"])
@pytest.mark.parametrize("secret", ["Wörd+1 xyz/9", PLAIN], ids=["marks and blanks", "plain"])
@pytest.mark.parametrize("echo", ECHOES)
def test_a_secret_is_replaced_wherever_else_it_stands(tmp_path: Path, echo: str, secret: str, order: str) -> None:
    if echo == "binary body" and not secret.isascii():
        pytest.skip("bytes that are no text hold no letters beyond ASCII")
    raw = ECHOES[echo](secret)
    with Writer(tmp_path / "before.jsonl", Header()) as writer:
        writer.write(raw)
    pair = [posted({"password": secret}), raw]
    path = on_disk(tmp_path, pair if order == "later" else pair[::-1])

    assert scan(tmp_path / "before.jsonl", [secret]), "the scan does not see what was planted"
    assert not scan(path, [secret])


def test_in_base64_the_echo_is_the_same_pseudonym(tmp_path: Path) -> None:
    path = on_disk(tmp_path, [posted({"password": PLAIN, "copy": base64.b64encode(f"a:{PLAIN}".encode()).decode()})])

    there = json.loads(next(read(path)[1]).request.body)

    assert base64.b64decode(there["copy"]).decode() == f"a:{there['password']}"


# --- what stays equal ----------------------------------------------------------------------------------------------


def test_a_register_and_its_login_still_fit(tmp_path: Path) -> None:
    entries = [
        posted({"username": "bob", "password": PLAIN}),
        posted({"username": "bob", "password": PLAIN}),
        entry(headers=(("authorization", basic(PLAIN)),)),
        entry(headers=FORM, body=f"password={PLAIN}".encode()),
        posted({"username": "bob", "password": PLAIN + "x"}),
    ]
    there = list(read(on_disk(tmp_path, entries))[1])
    first, second, fifth = (json.loads(there[at].request.body) for at in (0, 1, 4))

    assert first == second
    assert first["username"] == "bob"
    assert fifth["password"] != first["password"]
    assert base64.b64decode(there[2].request.headers[0][1][6:]).decode() == f"admin:{first['password']}"
    assert there[3].request.body.decode() == f"password={first['password']}"


@pytest.mark.parametrize("secret", ["a", "ab1", "12345"])
def test_a_short_secret_is_replaced_in_its_own_leaf_only_and_keeps_its_length(secret: str) -> None:
    there = redacted({"password": secret, "note": f"{secret} {secret}"})

    assert len(secret) == len(there["password"])
    assert there["password"] != secret
    assert there["note"] == f"{secret} {secret}"


def test_a_short_secret_echoed_as_the_refused_input_is_replaced_alike() -> None:
    detail = {"detail": [{"loc": ["body", "password"], "input": "12345", "msg": "too short"}]}
    there = redactor().entry(posted({"password": "12345"}, detail, status=422))

    assert there.answer
    assert json.loads(there.answer.body)["detail"][0]["input"] == json.loads(there.request.body)["password"]


@pytest.mark.parametrize(
    "refusal",
    [
        {"errors": {"password": ["Password must be at least 6 characters"]}},
        {"password": ["required"]},
        {"password": "This field is required."},
        {"error": 'invalid "password": too short'},
    ],
    ids=["list", "word", "sentence", "quoted"],
)
def test_a_message_about_a_password_is_not_taken_for_one(refusal: Any) -> None:
    there = redactor().entry(posted({"username": "bob"}, refusal, status=400))

    assert there.answer
    assert json.loads(there.answer.body) == refusal


def test_a_document_about_passwords_is_left(tmp_path: Path) -> None:
    schema = {
        "properties": {"password": {"type": "string", "minLength": 8, "title": "Password"}},
        "token_type": "bearer",
    }

    assert redacted(schema) == schema


def test_a_webhook_url_keeps_scheme_host_and_shape() -> None:
    url = "https://hooks.slack.com/services/T0AB/B0/063117abc?thread=x9"
    there = redacted({"webhook_url": url, "again": url})

    assert there["webhook_url"].startswith("https://hooks.slack.com/services/")
    assert [len(part) for part in there["webhook_url"].split("/")] == [len(part) for part in url.split("/")]
    assert there["webhook_url"] != url
    assert there["again"] == there["webhook_url"]


def test_other_parameters_stay_as_they_were_sent() -> None:
    target = "/a%2fb/c?x=%41+b&token=abcdef123&&y&z=&q=%e3%81%82#"
    there = redactor().entry(entry(target)).request.target

    assert there.replace(dict(parse_qsl(urlsplit(there).query))["token"], "abcdef123") == target


def test_emails_are_replaced_only_where_asked() -> None:
    value = {"email": "bob.smith@example.com", "to": "<a@b.example>, bob.smith@example.com"}
    there = redacted(value, emails=True)

    assert redacted(value) == value
    assert there["email"].endswith("@example.com")
    assert there["email"] != value["email"]
    assert there["to"].endswith(there["email"])
    assert not redactor(emails=True).entry(entry("/x?e=bob.smith%40example.com")).request.target.count("bob")


# --- tokens --------------------------------------------------------------------------------------------------------


def test_a_token_is_numbered_once_and_its_claims_are_kept() -> None:
    keeper, one, other = redactor(), token(sub="7", role="boss", exp=4e9), token(sub="8")
    login = keeper.entry(posted({"username": "a"}, {"access_token": one, "refresh_token": other}))
    use = keeper.entry(entry(f"/x?token={one}", headers=(("authorization", f"Bearer {one}"),)))

    assert login.answer
    assert json.loads(login.answer.body) == {"access_token": "<jwt-1>", "refresh_token": "<jwt-2>"}
    assert login.meta["tokens"]["<jwt-1>"] == {"sub": "7", "role": "boss", "exp": 4e9, "valid": True}
    assert use.request.headers == (("authorization", "Bearer <jwt-1>"),)
    assert use.request.target == "/x?token=<jwt-1>"
    assert "tokens" not in use.meta


@pytest.mark.parametrize(
    ("claims", "status", "valid"),
    [({"exp": 4e9}, 200, True), ({"exp": 1e9}, 200, False), ({}, 401, False), ({}, 403, True)],
    ids=["good", "expired", "refused", "forbidden"],
)
def test_a_token_says_whether_it_was_good(claims: dict[str, Any], status: int, valid: bool) -> None:
    one = entry(
        headers=(("authorization", f"Bearer {token(**claims)}"),), answer=Answer(status), started="2026-01-01T00:00:00Z"
    )

    assert redactor().entry(one).meta["tokens"]["<jwt-1>"]["valid"] is valid


@pytest.mark.parametrize(
    "make",
    [
        lambda t: entry(f"/x/{t}"),
        lambda t: entry("/x?next=" + quote(f"https://a.example/?q={t}", safe="")),
        lambda t: entry(headers=(("cookie", f"session={t}"),)),
        lambda t: entry(headers=(("sec-websocket-protocol", f"bearer, {t}"),)),
        lambda t: posted({"a": f"text {t}."}),
        lambda t: posted({"a": json.dumps({"b": t})}),
        lambda t: posted({"a": base64.b64encode(f"u:{t}".encode()).decode()}),
        lambda t: posted({"a": base64.urlsafe_b64encode(f"x{t}".encode()).decode()}),
        lambda t: entry(headers=(("content-type", "text/plain"),), body=t.encode()),
        lambda t: entry(headers=(("authorization", "Basic " + base64.b64encode(f"u:{t}".encode()).decode()),)),
    ],
    ids=["path", "url in query", "cookie", "header", "text", "json", "base64", "urlsafe", "body", "basic"],
)
def test_a_token_anywhere_is_blanked(tmp_path: Path, make: Callable[[str], Entry]) -> None:
    one = token(sub="x", n=5)

    path = on_disk(tmp_path, [make(one)])

    assert not scan(path, [one, *one.split(".")[1:]])


def test_a_signed_cookie_that_looks_like_a_token_gets_a_pseudonym() -> None:
    cookie = "eyJfZnJlc2giOnRydWUsIl9pZCI6MX0.eyJhIjoxfQ.aGVsbG8-d29ybGQ"
    there = redactor().entry(entry(headers=(("cookie", f"session={cookie}"),))).request.headers[0][1]

    assert len(there) == len(f"session={cookie}")
    assert cookie not in there


def test_what_is_no_token_is_no_token() -> None:
    there = redactor().entry(entry(headers=(("authorization", "Bearer invalid_token_here"),)))

    assert "<jwt" not in there.request.headers[0][1]
    assert "tokens" not in there.meta


def test_numbers_that_stand_blanked_already_are_not_given_again() -> None:
    keeper = redactor()
    keeper.reserve('"<jwt-4>" <jwt-17>')

    there = keeper.entry(posted({"a": token(sub="1"), "b": "<jwt-4>"}))

    assert json.loads(there.request.body) == {"a": "<jwt-18>", "b": "<jwt-4>"}


def test_claims_are_redacted_too() -> None:
    there = redactor().entry(posted({"a": token(api_key=PLAIN, sub="x")}))

    assert PLAIN not in str(there.meta)


# --- bodies and lengths --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b'{"token": "%s"}', b"plain %s"], ids=["json", "text"])
def test_content_length_says_what_the_body_has(body: bytes) -> None:
    body = body.replace(b"%s", token(sub="1").encode())
    headers = (("content-length", str(len(body))),)
    there = redactor().entry(entry(headers=headers, body=body, answer=Answer(200, headers, body)))

    assert there.answer
    assert there.request.headers == (("content-length", str(len(there.request.body))),)
    assert there.answer.headers == (("content-length", str(len(there.answer.body))),)


def test_the_length_that_an_answer_to_head_names_stays() -> None:
    there = redactor().entry(entry(answer=Answer(200, (("content-length", "120"),))))

    assert there.answer
    assert there.answer.headers == (("content-length", "120"),)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "x-gzip"])
def test_a_coded_body_is_decoded(coding: str) -> None:
    import zlib

    raw = json.dumps({"password": PLAIN, "a": 1}).encode()
    body = zlib.compress(raw) if coding == "deflate" else gzip.compress(raw)
    headers = (*JSON, ("content-encoding", coding), ("content-length", str(len(body))))
    there = redactor().entry(entry(headers=headers, body=body, answer=Answer(200, headers, body)))

    assert there.answer
    assert json.loads(there.answer.body)["a"] == 1
    assert dict(there.answer.headers) == {"content-type": "application/json", "content-length": str(len(raw))}
    assert there.meta == {"request_coding": coding}


def test_a_body_that_was_decoded_already_stays() -> None:
    there = redactor().entry(entry(answer=Answer(200, (*JSON, ("content-encoding", "gzip")), b'{"a": 1}')))

    assert there.answer
    assert there.answer.body == b'{"a": 1}'


def test_a_body_whose_coding_cannot_be_undone_is_not_written() -> None:
    there = redactor().entry(
        entry(answer=Answer(200, (*JSON, ("content-encoding", "br")), b"\x8b\x02\x80hunter2hunter2\x03\xff"))
    )

    assert there.answer
    assert there.answer.body == b""
    assert there.meta == {"answer_body": "missing"}


def test_a_multipart_body_keeps_its_frame() -> None:
    body = (
        b'--XX\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter22\r\n'
        b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n\x00\xff\r\n--XX--\r\n'
    )
    there = (
        redactor().entry(entry(headers=(("content-type", "multipart/form-data; boundary=XX"),), body=body)).request.body
    )

    assert len(body) == len(there)
    assert there.split(b"\r\n")[4:] == body.split(b"\r\n")[4:]
    assert b"hunter22" not in there


# --- the pieces ----------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    secrets=st.lists(
        st.text(string.ascii_letters + string.digits + "+/é ", min_size=6, max_size=30), min_size=1, max_size=5
    ),
    text=st.lists(st.one_of(st.integers(0, 4), st.text(string.ascii_letters + " /=", max_size=8)), max_size=6),
    wrap=st.sampled_from(["plain", "base64", "urlsafe", "percent"]),
)
def test_known_secrets_are_found_wherever_they_stand(secrets: list[str], text: list[int | str], wrap: str) -> None:
    known, pseudonyms = Known(), Pseudonyms(KEY)
    for secret in secrets:
        known.add(secret, pseudonyms.of(secret))
    whole = "".join(part if isinstance(part, str) else secrets[part % len(secrets)] for part in text)
    wrapped = {
        "plain": lambda: whole,
        "base64": lambda: base64.b64encode(whole.encode()).decode(),
        "urlsafe": lambda: base64.urlsafe_b64encode(whole.encode()).decode(),
        "percent": lambda: quote(whole),
    }[wrap]()

    changed = apply_edits(wrapped, known.edits(wrapped) + through_percent(wrapped, known.edits))

    assert len(wrapped) == len(changed)
    if any(known.stands_for(s) and s in whole for s in secrets) and not any(s.isdigit() for s in secrets):
        assert changed != wrapped


def test_many_secrets_cost_little_more_than_few() -> None:
    known, pseudonyms, rng = Known(), Pseudonyms(KEY), random.Random(7)
    for _ in range(5_000):
        secret = "".join(rng.choices(string.ascii_letters + string.digits, k=24))
        known.add(secret, pseudonyms.of(secret))
    text = " ".join("".join(rng.choices(string.ascii_lowercase, k=7)) for _ in range(300))
    began = time.process_time()
    for _ in range(100):
        known.edits(text)

    assert (time.process_time() - began) / 100 < 0.003


# --- key and scan --------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    key = load_key(tmp_path / "var")

    assert key == load_key(tmp_path / "var")
    assert stat.S_IMODE(next((tmp_path / "var").iterdir()).stat().st_mode) == 0o600
    assert len(key) == 32
    assert key.hex() not in key_id(key)


@pytest.mark.parametrize("content", ["", "xyz", "abcd"], ids=["empty", "no hex", "short"])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "redaction.key").write_text(content)

    with pytest.raises(ParityError, match=r"redaction\.key: holds no key"):
        load_key(tmp_path)


def test_the_recording_names_the_key_and_does_not_hold_it(tmp_path: Path) -> None:
    path = on_disk(tmp_path, [posted({"password": PLAIN})])

    assert read(path)[0].redaction["key_id"] == key_id(KEY)
    assert not scan(path, [KEY.decode(), KEY.hex()])


def test_the_scan_names_line_and_encoding(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    hidden = base64.b64encode(quote("xx Geheim!! yy").encode()).decode()
    path.write_bytes(gzip.compress(f'{{"a": 1}}\n{{"b": "{hidden}"}}\n'.encode()))

    (found,) = scan(path, ["Geheim!!", "anderes"])

    assert (found.secret, found.line, found.through) == ("Geheim!!", 2, ("base64", "percent"))


def test_none_of_many_planted_secrets_is_on_disk(tmp_path: Path) -> None:
    """Each secret goes into one named place, and into an echo somewhere before or after it."""
    rng, entries, secrets = random.Random(3), [], []
    makers, echoes = list(PLACES.values()), [name for name in ECHOES if name != "binary body"]
    for number in range(520):
        alphabet = string.ascii_letters + string.digits + ("-._~" if number % 3 else "+/ &é!")
        secret = rng.choice(string.ascii_letters) + "".join(rng.choices(alphabet, k=rng.randint(8, 30))) + "9"
        secrets.append(secret)
        entries += [makers[number % len(makers)](secret), ECHOES[rng.choice(echoes)](secret)]
    rng.shuffle(entries)

    path = on_disk(tmp_path, entries, name="after.jsonl.gz")

    assert scan(path, secrets) == []
    assert len(list(read(path)[1])) == len(entries) >= 1000


def test_a_name_that_is_said_to_be_public_keeps_its_value() -> None:
    entry = Entry("1", 1, "s", Request("GET", "/x", (("X-Api-Key", "key-of-a-test-client-1"),)))

    assert Redactor(b"k" * 32).entry(entry).request.headers != entry.request.headers
    assert Redactor(b"k" * 32, public=["x_api_key"]).entry(entry).request.headers == entry.request.headers


def test_a_session_given_in_a_header_is_a_secret() -> None:
    secret = "kzKzlHThIzuUaCyfKytuW52XRbM9PPl7"
    entry = Entry("1", 1, "s", Request("GET", "/x", (("X-Session", secret),)), Answer(200, (("x-session", secret),)))

    redacted = Redactor(b"k" * 32).entry(entry)

    assert redacted.answer is not None
    assert secret not in str(redacted)
    assert redacted.request.headers[0][1] == redacted.answer.headers[0][1]
