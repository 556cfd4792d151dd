"""Users: who there is, and what may be changed about them."""

from flask import Blueprint, Response

from legacy_flask.auth import current_actor, requires
from legacy_flask.db import reading, writing
from legacy_flask.http import answer, clock, json_body
from shared_models import User, new_id
from shared_models.queries.people import (
    email_taken,
    other_active_admin,
    user_by_id,
    user_removed,
    username_taken,
    users_by_age,
)
from shared_rules import passwords
from shared_rules import people as rules

__all__ = ["users"]

users = Blueprint("users", __name__)


@users.post("/auth/register")
@requires("register")
def register() -> Response:
    wanted = rules.wanted_for_register(json_body())
    password_hash = passwords.hash_password(wanted.password)
    with writing() as session:
        rules.check_username_free(session.scalar(username_taken(wanted.username)))
        rules.check_email_free(session.scalar(email_taken(wanted.email)))
        row = User(id=new_id(), **rules.columns_of_new(wanted, password_hash, clock().now()))
        session.add(row)
        session.commit()
    return answer({"message": "User registered successfully", "user": rules.user(row)}, 201)


@users.get("/auth/users")
@requires("list_users")
def list_users() -> Response:
    with reading() as session:
        found = session.scalars(users_by_age()).all()
    return answer({"count": len(found), "users": [rules.user(row) for row in found]})


@users.get("/auth/users/<user_id>")
@requires("get_user")
def get_user(user_id: str) -> Response:
    rules.check_self_or_admin(current_actor(), user_id, "view")
    with reading() as session:
        row = rules.check_found(session.scalar(user_by_id(user_id)))
    return answer({"user": rules.user(row)})


@users.put("/auth/users/<user_id>")
@requires("update_user")
def update_user(user_id: str) -> Response:
    actor = current_actor()
    rules.check_self_or_admin(actor, user_id, "update")
    body = json_body()
    with reading() as session:
        rules.check_found(session.scalar(user_by_id(user_id)))
    wanted = rules.wanted_for_update(actor, body)
    password_hash = passwords.hash_password(wanted["password"]) if "password" in wanted else None
    with writing() as session:
        row = rules.check_found(session.scalar(user_by_id(user_id)))
        if "email" in wanted:
            rules.check_email_free(session.scalar(email_taken(wanted["email"], but=row.id)))
        rules.check_an_admin_stays(row, wanted, session.scalar(other_active_admin(row.id)))
        rules.apply_update(row, wanted, password_hash, actor, clock().now())
        session.commit()
    return answer({"message": "User updated successfully", "updated_fields": list(wanted), "user": rules.user(row)})


@users.delete("/auth/users/<user_id>")
@requires("delete_user")
def delete_user(user_id: str) -> Response:
    rules.check_not_self(current_actor(), user_id)
    with writing() as session:
        row = rules.check_found(session.scalar(user_by_id(user_id)))
        rules.check_an_admin_stays(row, rules.GONE, session.scalar(other_active_admin(row.id)))
        session.execute(user_removed(row.id))
        session.commit()
    return answer({"message": "User deleted successfully", "deleted_user": {"id": row.id, "username": row.username}})
