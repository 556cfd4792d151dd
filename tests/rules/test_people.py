"""Rules about people: what a registration and a change may hold, and in which order they are refused."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared_rules import login, people
from shared_rules.errors import Refused
from shared_rules.fields import Fields
from shared_rules.tokens import Claims

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
THEN = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
GOOD = {"username": "ana.lopes", "email": "ana@example.com", "password": "secret"}


@dataclass
class User:
    id: str = "ana's id"
    username: str = "ana.lopes"
    email: str = "ana@example.com"
    password_hash: str = field(default="old hash", repr=False)
    role: str = "user"
    is_active: bool = True
    created_at: datetime = THEN
    updated_at: datetime = THEN
    password_changed_at: datetime | None = None
    password_changed_by: str | None = None


def actor(identity: str = "ana's id", role: str = "user") -> people.Actor:
    return people.Actor(identity, "ana.lopes", "ana@example.com", role, Claims(identity, "a jti", "access", 0, 100))


ANA = actor()
ADMIN = actor("admin's id", "admin")


def refusal_of(decide: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(Refused) as refusal:
        decide()
    return refusal.value.body


def invalid(message: str) -> dict[str, str]:
    return {"error": "Invalid payload", "message": message}


MISSING = "Missing required fields"
TOO_SHORT = {"error": "Password must be at least 6 characters long"}
BAD_ROLE = {"error": "Invalid role", "message": "Role must be one of: admin, user, viewer"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"username": None}, {"error": MISSING, "missing": ["username"]}, id="username null"),
        pytest.param({"email": "  "}, {"error": MISSING, "missing": ["email"]}, id="email blank"),
        pytest.param({"password": ""}, {"error": MISSING, "missing": ["password"]}, id="password empty"),
        pytest.param(
            {"username": "", "email": None, "password": None, "role": 7},
            {"error": MISSING, "missing": ["username", "email", "password"]},
            id="everything missing, before a bad role",
        ),
        pytest.param(
            {"username": 7, "email": None}, {"error": MISSING, "missing": ["email"]}, id="missing before a wrong type"
        ),
        pytest.param({"username": 7}, invalid('"username" must be a string.'), id="username a number"),
        pytest.param({"username": ["ana"]}, invalid('"username" must be a string.'), id="username a list"),
        pytest.param({"username": "a" * 81}, invalid('"username" must be at most 80 characters.'), id="username long"),
        pytest.param(
            {"username": "a\tb"}, invalid('"username" must not contain control characters.'), id="username with a tab"
        ),
        pytest.param(
            {"username": " ab "}, {"error": "Username must be at least 3 characters long"}, id="username of two letters"
        ),
        pytest.param(
            {"username": "@!"},
            {"error": "Username must be at least 3 characters long"},
            id="username short before its letters",
        ),
        *(
            pytest.param(
                {"username": name},
                {"error": "Invalid username", "message": "Username may contain letters, digits, _ - and . only."},
                id=f"username {name!a}",
            )
            for name in ("ana lopes", "ana@example.com", "aná", "ana/lopes", "ana\u200blopes", "<ana>", "ａｎａ")
        ),
        pytest.param({"email": 7}, invalid('"email" must be a string.'), id="email a number"),
        pytest.param(
            {"email": "a" * 109 + "@example.com"}, invalid('"email" must be at most 120 characters.'), id="email long"
        ),
        pytest.param(
            {"email": "ana@exam\nple.com"}, invalid('"email" must not contain control characters.'), id="email CRLF"
        ),
        *(
            pytest.param(
                {"email": email},
                {"error": "Invalid email", "message": f'"{email}" is not an email address.'},
                id=f"email {email!a}",
            )
            for email in ("ana", "ana@", "@example.com", "a@b@c", "ana @example.com", "Ána@example.com", "a..b@c.de")
        ),
        pytest.param({"password": 123456}, invalid('"password" must be a string.'), id="password a number"),
        pytest.param({"password": "12345"}, TOO_SHORT, id="password of five"),
        pytest.param({"password": "     "}, TOO_SHORT, id="password of five blanks"),
        pytest.param(
            {"password": "x" * 4097}, invalid('"password" must be at most 4096 characters.'), id="password long"
        ),
        pytest.param({"role": 7}, invalid('"role" must be a string.'), id="role a number"),
        pytest.param({"role": ""}, BAD_ROLE, id="role empty"),
        pytest.param({"role": "Admin"}, BAD_ROLE, id="role in another case"),
        pytest.param({"role": "root"}, BAD_ROLE, id="role unknown"),
        pytest.param({"is_active": "yes"}, invalid('"is_active" must be true or false.'), id="is_active a word"),
        pytest.param({"is_active": 1}, invalid('"is_active" must be true or false.'), id="is_active a number"),
    ],
)
def test_a_registration_that_cannot_be_is_refused(changed: dict[str, Any], expected: dict[str, Any]) -> None:
    assert refusal_of(lambda: people.wanted_for_register(Fields(GOOD | changed))) == expected


def test_the_first_refusal_of_a_registration_is_the_contract_s_first() -> None:
    """Each field put right uncovers the next refusal."""
    body: dict[str, Any] = {"username": "!", "email": "?", "password": "x", "role": "x", "is_active": "x"}
    met = []
    for name, good in [*GOOD.items(), ("role", "user")]:
        met.append(refusal_of(lambda: people.wanted_for_register(Fields(body)))["error"])
        if name == "username":
            body[name] = "???"
            met.append(refusal_of(lambda: people.wanted_for_register(Fields(body)))["error"])
        body[name] = good
    met.append(refusal_of(lambda: people.wanted_for_register(Fields(body)))["message"])

    assert met == [
        "Username must be at least 3 characters long",
        "Invalid username",
        "Invalid email",
        "Password must be at least 6 characters long",
        "Invalid role",
        '"is_active" must be true or false.',
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, {"role": "viewer", "is_active": True}, id="defaults"),
        pytest.param({"role": None, "is_active": None}, {"role": "viewer", "is_active": True}, id="null is absent"),
        pytest.param({"role": "admin", "is_active": False}, {"role": "admin", "is_active": False}, id="chosen"),
        pytest.param({"username": "  Ana_1-x. "}, {"username": "Ana_1-x."}, id="username trimmed, case kept"),
        pytest.param({"username": "a" * 80}, {"username": "a" * 80}, id="longest username"),
        pytest.param({"email": " ANA@Corp.Local "}, {"email": "ana@corp.local"}, id="email trimmed and lowered"),
        pytest.param({"email": "a" * 60 + "@" + "b" * 59}, {"email": "a" * 60 + "@" + "b" * 59}, id="longest email"),
        pytest.param({"password": "      "}, {"password": "      "}, id="password of six blanks"),
        pytest.param({"password": " pass\tword "}, {"password": " pass\tword "}, id="password as sent"),
        pytest.param({"password": "x" * 4096}, {"password": "x" * 4096}, id="longest password"),
    ],
)
def test_a_registration_is_read_as_the_contract_says(changed: dict[str, Any], expected: dict[str, Any]) -> None:
    wanted = people.wanted_for_register(Fields(GOOD | changed))

    assert {name: getattr(wanted, name) for name in expected} == expected


def test_passwords_do_not_show_in_what_may_be_logged() -> None:
    assert "secret" not in repr(people.wanted_for_register(Fields(GOOD)))
    assert "secret" not in repr(login.credentials(Fields(GOOD)))


@pytest.mark.parametrize(
    ("who", "body", "expected"),
    [
        pytest.param(ADMIN, {}, {"error": "No valid fields to update"}, id="nothing"),
        pytest.param(
            ADMIN,
            {"email": " ", "password": "", "role": None, "is_active": None, "username": "new", "id": "x"},
            {"error": "No valid fields to update"},
            id="nothing that counts",
        ),
        pytest.param(ADMIN, {"email": 7}, invalid('"email" must be a string.'), id="email a number"),
        pytest.param(
            ADMIN,
            {"email": "x", "password": "x", "role": "x"},
            {"error": "Invalid email", "message": '"x" is not an email address.'},
            id="email first",
        ),
        pytest.param(ADMIN, {"password": "x", "role": "x"}, TOO_SHORT, id="then password"),
        pytest.param(ADMIN, {"role": "x", "is_active": "x"}, BAD_ROLE, id="then role"),
        pytest.param(ADMIN, {"role": ""}, BAD_ROLE, id="role empty"),
        pytest.param(ADMIN, {"role": 7}, invalid('"role" must be a string.'), id="role a number"),
        pytest.param(ADMIN, {"is_active": "x"}, invalid('"is_active" must be true or false.'), id="is_active a word"),
        pytest.param(ANA, {"password": "x", "role": "admin"}, TOO_SHORT, id="password before who may change a role"),
        pytest.param(
            ANA, {"role": 7, "is_active": True}, {"error": "Only admins can change user roles"}, id="role by a user"
        ),
        pytest.param(
            ANA, {"is_active": "x"}, {"error": "Only admins can change user active status"}, id="is_active by a user"
        ),
    ],
)
def test_a_change_that_cannot_be_is_refused(who: people.Actor, body: dict[str, Any], expected: dict[str, Any]) -> None:
    assert refusal_of(lambda: people.wanted_for_update(who, Fields(body))) == expected


def test_the_fields_of_a_change_come_in_the_contract_s_order() -> None:
    body = {"is_active": False, "role": "admin", "password": "secret", "email": " NEW@example.com"}

    wanted = people.wanted_for_update(ADMIN, Fields(body))

    assert list(wanted.items()) == [
        ("email", "new@example.com"),
        ("password", "secret"),
        ("role", "admin"),
        ("is_active", False),
    ]


@pytest.mark.parametrize(
    ("role", "is_active", "wanted", "others", "refused"),
    [
        pytest.param("admin", True, {"role": "user"}, False, True, id="the last admin demoted"),
        pytest.param("admin", True, {"is_active": False}, False, True, id="the last admin deactivated"),
        pytest.param("admin", True, {"role": "admin", "is_active": False}, False, True, id="role kept, deactivated"),
        pytest.param("admin", True, people.GONE, False, True, id="the last admin removed"),
        pytest.param("admin", True, {"role": "user"}, True, False, id="one of two admins"),
        pytest.param("admin", True, {"role": "admin", "is_active": True}, False, False, id="nothing changed"),
        pytest.param("admin", True, {"email": "x@y.z"}, False, False, id="another field"),
        pytest.param("admin", False, {"role": "user"}, False, False, id="an inactive admin"),
        pytest.param("user", True, {"is_active": False}, False, False, id="a user"),
    ],
)
def test_an_active_admin_stays(role: str, is_active: bool, wanted: dict[str, Any], others: bool, refused: bool) -> None:
    row = User(role=role, is_active=is_active)
    if refused:
        body = refusal_of(lambda: people.check_an_admin_stays(row, wanted, others))
        assert body == {"error": "Cannot remove the last active admin"}
    else:
        people.check_an_admin_stays(row, wanted, others)


def test_a_change_sets_what_was_wanted_and_moves_the_row() -> None:
    row = User()

    people.apply_update(row, {"email": "new@example.com", "role": "admin", "is_active": False}, None, ADMIN, NOW)

    assert row == replace(User(), email="new@example.com", role="admin", is_active=False, updated_at=NOW)


@pytest.mark.parametrize(("who", "kept"), [(ANA, "a jti"), (ADMIN, None)], ids=["by oneself", "by an admin"])
def test_a_new_password_keeps_the_token_it_was_changed_with_if_it_is_the_user_s(
    who: people.Actor, kept: str | None
) -> None:
    row = User(password_changed_by="an older one")

    people.apply_update(row, {"password": "secret"}, "new hash", who, NOW)

    changed = {"password_hash": "new hash", "password_changed_at": NOW, "password_changed_by": kept}
    assert row == replace(User(), **changed, updated_at=NOW)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param({"username": " Ana "}, "Ana", id="username"),
        pytest.param({"email": "ana@example.com"}, "ana@example.com", id="email"),
        pytest.param({"username": "ana", "email": "b@c.de"}, "ana", id="username first"),
        pytest.param({"username": " ", "email": "b@c.de"}, "b@c.de", id="a blank username does not count"),
        pytest.param({"username": None, "email": "b@c.de"}, "b@c.de", id="a null username does not count"),
        pytest.param({"username": "a" * 108 + "@example.com"}, "a" * 108 + "@example.com", id="an email as username"),
    ],
)
def test_a_login_is_by_the_first_name_given(body: dict[str, Any], name: str) -> None:
    assert login.credentials(Fields(body | {"password": " "})) == login.Credentials(name, " ")


@pytest.mark.parametrize(
    ("row", "checked", "matches", "proven"),
    [
        pytest.param(User(), "old hash", True, True, id="right"),
        pytest.param(User(), "old hash", False, False, id="wrong"),
        pytest.param(User(password_hash="new hash"), "old hash", True, False, id="changed meanwhile"),
        pytest.param(None, "old hash", True, False, id="deleted meanwhile"),
        pytest.param(None, None, False, False, id="nobody"),
    ],
)
def test_a_password_proves_the_row_it_was_checked_against(
    row: User | None, checked: str | None, matches: bool, proven: bool
) -> None:
    assert (login.proven_user(row, checked, matches) is not None) == proven
