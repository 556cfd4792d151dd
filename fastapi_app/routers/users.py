"""Users: who there is, and what may be changed about them."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from fastapi_app.auth import requires
from fastapi_app.db import DatabaseDep
from fastapi_app.deps import ClockDep, answer, json_body
from fastapi_app.docs import documented
from fastapi_app.hashing import HashingDep
from fastapi_app.schemas import people as schemas
from shared_models import User, new_id
from shared_models.queries.people import (
    email_taken,
    other_active_admin,
    user_by_id,
    user_removed,
    username_taken,
    users_by_age,
)
from shared_rules import people as rules
from shared_rules.people import Actor

__all__ = ["users"]

users = APIRouter(tags=["users"])


@users.post(
    "/auth/register",
    dependencies=[requires("register")],
    **documented(
        "register",
        summary="Make a user",
        answers=schemas.Registered,
        status=201,
        body=schemas.Registration,
        refuses={
            400: [
                "Missing required fields",
                "Username must be at least 3 characters long",
                "Invalid username",
                "Invalid email",
                "Password must be at least 6 characters long",
                "Invalid role",
            ],
            409: ["Username already exists", "Email already exists"],
        },
    ),
)
async def register(request: Request, database: DatabaseDep, hashing: HashingDep, clock: ClockDep) -> Response:
    wanted = rules.wanted_for_register(await json_body(request))
    password_hash = await hashing.hash_password(wanted.password)
    async with database.writing() as session:
        rules.check_username_free(await session.scalar(username_taken(wanted.username)))
        rules.check_email_free(await session.scalar(email_taken(wanted.email)))
        row = User(id=new_id(), **rules.columns_of_new(wanted, password_hash, clock.now()))
        session.add(row)
        await session.commit()
    return answer({"message": "User registered successfully", "user": rules.user(row)}, 201)


@users.get(
    "/auth/users",
    dependencies=[requires("list_users")],
    **documented("list_users", summary="List users, oldest first", answers=schemas.Users),
)
async def list_users(database: DatabaseDep) -> Response:
    async with database.reading() as session:
        found = (await session.scalars(users_by_age())).all()
    return answer({"count": len(found), "users": [rules.user(row) for row in found]})


@users.get(
    "/auth/users/{user_id}",
    **documented(
        "get_user",
        summary="Show a user",
        answers=schemas.UserAnswer,
        refuses={403: ["Forbidden. You can only view your own profile."], 404: ["User not found"]},
    ),
)
async def get_user(user_id: str, actor: Annotated[Actor, requires("get_user")], database: DatabaseDep) -> Response:
    rules.check_self_or_admin(actor, user_id, "view")
    async with database.reading() as session:
        row = rules.check_found(await session.scalar(user_by_id(user_id)))
    return answer({"user": rules.user(row)})


@users.put(
    "/auth/users/{user_id}",
    **documented(
        "update_user",
        summary="Change a user; a new password ends the user's older tokens",
        answers=schemas.UserUpdated,
        body=schemas.UserUpdate,
        refuses={
            400: [
                "Invalid email",
                "Password must be at least 6 characters long",
                "Invalid role",
                "No valid fields to update",
                "Cannot remove the last active admin",
            ],
            403: [
                "Forbidden. You can only update your own profile.",
                "Only admins can change user roles",
                "Only admins can change user active status",
            ],
            404: ["User not found"],
            409: ["Email already exists"],
        },
    ),
)
async def update_user(
    *,
    user_id: str,
    request: Request,
    actor: Annotated[Actor, requires("update_user")],
    database: DatabaseDep,
    hashing: HashingDep,
    clock: ClockDep,
) -> Response:
    rules.check_self_or_admin(actor, user_id, "update")
    body = await json_body(request)
    async with database.reading() as session:
        rules.check_found(await session.scalar(user_by_id(user_id)))
    wanted = rules.wanted_for_update(actor, body)
    password_hash = await hashing.hash_password(wanted["password"]) if "password" in wanted else None
    async with database.writing() as session:
        row = rules.check_found(await session.scalar(user_by_id(user_id)))
        if "email" in wanted:
            rules.check_email_free(await session.scalar(email_taken(wanted["email"], but=row.id)))
        rules.check_an_admin_stays(row, wanted, await session.scalar(other_active_admin(row.id)))
        rules.apply_update(row, wanted, password_hash, actor, clock.now())
        await session.commit()
    return answer({"message": "User updated successfully", "updated_fields": list(wanted), "user": rules.user(row)})


@users.delete(
    "/auth/users/{user_id}",
    **documented(
        "delete_user",
        summary="Delete a user; their jobs stay, without an owner",
        answers=schemas.UserDeleted,
        refuses={
            400: ["Cannot delete your own account", "Cannot remove the last active admin"],
            404: ["User not found"],
        },
    ),
)
async def delete_user(
    user_id: str, actor: Annotated[Actor, requires("delete_user")], database: DatabaseDep
) -> Response:
    rules.check_not_self(actor, user_id)
    async with database.writing() as session:
        row = rules.check_found(await session.scalar(user_by_id(user_id)))
        rules.check_an_admin_stays(row, rules.GONE, await session.scalar(other_active_admin(row.id)))
        await session.execute(user_removed(row.id))
        await session.commit()
    return answer({"message": "User deleted successfully", "deleted_user": {"id": row.id, "username": row.username}})
