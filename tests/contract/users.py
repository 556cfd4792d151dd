"""Cases: registering, showing, changing and deleting users."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared_models import (
    Job,
    LoginFailure,
    Notification,
    RevokedToken,
    User,
    UserNotificationPreferences,
    UserUiPreferences,
)
from shared_rules import passwords
from tests.contract import world
from tests.contract.api import Answer, Api
from tests.contract.at_once import ask_at_once, ask_while_writing

NOBODY = "00000000-0000-4000-8000-0000000000ff"
KEYS = ["id", "username", "email", "role", "is_active", "created_at", "updated_at"]
NEW = {"username": "ana.lopes", "email": "ana@example.com", "password": "a password"}
ADMINS_ONLY = {
    "error": "Insufficient permissions",
    "message": "This endpoint requires one of the following roles: admin",
}
BAD_ROLE = {"error": "Invalid role", "message": "Role must be one of: admin, user, viewer"}
TOO_SHORT = {"error": "Password must be at least 6 characters long"}
LAST_ADMIN = {"error": "Cannot remove the last active admin"}
NO_USER = {"error": "User not found"}
NO_FIELDS = {"error": "No valid fields to update"}
REVOKED = {"error": "Token revoked", "message": "Log in again."}
NOT_JSON_TYPE = {"error": "Content-Type must be application/json"}
NOT_JSON = {"error": "Invalid JSON", "message": "Request body is not valid JSON."}
NOT_AN_OBJECT = {"error": "Invalid payload", "message": "JSON body must be an object."}


def invalid(message: str) -> dict[str, str]:
    return {"error": "Invalid payload", "message": message}


def bad_email(value: str) -> dict[str, str]:
    return {"error": "Invalid email", "message": f'"{value}" is not an email address.'}


def shown(name: str, **changed: Any) -> dict[str, Any]:
    identity, role = world.PEOPLE[name]
    return {
        "id": identity,
        "username": name,
        "email": f"{name}@example.com",
        "role": role,
        "is_active": name != "inactive",
        "created_at": "2026-01-02T03:04:05.678Z",
        "updated_at": "2026-01-02T03:04:05.678Z",
    } | changed


def register(api: Api, body: object, **options: Any) -> Answer:
    return api.post("/auth/register", body, **options)


def path_of(name: str) -> str:
    return f"/auth/users/{world.user_id(name)}"


def change(api: Api, name: str, body: object, **options: Any) -> Answer:
    return api.put(path_of(name), body, **options)


def only_admin_left(api: Api) -> None:
    api.change(User, world.user_id("admin2"), is_active=False)


# Registering


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, {"role": "viewer", "is_active": True}, id="defaults"),
        pytest.param({"role": None, "is_active": None}, {"role": "viewer", "is_active": True}, id="null is absent"),
        pytest.param({"role": "admin"}, {"role": "admin"}, id="an admin"),
        pytest.param({"role": "user", "is_active": False}, {"role": "user", "is_active": False}, id="inactive"),
        pytest.param({"username": "  Ana_L-1. "}, {"username": "Ana_L-1."}, id="username trimmed, case kept"),
        pytest.param({"username": "abc"}, {"username": "abc"}, id="shortest username"),
        pytest.param({"username": "a" * 80}, {"username": "a" * 80}, id="longest username"),
        pytest.param({"email": "  ANA@Corp.Local "}, {"email": "ana@corp.local"}, id="email trimmed and lowered"),
        pytest.param({"email": "a+b_c@localhost"}, {"email": "a+b_c@localhost"}, id="email of a host"),
        pytest.param({"id": NOBODY, "created_at": "x", "extra": []}, {"username": "ana.lopes"}, id="more keys"),
    ],
)
def test_an_admin_registers_a_user(api: Api, changed: dict[str, Any], expected: dict[str, Any]) -> None:
    before = {row["id"] for row in api.rows(User)}

    answer = register(api, NEW | changed)

    assert answer.status == 201
    assert list(answer.json) == ["message", "user"]
    assert answer.json["message"] == "User registered successfully"
    user = answer.json["user"]
    assert list(user) == KEYS
    assert {name: user[name] for name in expected} == expected
    assert user["created_at"] == user["updated_at"]
    (row,) = [row for row in api.rows(User) if row["id"] not in before]
    assert {name: row[name] for name in KEYS[:5]} == {name: user[name] for name in KEYS[:5]}
    assert row["password_changed_at"] is None
    assert passwords.verify("a password", row["password_hash"])


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("123456", id="shortest"),
        pytest.param("      ", id="six blanks"),
        pytest.param(" pass word\t\n", id="blanks and control characters"),
        pytest.param("пароль🔑", id="not ASCII"),
        pytest.param("a\x00bcdef", id="NUL"),
        pytest.param("é" * 4096, id="longest"),
    ],
)
def test_who_was_registered_logs_in_with_the_password_as_sent(api: Api, password: str) -> None:
    assert register(api, NEW | {"password": password}).status == 201

    for name in ("ANA.lopes", "ana@EXAMPLE.com"):
        assert api.post("/auth/login", {"username": name, "password": password}, as_=None).status == 200
    wrong = password[:-1] + "!"
    assert api.post("/auth/login", {"username": "ana.lopes", "password": wrong}, as_=None).status == 401


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            {}, {"error": "Missing required fields", "missing": ["username", "email", "password"]}, id="nothing"
        ),
        pytest.param(
            {"password": "x", "username": " ", "email": None, "role": "x"},
            {"error": "Missing required fields", "missing": ["username", "email"]},
            id="blank and null are missing, before all else",
        ),
        pytest.param(
            NEW | {"password": ""}, {"error": "Missing required fields", "missing": ["password"]}, id="empty password"
        ),
        pytest.param(NEW | {"username": 123}, invalid('"username" must be a string.'), id="username a number"),
        pytest.param(NEW | {"username": {"a": 1}}, invalid('"username" must be a string.'), id="username an object"),
        pytest.param(
            NEW | {"username": "a" * 81}, invalid('"username" must be at most 80 characters.'), id="username long"
        ),
        pytest.param(
            NEW | {"username": "a\nb"},
            invalid('"username" must not contain control characters.'),
            id="username newline",
        ),
        pytest.param(
            NEW | {"username": " ab "}, {"error": "Username must be at least 3 characters long"}, id="username short"
        ),
        pytest.param(
            NEW | {"username": "ana lopes", "email": "x"},
            {"error": "Invalid username", "message": "Username may contain letters, digits, _ - and . only."},
            id="username with a blank",
        ),
        pytest.param(
            NEW | {"username": "ana@example.com"},
            {"error": "Invalid username", "message": "Username may contain letters, digits, _ - and . only."},
            id="an email as username",
        ),
        pytest.param(
            NEW | {"username": "Zoë"},
            {"error": "Invalid username", "message": "Username may contain letters, digits, _ - and . only."},
            id="username not ASCII",
        ),
        pytest.param(NEW | {"email": ["a@b.c"]}, invalid('"email" must be a string.'), id="email a list"),
        pytest.param(NEW | {"email": "a" * 121}, invalid('"email" must be at most 120 characters.'), id="email long"),
        pytest.param(
            NEW | {"email": "a@b.c\x00d"},
            invalid('"email" must not contain control characters.'),
            id="email with NUL",
        ),
        pytest.param(NEW | {"email": " Ana ", "password": "x"}, bad_email("Ana"), id="email without @"),
        pytest.param(NEW | {"email": "a@b@c.de"}, bad_email("a@b@c.de"), id="email with two"),
        pytest.param(NEW | {"email": "a@b.c,d@e.f"}, bad_email("a@b.c,d@e.f"), id="two emails"),
        pytest.param(NEW | {"email": '"<é>"@x.y'}, bad_email('"<é>"@x.y'), id="email not ASCII, echoed as it is"),
        pytest.param(NEW | {"password": 123456}, invalid('"password" must be a string.'), id="password a number"),
        pytest.param(
            NEW | {"password": "x" * 4097}, invalid('"password" must be at most 4096 characters.'), id="password long"
        ),
        pytest.param(NEW | {"password": "12345", "role": "x"}, TOO_SHORT, id="password short"),
        pytest.param(NEW | {"role": 1}, invalid('"role" must be a string.'), id="role a number"),
        pytest.param(NEW | {"role": "superuser", "is_active": 1}, BAD_ROLE, id="role unknown"),
        pytest.param(NEW | {"role": "ADMIN"}, BAD_ROLE, id="role in upper case"),
        pytest.param(NEW | {"role": ""}, BAD_ROLE, id="role empty"),
        pytest.param(
            NEW | {"is_active": "true"}, invalid('"is_active" must be true or false.'), id="is_active a string"
        ),
        pytest.param(
            NEW | {"username": "user", "is_active": 0},
            invalid('"is_active" must be true or false.'),
            id="the request's own faults before the database's",
        ),
    ],
)
def test_a_registration_that_cannot_be_is_refused(api: Api, body: object, expected: dict[str, Any]) -> None:
    before = api.everything()

    answer = register(api, body)

    assert (answer.status, answer.json) == (400, expected)
    assert list(answer.json) == list(expected)
    assert api.everything() == before


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param({"username": "user"}, "Username already exists", id="username"),
        pytest.param({"username": "USER"}, "Username already exists", id="username in another case"),
        pytest.param({"username": " Inactive "}, "Username already exists", id="username of somebody inactive"),
        pytest.param({"email": "user@example.com"}, "Email already exists", id="email"),
        pytest.param({"email": " User@EXAMPLE.com "}, "Email already exists", id="email in another case"),
        pytest.param(
            {"username": "user", "email": "user@example.com"}, "Username already exists", id="both: username first"
        ),
    ],
)
def test_a_name_that_is_taken_is_refused(api: Api, changed: dict[str, str], error: str) -> None:
    before = api.everything()

    answer = register(api, NEW | changed)

    assert (answer.status, answer.json) == (409, {"error": error})
    assert api.everything() == before


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param({"email": "{n}@example.com"}, "Username already exists", id="username"),
        pytest.param({"username": "ana{n}"}, "Email already exists", id="email"),
    ],
)
def test_of_those_who_register_the_same_at_once_one_is_first(api: Api, changed: dict[str, str], error: str) -> None:
    bodies = [NEW | {name: value.format(n=n) for name, value in changed.items()} for n in range(4)]

    answers = ask_at_once(api, [lambda aside, body=body: register(aside, body) for body in bodies])  # type: ignore[misc]

    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    assert {answer.json["error"] for answer in answers if answer.status == 409} == {error}
    assert len(api.rows(User)) == len(world.PEOPLE) + 1


@pytest.mark.parametrize("person", ["user", "viewer"])
def test_only_admins_register_and_list(api: Api, person: str) -> None:
    before = api.everything()

    for answer in (
        register(api, NEW, as_=person),
        api.post("/auth/register", content=b"{", as_=person),
        api.get("/auth/users", as_=person),
    ):
        assert (answer.status, answer.json) == (403, ADMINS_ONLY)
    assert api.everything() == before


@pytest.mark.parametrize("method_and_path", ["POST /auth/register", f"PUT {path_of('user')}"])
@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        pytest.param(b"{}", None, NOT_JSON_TYPE, id="no content type"),
        pytest.param(b"{}", "text/json", NOT_JSON_TYPE, id="another content type"),
        pytest.param(b"", "application/json", NOT_JSON, id="empty"),
        pytest.param(b"{'a':1}", "application/json", NOT_JSON, id="not JSON"),
        pytest.param(b'{"email":NaN}', "application/json", NOT_JSON, id="not a number"),
        pytest.param(b"null", "application/json", NOT_AN_OBJECT, id="null"),
        pytest.param(b'[{"email":"a@b.c"}]', "application/json", NOT_AN_OBJECT, id="a list"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    api: Api, method_and_path: str, content: bytes, content_type: str | None, expected: dict[str, str]
) -> None:
    before = api.everything()

    answer = api.request(*method_and_path.split(), content=content, headers={"Content-Type": content_type})

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


# Showing


def test_an_admin_sees_all_users_oldest_first(api: Api) -> None:
    created = {"admin": 5, "user": 3, "other": 4, "viewer": 1, "inactive": 1, "admin2": 2}
    for name, day in created.items():
        api.change(User, world.user_id(name), created_at=datetime(2026, 1, day, tzinfo=UTC))

    answer = api.get("/auth/users")

    assert answer.status == 200
    assert list(answer.json) == ["count", "users"]
    assert answer.json["count"] == 6
    assert [user["username"] for user in answer.json["users"]] == [
        "viewer",
        "inactive",
        "admin2",
        "user",
        "other",
        "admin",
    ]
    assert answer.json["users"][1] == shown("inactive", created_at="2026-01-01T00:00:00.000Z")
    assert all(list(user) == KEYS for user in answer.json["users"])


def test_no_answer_about_users_holds_a_password(api: Api) -> None:
    register(api, NEW)
    change(api, "user", {"password": "a password"})
    for path in ("/auth/users", path_of("user"), "/auth/me"):
        api.get(path)

    for _, _, answer in api.transcript:
        assert b"pbkdf2" not in answer.body
        assert b"a password" not in answer.body


@pytest.mark.parametrize("person", ["user", "viewer", "admin"])
def test_everybody_sees_themselves(api: Api, person: str) -> None:
    answer = api.get(path_of(person), as_=person)

    assert (answer.status, answer.json) == (200, {"user": shown(person)})
    assert list(answer.json["user"]) == KEYS


@pytest.mark.parametrize("name", ["user", "inactive", "admin2"])
def test_an_admin_sees_anybody(api: Api, name: str) -> None:
    assert api.get(path_of(name)).json == {"user": shown(name)}


STRANGE_IDS = [
    pytest.param(NOBODY, id="unknown"),
    pytest.param("user", id="a username"),
    pytest.param("%20", id="a blank"),
    pytest.param(world.user_id("admin2").upper() + "%20", id="an id and a blank"),
    pytest.param("%25", id="a pattern"),
    pytest.param("a" * 300, id="long"),
    pytest.param("%F0%9F%94%91", id="not ASCII"),
    pytest.param("%FF", id="not UTF-8"),
    pytest.param("'%20OR%201=1--", id="SQL"),
]


@pytest.mark.parametrize("user_id", STRANGE_IDS)
def test_an_unknown_id_is_not_found_by_admins(api: Api, user_id: str) -> None:
    before = api.everything()

    for answer in (
        api.get(f"/auth/users/{user_id}"),
        api.put(f"/auth/users/{user_id}", {"email": "x"}),
        api.delete(f"/auth/users/{user_id}"),
    ):
        assert (answer.status, answer.json) == (404, NO_USER)
    assert api.everything() == before


@pytest.mark.parametrize(
    "user_id", [*STRANGE_IDS, pytest.param(world.user_id("other"), id="another user"), world.user_id("admin")]
)
@pytest.mark.parametrize("person", ["user", "viewer"])
def test_others_are_forbidden_before_they_are_looked_for(api: Api, person: str, user_id: str) -> None:
    before = api.everything()

    see, touch = api.get(f"/auth/users/{user_id}", as_=person), api.put(f"/auth/users/{user_id}", as_=person)
    remove = api.delete(f"/auth/users/{user_id}", as_=person)

    assert (see.status, see.json) == (403, {"error": "Forbidden. You can only view your own profile."})
    assert (touch.status, touch.json) == (403, {"error": "Forbidden. You can only update your own profile."})
    assert (remove.status, remove.json) == (403, ADMINS_ONLY)
    assert api.everything() == before


# Changing


@pytest.mark.parametrize(
    ("person", "name", "body", "fields", "columns"),
    [
        pytest.param(
            "user", "user", {"email": " New@Example.com "}, ["email"], {"email": "new@example.com"}, id="own email"
        ),
        pytest.param("user", "user", {"email": "user@example.com"}, ["email"], {}, id="own email, the same"),
        pytest.param(
            "viewer", "viewer", {"email": "v@example.com"}, ["email"], {"email": "v@example.com"}, id="viewer"
        ),
        pytest.param(
            "user",
            "user",
            {"email": "new@example.com", "role": None, "is_active": None, "password": "", "username": "root"},
            ["email"],
            {"email": "new@example.com"},
            id="null and empty count as not sent, unknown keys for nothing",
        ),
        pytest.param("admin", "user", {"role": "admin"}, ["role"], {"role": "admin"}, id="another's role"),
        pytest.param("admin", "user", {"role": "user"}, ["role"], {}, id="another's role, the same"),
        pytest.param("admin", "user", {"is_active": False}, ["is_active"], {"is_active": False}, id="deactivated"),
        pytest.param("admin", "inactive", {"is_active": True}, ["is_active"], {"is_active": True}, id="activated"),
        pytest.param(
            "admin",
            "user",
            {"is_active": False, "role": "viewer", "email": "new@example.com"},
            ["email", "role", "is_active"],
            {"email": "new@example.com", "role": "viewer", "is_active": False},
            id="several, in the contract's order",
        ),
        pytest.param("admin", "admin", {"role": "user"}, ["role"], {"role": "user"}, id="own role, of two admins"),
        pytest.param(
            "admin", "admin", {"is_active": False}, ["is_active"], {"is_active": False}, id="oneself, of two admins"
        ),
        pytest.param(
            "admin",
            "user",
            {"email": " ", "is_active": False},
            ["is_active"],
            {"is_active": False},
            id="blank email counts as not sent",
        ),
    ],
)
def test_a_user_is_changed(
    api: Api, person: str, name: str, body: dict[str, Any], fields: list[str], columns: dict[str, Any]
) -> None:
    rows = {row["username"]: row for row in api.rows(User)}
    before = rows[name]

    answer = change(api, name, body, as_=person)

    assert answer.status == 200
    assert list(answer.json) == ["message", "updated_fields", "user"]
    assert (answer.json["message"], answer.json["updated_fields"]) == ("User updated successfully", fields)
    after = api.row(User, id=world.user_id(name))
    assert after["updated_at"] > before["updated_at"]
    assert after == before | columns | {"updated_at": after["updated_at"]}
    assert answer.json["user"] == shown(name, **columns, updated_at=answer.json["user"]["updated_at"])
    assert {row["username"]: row for row in api.rows(User)} == rows | {name: after}


@pytest.mark.parametrize(
    ("person", "body", "status", "expected"),
    [
        pytest.param("user", {}, 400, NO_FIELDS, id="nothing"),
        pytest.param("user", {"username": "new.name", "id": NOBODY}, 400, NO_FIELDS, id="fields nobody may change"),
        pytest.param(
            "user",
            {"email": None, "password": None, "role": None, "is_active": None},
            400,
            NO_FIELDS,
            id="all null",
        ),
        pytest.param("user", {"email": "  ", "password": ""}, 400, NO_FIELDS, id="blank email and empty password"),
        pytest.param("user", {"email": 7}, 400, invalid('"email" must be a string.'), id="email a number"),
        pytest.param(
            "user", {"email": "x" * 121}, 400, invalid('"email" must be at most 120 characters.'), id="email long"
        ),
        pytest.param(
            "user",
            {"email": "a@b.c\nd"},
            400,
            invalid('"email" must not contain control characters.'),
            id="email with a newline",
        ),
        pytest.param("user", {"email": "nobody"}, 400, bad_email("nobody"), id="no email"),
        pytest.param("user", {"email": "admin"}, 400, bad_email("admin"), id="another's username"),
        pytest.param(
            "user", {"email": "Admin@Example.com"}, 409, {"error": "Email already exists"}, id="another's email"
        ),
        pytest.param(
            "admin", {"email": "other@example.com"}, 409, {"error": "Email already exists"}, id="a third one's email"
        ),
        pytest.param("user", {"password": ["x"]}, 400, invalid('"password" must be a string.'), id="password a list"),
        pytest.param("user", {"password": "12345"}, 400, TOO_SHORT, id="password short"),
        pytest.param(
            "user",
            {"password": "x" * 4097},
            400,
            invalid('"password" must be at most 4096 characters.'),
            id="password long",
        ),
        pytest.param("user", {"role": "admin"}, 403, {"error": "Only admins can change user roles"}, id="own role"),
        pytest.param(
            "user", {"role": "user"}, 403, {"error": "Only admins can change user roles"}, id="own role, the same"
        ),
        pytest.param("user", {"role": 7}, 403, {"error": "Only admins can change user roles"}, id="role a number"),
        pytest.param(
            "user",
            {"is_active": True},
            403,
            {"error": "Only admins can change user active status"},
            id="own active status",
        ),
        pytest.param(
            "user",
            {"email": "new@example.com", "role": "admin"},
            403,
            {"error": "Only admins can change user roles"},
            id="a good email and a role: neither",
        ),
        pytest.param(
            "user",
            {"email": "new@example.com", "password": "a password", "is_active": False},
            403,
            {"error": "Only admins can change user active status"},
            id="a good password and an active status: neither",
        ),
        pytest.param("admin", {"role": "root"}, 400, BAD_ROLE, id="role unknown"),
        pytest.param("admin", {"role": ""}, 400, BAD_ROLE, id="role empty"),
        pytest.param("admin", {"role": ["admin"]}, 400, invalid('"role" must be a string.'), id="role a list"),
        pytest.param(
            "admin", {"is_active": 1}, 400, invalid('"is_active" must be true or false.'), id="is_active a number"
        ),
        pytest.param(
            "admin",
            {"is_active": "x", "role": "x", "password": "x", "email": "x"},
            400,
            bad_email("x"),
            id="email is refused first",
        ),
        pytest.param(
            "admin",
            {"email": "admin@example.com", "is_active": "x"},
            400,
            invalid('"is_active" must be true or false.'),
            id="the request's own faults before the database's",
        ),
    ],
)
def test_a_change_that_cannot_be_is_refused(
    api: Api, person: str, body: dict[str, Any], status: int, expected: dict[str, str]
) -> None:
    before = api.everything()

    answer = change(api, "user", body, as_=person)

    assert (answer.status, answer.json) == (status, expected)
    assert api.everything() == before


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"role": "user"}, id="demoted"),
        pytest.param({"is_active": False}, id="deactivated"),
        pytest.param({"role": "admin", "is_active": False}, id="role kept, deactivated"),
        pytest.param({"email": "new@example.com", "password": "a password", "role": "viewer"}, id="with more fields"),
    ],
)
def test_the_last_active_admin_stays(api: Api, body: dict[str, Any]) -> None:
    only_admin_left(api)
    before = api.everything()

    answer = change(api, "admin", body)

    assert (answer.status, answer.json) == (400, LAST_ADMIN)
    assert api.everything() == before


def test_the_last_active_admin_may_change_all_else(api: Api) -> None:
    only_admin_left(api)

    answer = change(api, "admin", {"role": "admin", "is_active": True, "email": "boss@example.com"})

    assert answer.json["updated_fields"] == ["email", "role", "is_active"]
    assert change(api, "admin2", {"role": "user"}).status == 200


def test_a_taken_email_is_refused_before_the_last_admin(api: Api) -> None:
    only_admin_left(api)

    answer = change(api, "admin", {"email": "user@example.com", "role": "user"})

    assert (answer.status, answer.json) == (409, {"error": "Email already exists"})


@pytest.mark.parametrize("body", [{"role": "user"}, {"is_active": False}, None], ids=["demote", "deactivate", "delete"])
def test_two_admins_who_remove_each_other_at_once_leave_one(api: Api, body: dict[str, Any] | None) -> None:
    def remove(name: str, as_: str) -> Callable[[Api], Answer]:
        if body is None:
            return lambda aside: aside.delete(path_of(name), as_=as_)
        return lambda aside: change(aside, name, body, as_=as_)

    answers = ask_while_writing(api, [remove("admin2", "admin"), remove("admin", "admin2")], lambda _: None)

    first, second = sorted(answers, key=lambda answer: answer.status)
    assert first.status == 200
    # Who comes so late that the first one is done already is no admin any more.
    assert second.json == LAST_ADMIN or second.status in (401, 403)
    assert len([row for row in api.rows(User) if row["role"] == "admin" and row["is_active"]]) == 1


def test_an_email_taken_meanwhile_is_refused(api: Api) -> None:
    answers = ask_while_writing(
        api,
        [
            lambda aside: change(aside, "user", {"email": "same@example.com"}, as_="user"),
            lambda aside: change(aside, "other", {"email": "same@example.com"}, as_="other"),
        ],
        lambda _: None,
    )

    assert sorted(answer.status for answer in answers) == [200, 409]


# Passwords


def me(api: Api, token: str) -> Answer:
    return api.get("/auth/me", token=token)


def test_a_changed_password_ends_every_token_but_the_one_that_changed_it(api: Api) -> None:
    earlier, refresh, mine = api.token("user"), api.token("user", "refresh"), api.token("user", jti="mine")
    others = api.token("other")

    answer = change(api, "user", {"password": "a new password"}, token=mine)

    assert (answer.status, answer.json["updated_fields"]) == (200, ["password"])
    assert me(api, mine).status == 200
    for answer in (me(api, earlier), api.post("/auth/refresh", token=refresh)):
        assert (answer.status, answer.json) == (401, REVOKED)
    assert me(api, others).status == 200
    row = api.row(User, id=world.user_id("user"))
    assert row["password_changed_by"] == "mine"
    assert row["password_changed_at"] == row["updated_at"]
    assert me(api, api.token("user")).status == 200


def test_a_changed_password_is_the_one_to_log_in_with(api: Api) -> None:
    change(api, "user", {"password": " new\tpassword "}, as_="user")

    for password, status in ((world.PASSWORD, 401), ("new\tpassword", 401), (" new\tpassword ", 200)):
        answer = api.post("/auth/login", {"username": "user", "password": password}, as_=None)
        assert answer.status == status


def test_tokens_of_a_login_before_a_change_end_and_after_it_work(api: Api) -> None:
    def log_in(password: str) -> dict[str, str]:
        answer: dict[str, str] = api.post("/auth/login", {"username": "user", "password": password}, as_=None).json
        return answer

    before = log_in(world.PASSWORD)
    change(api, "user", {"password": "a new password"}, as_="admin")
    after = log_in("a new password")

    assert me(api, before["access_token"]).json == REVOKED
    assert api.post("/auth/refresh", token=before["refresh_token"]).json == REVOKED
    assert me(api, after["access_token"]).status == 200
    assert api.post("/auth/refresh", token=after["refresh_token"]).status == 200


def test_the_same_password_sent_again_is_a_change(api: Api) -> None:
    earlier, mine = api.token("user"), api.token("user")

    assert change(api, "user", {"password": world.PASSWORD}, token=mine).status == 200

    assert me(api, earlier).json == REVOKED
    assert me(api, mine).status == 200


def test_the_token_that_changed_the_password_ends_with_the_next_change(api: Api) -> None:
    first, second = api.token("user", jti="first"), api.token("user", jti="second", iat=0)
    change(api, "user", {"password": "a new password"}, token=first)
    assert me(api, second).json == REVOKED
    third = api.token("user")

    change(api, "user", {"password": "another password"}, token=third)

    assert me(api, first).json == REVOKED
    assert me(api, third).status == 200


def test_an_admin_who_changes_another_s_password_ends_all_of_that_user_s_tokens(api: Api) -> None:
    kept = api.token("user", jti="kept")
    change(api, "user", {"password": "a new password"}, token=kept)
    admin = api.token("admin")

    assert change(api, "user", {"password": "another password"}, token=admin).status == 200

    assert me(api, kept).json == REVOKED
    assert me(api, admin).status == 200
    assert api.row(User, id=world.user_id("user"))["password_changed_by"] is None


def test_a_change_of_anything_else_ends_no_token(api: Api) -> None:
    token, refresh = api.token("user"), api.token("user", "refresh")

    change(api, "user", {"email": "new@example.com", "role": "viewer"})

    assert me(api, token).json["email"] == "new@example.com"
    assert api.post("/auth/refresh", token=refresh).status == 200


def test_a_new_password_is_kept_as_a_hash_of_its_own(api: Api) -> None:
    for name in ("user", "other"):
        change(api, name, {"password": "the same"})

    hashes = [api.row(User, id=world.user_id(name))["password_hash"] for name in ("user", "other")]
    assert hashes[0] != hashes[1]
    assert all(kept.startswith("$pbkdf2-sha256$29000$") for kept in hashes)


# Deleting


def add_belongings(api: Api, name: str) -> None:
    """Add a job, a notification and both preferences of a user."""
    stamps = {"created_at": world.CREATED, "updated_at": world.CREATED}
    user_id = world.user_id(name)
    api.add(
        Job,
        id=f"11111111-0000-4000-8000-{len(name):012}",
        name=f"Job of {name}",
        cron_expression="0 2 * * *",
        target_url="http://127.0.0.1:9/hook",
        job_metadata={},
        category="general",
        end_date=date.today() + timedelta(days=60),
        pic_team="core",
        created_by=user_id,
        **stamps,
    )
    api.add(Notification, user_id=user_id, title="t", message="m", type="info", created_at=world.CREATED)
    api.add(UserNotificationPreferences, user_id=user_id, **stamps)
    api.add(UserUiPreferences, user_id=user_id, **stamps)


def test_a_deleted_user_s_jobs_stay_and_all_else_goes(api: Api) -> None:
    add_belongings(api, "user")
    add_belongings(api, "other")
    before = api.everything()

    answer = api.delete(path_of("user"))

    assert answer.status == 200
    assert list(answer.json) == ["message", "deleted_user"]
    assert answer.json["message"] == "User deleted successfully"
    assert list(answer.json["deleted_user"].items()) == [("id", world.user_id("user")), ("username", "user")]
    after = api.everything()
    gone = world.user_id("user")
    for table in ("notifications", "user_notification_preferences", "user_ui_preferences"):
        assert after[table] == [row for row in before[table] if row["user_id"] != gone]
        assert len(after[table]) == 1
    assert after["users"] == [row for row in before["users"] if row["id"] != gone]
    assert after["jobs"] == [
        row | {"created_by": None if row["created_by"] == gone else row["created_by"]} for row in before["jobs"]
    ]


@pytest.mark.parametrize("name", ["user", "viewer", "inactive", "admin2"])
def test_a_deleted_user_is_gone_with_all_tokens(api: Api, name: str) -> None:
    token, refresh = api.token(name), api.token(name, "refresh")

    assert api.delete(path_of(name)).status == 200

    gone = {"error": "User not found or inactive"}
    for answer in (me(api, token), api.post("/auth/refresh", token=refresh), api.post("/auth/logout", token=token)):
        assert (answer.status, answer.json) == (401, gone)
    assert api.post("/auth/login", {"username": name, "password": world.PASSWORD}, as_=None).status == 401
    assert api.delete(path_of(name)).json == NO_USER
    assert api.rows(RevokedToken) == []


def test_the_names_of_a_deleted_user_are_free_again(api: Api) -> None:
    api.delete(path_of("user"))

    answer = register(api, {"username": "User", "email": "user@example.com", "password": world.PASSWORD})

    assert answer.status == 201
    assert answer.json["user"]["id"] != world.user_id("user")
    assert me(api, api.token("user")).status == 401


@pytest.mark.parametrize("with_others", [True, False], ids=["one of two admins", "the last admin"])
def test_nobody_deletes_themselves(api: Api, with_others: bool) -> None:
    if not with_others:
        only_admin_left(api)
    before = api.everything()

    answer = api.delete(path_of("admin"))

    assert (answer.status, answer.json) == (400, {"error": "Cannot delete your own account"})
    assert api.everything() == before


def test_an_inactive_admin_may_be_deleted_by_the_last_active_one(api: Api) -> None:
    only_admin_left(api)

    assert api.delete(path_of("admin2")).status == 200
    assert api.rows(LoginFailure) == []
