"""Cases: bearer tokens. Which ones are let in, which are not, and that the user's row decides, not the claims."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from sqlalchemy import delete

from shared_models import RevokedToken, User
from shared_models.engine import WRITES
from tests.contract import world
from tests.contract.api import Answer, Api

Header = Callable[[Api], str | None]

MISSING = {"error": "Missing token", "message": "Send the header Authorization: Bearer <token>."}
INVALID = {"error": "Invalid token", "message": "The token is not valid."}
EXPIRED = {"error": "Token has expired", "message": "Log in again or refresh the token."}
NEEDS_ACCESS = {"error": "Wrong token type", "message": "This endpoint needs an access token."}
NEEDS_REFRESH = {"error": "Wrong token type", "message": "This endpoint needs a refresh token."}
REVOKED = {"error": "Token revoked", "message": "Log in again."}
GONE = {"error": "User not found or inactive"}

VERIFIED = {
    "valid": True,
    "user_id": world.user_id("user"),
    "username": "user",
    "role": "user",
    "message": "Token is valid",
}


def bearer(**claims: Any) -> Header:
    """Return what makes the header of a well-signed token of `user`, some claims replaced, those of ... left out.

    A claim may be a function, for times: cases are collected long before they run.
    """
    return lambda api: (
        f"Bearer {api.token('user', **{name: claim() if callable(claim) else claim for name, claim in claims.items()})}"
    )


def text(header: str | None) -> Header:
    return lambda _api: header


def payload_of(api: Api, **claims: Any) -> dict[str, Any]:
    payload: dict[str, Any] = jwt.decode(api.token("user", **claims), options={"verify_signature": False})
    return payload


def signed(*, secret: str | None = None, **header: Any) -> Header:
    """Return the same with another secret or more in its header."""

    def made(api: Api) -> str:
        key = api.stack.settings.jwt_secret_key if secret is None else secret
        return f"Bearer {jwt.encode(payload_of(api), key, algorithm='HS256', headers=header)}"

    return made


def part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def forged(header: Any, *, payload: bytes | None = None, digest: str | None = "sha256") -> Header:
    """Return a token put together by hand, with an HMAC of the real secret or, without digest, no signature."""

    def made(api: Api) -> str:
        head = header if isinstance(header, bytes) else json.dumps(header).encode()
        body = json.dumps(payload_of(api)).encode() if payload is None else payload
        signing = f"{part(head)}.{part(body)}"
        secret = api.stack.settings.jwt_secret_key.encode()
        mac = hmac.digest(secret, signing.encode(), digest) if digest else b""
        return f"Bearer {signing}.{part(mac)}"

    return made


def altered(change: Callable[[list[str]], list[str]]) -> Header:
    """Return a good token whose three parts were changed."""
    return lambda api: "Bearer " + ".".join(change(api.token("user").split(".")))


def swap_subject(parts: list[str]) -> list[str]:
    payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
    return [parts[0], part(json.dumps(payload | {"sub": world.user_id("admin")}).encode()), parts[2]]


def ahead(**period: float) -> Callable[[], float]:
    def moment() -> float:
        return (datetime.now(UTC) + timedelta(**period)).timestamp()

    return moment


def ago(**period: float) -> Callable[[], float]:
    return ahead(**{unit: -count for unit, count in period.items()})


HS256 = {"alg": "HS256", "typ": "JWT"}

NOT_SENT: dict[str, Header] = {
    "no header": text(None),
    "an empty header": text(""),
    "the scheme alone": text("Bearer"),
    "the scheme and blanks": text("Bearer   "),
    "the token alone": lambda api: api.token("user"),
    "no blank after the scheme": lambda api: f"Bearer{api.token('user')}",
    "a colon after the scheme": lambda api: f"Bearer: {api.token('user')}",
    "the scheme Basic": lambda api: f"Basic {api.token('user')}",
    "the scheme JWT": lambda api: f"JWT {api.token('user')}",
    "user and password": text("Basic YWRtaW46YWRtaW4="),
}
NOT_VALID: dict[str, Header] = {
    "one word": text("Bearer abc"),
    "three words": text("Bearer a.b.c"),
    "only dots": text("Bearer .."),
    "the words null": text("Bearer null"),
    "the word undefined": text("Bearer undefined"),
    "two tokens": lambda api: f"Bearer {api.token('user')} {api.token('user')}",
    "quotes around": lambda api: f'Bearer "{api.token("user")}"',
    "not ASCII": text("Bearer é.é.é"),
    "not ASCII in a good token": altered(lambda parts: [parts[0], parts[1] + "é", parts[2]]),
    "huge": text("Bearer " + "A" * 100_000),
    "huge with dots": text("Bearer " + "A" * 50_000 + "." + "A" * 50_000 + "."),
    "a thousand dots": text("Bearer " + "." * 1000),
    "without signature": altered(lambda parts: parts[:2]),
    "with an empty signature": altered(lambda parts: [*parts[:2], ""]),
    "with a cut signature": altered(lambda parts: [*parts[:2], parts[2][:-4]]),
    "with four parts": altered(lambda parts: [*parts, parts[2]]),
    "with another subject": altered(swap_subject),
    "with the signature of another": lambda api: (
        "Bearer " + ".".join([*api.token("user").split(".")[:2], api.token("user").split(".")[2]])
    ),
    "algorithm none": forged({"alg": "none", "typ": "JWT"}, digest=None),
    "algorithm None": forged({"alg": "None", "typ": "JWT"}, digest=None),
    "algorithm none, signed": forged({"alg": "none", "typ": "JWT"}),
    "algorithm RS256 over the secret": forged({"alg": "RS256", "typ": "JWT"}),
    "algorithm ES256 over the secret": forged({"alg": "ES256", "typ": "JWT"}),
    "algorithm HS384": forged({"alg": "HS384", "typ": "JWT"}, digest="sha384"),
    "algorithm HS512": forged({"alg": "HS512", "typ": "JWT"}, digest="sha512"),
    "algorithm unknown": forged({"alg": "HS255"}),
    "algorithm a number": forged({"alg": 256}),
    "algorithm null": forged({"alg": None}),
    "algorithm a list": forged({"alg": ["HS256"]}),
    "no algorithm": forged({"typ": "JWT"}),
    "a critical header nobody knows": forged(HS256 | {"crit": ["x"], "x": 1}),
    "unencoded payload": forged(HS256 | {"b64": False, "crit": ["b64"]}),
    "a key id that is a number": forged(HS256 | {"kid": 7}),
    "header a list": forged([]),
    "header not JSON": forged(b"{"),
    "header not UTF-8": forged(b'{"alg":"HS256","x":"\xff"}'),
    "payload a list": forged(HS256, payload=b"[]"),
    "payload a string": forged(HS256, payload=b'"x"'),
    "payload null": forged(HS256, payload=b"null"),
    "payload empty": forged(HS256, payload=b""),
    "payload not JSON": forged(HS256, payload=b"{"),
    "payload not UTF-8": forged(HS256, payload=b'{"sub":"\xff"}'),
    "payload deep": forged(HS256, payload=b"[" * 100_000),
    "payload an empty object": forged(HS256, payload=b"{}"),
    "another secret": signed(secret="another secret that is long enough for HS256"),
    "a default secret": signed(secret="your-secret-key-change-in-production"),
    **{
        f"no {claim}": bearer(**{claim: ...})
        for claim in ("sub", "role", "email", "type", "iat", "nbf", "exp", "jti", "fresh")
    },
    "subject a number": bearer(sub=7),
    "subject a list": bearer(sub=[world.user_id("admin")]),
    "subject null": bearer(sub=None),
    "subject empty": bearer(sub=""),
    "subject with NUL": bearer(sub="a\x00b"),
    "subject a lone surrogate": bearer(sub="\ud800"),
    "subject too long": bearer(sub="x" * 256),
    "role a list": bearer(role=["admin"]),
    "email null": bearer(email=None),
    "type unknown": bearer(type="id"),
    "type a list": bearer(type=["access"]),
    "type null": bearer(type=None),
    "issued a word": bearer(iat="now"),
    "issued null": bearer(iat=None),
    "issued true": bearer(iat=True),
    "issued later": bearer(iat=ahead(minutes=10)),
    "issued before 1970": bearer(iat=-1),
    "not before a word": bearer(nbf="now"),
    "not before a list": bearer(nbf=[0]),
    "not before later": bearer(nbf=ahead(minutes=10)),
    "expiry a word": bearer(exp="never"),
    "expiry null": bearer(exp=None),
    "expiry true": bearer(exp=True),
    "expiry infinite": bearer(exp=float("inf")),
    "expiry not a number": bearer(exp=float("nan")),
    "expiry beyond all dates": bearer(exp=10**15),
    "expiry beyond all numbers": bearer(exp=10**400),
    "expiry negative": bearer(exp=-1),
    "id a number": bearer(jti=7),
    "id null": bearer(jti=None),
    "id empty": bearer(jti=""),
    "id with NUL": bearer(jti="\x00"),
    "id too long": bearer(jti="x" * 256),
    "fresh a word": bearer(fresh="yes"),
    "fresh a number": bearer(fresh=1),
}
NOT_NOW: dict[str, tuple[Header, dict[str, str]]] = {
    "expired an hour ago": (bearer(exp=ago(hours=1)), EXPIRED),
    "expired just now": (bearer(exp=ago(seconds=0)), EXPIRED),
    "expired in 1970": (bearer(exp=0), EXPIRED),
    "expired, and a refresh token": (bearer(exp=0, type="refresh"), EXPIRED),
    "a refresh token": (bearer(type="refresh"), NEEDS_ACCESS),
    "of somebody who never was": (bearer(sub="00000000-0000-4000-8000-0000000000ff"), GONE),
    "of a username": (bearer(sub="user"), GONE),
    "of everybody": (bearer(sub="%"), GONE),
    "of somebody inactive": (lambda api: f"Bearer {api.token('inactive')}", GONE),
}
NOT_LET_IN = (
    [pytest.param(header, MISSING, id=f"not sent: {name}") for name, header in NOT_SENT.items()]
    + [pytest.param(header, INVALID, id=f"not valid: {name}") for name, header in NOT_VALID.items()]
    + [pytest.param(header, body, id=f"not now: {name}") for name, (header, body) in NOT_NOW.items()]
)


def ask(api: Api, header: str | None, path: str = "/auth/verify") -> Answer:
    return api.get(path, as_=None, headers={"Authorization": header})


def assert_refused(answer: Answer, body: dict[str, str]) -> None:
    assert (answer.status, answer.json) == (401, body)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("header", "body"), NOT_LET_IN)
def test_a_bad_token_is_not_let_in(api: Api, header: Header, body: dict[str, str]) -> None:
    before = api.everything()

    answer = ask(api, header(api))

    assert_refused(answer, body)
    assert api.everything() == before


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(bearer(), id="as usual"),
        pytest.param(lambda api: f"bearer {api.token('user')}", id="scheme in lower case"),
        pytest.param(lambda api: f"BEARER {api.token('user')}", id="scheme in upper case"),
        pytest.param(lambda api: f"  Bearer    {api.token('user')}  ", id="blanks around"),
        pytest.param(bearer(iat=1, nbf=1), id="issued long ago, in whole seconds"),
        pytest.param(bearer(exp=ahead(seconds=60.5)), id="expiry with a fraction"),
        pytest.param(bearer(nbf=ahead(seconds=0.5)), id="not before almost now"),
        pytest.param(bearer(jti="x" * 255), id="id as long as can be"),
        pytest.param(bearer(fresh=True), id="fresh"),
        pytest.param(bearer(aud="somebody", iss="somebody", csrf="x", extra={"a": [1]}), id="claims more"),
        pytest.param(bearer(email="old@example.com"), id="email that changed since"),
        pytest.param(signed(typ="at+jwt", kid="1"), id="header more"),
    ],
)
def test_a_good_token_is_let_in(api: Api, header: Header) -> None:
    answer = ask(api, header(api))

    assert (answer.status, answer.json) == (200, VERIFIED)


@pytest.mark.parametrize("order", ["good first", "bad first"])
def test_two_authorization_headers_are_one_bad_token(api: Api, order: str) -> None:
    sent = [f"Bearer {api.token('user')}", "Bearer abc"]
    headers = [("authorization", value) for value in (sent if order == "good first" else sent[::-1])]

    answer = api.stack.send("GET", f"{api.stack.prefix}/auth/verify", headers, b"")

    assert_refused(answer, INVALID)


def test_a_revoked_token_is_not_let_in(api: Api) -> None:
    now = datetime.now(UTC)
    api.add(RevokedToken, jti="gone", expires_at=now + timedelta(hours=1), revoked_at=now)

    assert_refused(ask(api, bearer(jti="gone")(api)), REVOKED)
    assert ask(api, bearer(jti="gone ")(api)).status == 200
    assert ask(api, bearer(jti="GONE")(api)).status == 200


def test_a_token_of_a_deleted_user_is_not_let_in(api: Api) -> None:
    header = bearer()(api)
    assert ask(api, header).status == 200
    with api.stack.engine.connect().execution_options(**WRITES) as connection, connection.begin():
        connection.execute(delete(User).where(User.id == world.user_id("user")))

    assert_refused(ask(api, header), GONE)


def test_a_token_ends_while_its_user_is_inactive_and_not_longer(api: Api) -> None:
    header = bearer()(api)

    api.change(User, world.user_id("user"), is_active=False)
    assert_refused(ask(api, header), GONE)

    api.change(User, world.user_id("user"), is_active=True)
    assert ask(api, header).status == 200


@pytest.mark.parametrize(
    ("age_s", "changed_by", "let_in"),
    [
        pytest.param(1, None, False, id="older than the password"),
        pytest.param(0, None, False, id="as old as the password"),
        pytest.param(-0.001, None, True, id="newer than the password"),
        pytest.param(1, "this one", True, id="the one that changed it"),
        pytest.param(1, "another", False, id="another changed it"),
    ],
)
def test_a_password_change_ends_the_tokens_before_it(
    api: Api, age_s: float, changed_by: str | None, let_in: bool
) -> None:
    changed_at = datetime.now(UTC) - timedelta(minutes=1)
    api.change(User, world.user_id("user"), password_changed_at=changed_at, password_changed_by=changed_by)

    answer = ask(api, bearer(jti="this one", iat=changed_at.timestamp() - age_s)(api))

    if let_in:
        assert answer.status == 200
    else:
        assert_refused(answer, REVOKED)


def test_a_demoted_admin_s_token_is_a_viewer_s_at_once(api: Api) -> None:
    token = api.token("admin2")
    assert api.get("/auth/users", token=token).status == 200

    api.change(User, world.user_id("admin2"), role="viewer")

    body = {"username": "mallory", "email": "mallory@example.com", "password": "secret", "role": "admin"}
    for answer in (api.get("/auth/users", token=token), api.post("/auth/register", body, token=token)):
        assert answer.status == 403
        assert answer.json == {
            "error": "Insufficient permissions",
            "message": "This endpoint requires one of the following roles: admin",
        }
    assert api.get("/auth/verify", token=token).json["role"] == "viewer"


def test_a_promoted_viewer_s_token_is_an_admin_s_at_once(api: Api) -> None:
    token = api.token("viewer")

    api.change(User, world.user_id("viewer"), role="admin")

    assert api.get("/auth/users", token=token).status == 200


def test_a_role_that_is_only_claimed_opens_nothing(api: Api) -> None:
    token = api.token("viewer", role="admin", email="admin@example.com")

    assert api.get("/auth/users", token=token).status == 403
    assert api.get("/auth/verify", token=token).json["role"] == "viewer"


def test_the_token_goes_before_the_body_and_the_method_before_the_token(api: Api) -> None:
    assert_refused(api.post("/auth/register", content=b"{", as_=None), MISSING)

    answer = api.request("PATCH", "/auth/me", as_=None)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_a_token_ends_on_time(api: Api, api_with: Callable[..., Api]) -> None:
    token = api.token("user", exp=ahead(minutes=10)())

    assert api_with(clock_offset_s=9 * 60).get("/auth/verify", token=token).status == 200
    assert_refused(api_with(clock_offset_s=11 * 60).get("/auth/verify", token=token), EXPIRED)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        pytest.param(text("Bearer abc"), INVALID, id="garbage"),
        pytest.param(forged({"alg": "none"}, digest=None), INVALID, id="algorithm none"),
        pytest.param(bearer(type="refresh", exp=...), INVALID, id="no expiry"),
        pytest.param(bearer(type="refresh", exp=0), EXPIRED, id="expired"),
        pytest.param(bearer(), NEEDS_REFRESH, id="an access token"),
        pytest.param(bearer(exp=0), EXPIRED, id="an access token, expired"),
        pytest.param(bearer(type="refresh", sub="nobody"), GONE, id="of nobody"),
        pytest.param(lambda api: f"Bearer {api.token('inactive', 'refresh')}", GONE, id="of somebody inactive"),
        pytest.param(bearer(type="refresh", jti="revoked"), REVOKED, id="revoked"),
        pytest.param(bearer(type="refresh", iat=ago(hours=2)), REVOKED, id="older than the password"),
        pytest.param(
            bearer(type="refresh", iat=ago(hours=2), jti="changed it"), None, id="the id that changed the password"
        ),
        pytest.param(bearer(type="refresh"), None, id="a good one"),
    ],
)
@pytest.mark.parametrize("where", ["header", "body"])
def test_a_refresh_token_is_held_to_the_same_rules(
    api: Api, header: Header, body: dict[str, str] | None, where: str
) -> None:
    now = datetime.now(UTC)
    api.add(RevokedToken, jti="revoked", expires_at=now + timedelta(hours=1), revoked_at=now)
    api.change(
        User,
        world.user_id("user"),
        password_changed_at=now - timedelta(hours=1),
        password_changed_by="changed it",
    )
    before = api.everything()

    sent = header(api) or ""
    if where == "header":
        answer = api.post("/auth/refresh", as_=None, headers={"Authorization": sent})
    else:
        answer = api.post("/auth/refresh", {"refresh_token": sent.removeprefix("Bearer ")}, as_=None)

    if body is None:
        assert answer.status == 200
    else:
        assert_refused(answer, body)
    assert api.everything() == before
