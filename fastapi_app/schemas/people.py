"""Bodies and answers of logins and users."""

from typing import Literal

from pydantic import Field

from fastapi_app.schemas.wire import AnswerModel, Identifier, Instant, RequestModel

__all__ = [
    "DeletedUser",
    "Login",
    "LoginAnswer",
    "LoginForm",
    "Me",
    "Message",
    "RefreshToken",
    "Registered",
    "Registration",
    "TokenPair",
    "User",
    "UserAnswer",
    "UserDeleted",
    "UserUpdate",
    "UserUpdated",
    "Users",
    "Verified",
]

RoleName = Literal["admin", "user", "viewer"]


class User(AnswerModel):
    id: Identifier
    username: str = Field(examples=["ana.lopes"])
    email: str = Field(examples=["ana@example.com"])
    role: RoleName
    is_active: bool
    created_at: Instant
    updated_at: Instant


class Me(User):
    user: User = Field(description="The same fields once more, for clients of the legacy stack")


class Users(AnswerModel):
    count: int
    users: list[User] = Field(description="Oldest first")


class UserAnswer(AnswerModel):
    user: User


class Message(AnswerModel):
    message: str


class Registered(Message):
    user: User


class UserUpdated(Message):
    updated_fields: list[Literal["email", "password", "role", "is_active"]]
    user: User


class DeletedUser(AnswerModel):
    id: Identifier
    username: str


class UserDeleted(Message):
    deleted_user: DeletedUser


class TokenPair(AnswerModel):
    access_token: str
    refresh_token: str = Field(description="Never rotated: a refresh answers with the one it was asked with")
    token_type: Literal["bearer"]
    expires_in: int = Field(description="Seconds the access token is good for", examples=[3600])


class LoginAnswer(TokenPair):
    message: str
    user: User


class Verified(AnswerModel):
    valid: Literal[True]
    user_id: Identifier
    username: str
    role: RoleName
    message: str


class Login(RequestModel):
    username: str | None = Field(default=None, description="Username or e-mail, in any case", examples=["ana.lopes"])
    email: str | None = Field(
        default=None, description="The same, where username is absent", examples=["ana@example.com"]
    )
    password: str = Field(max_length=4096, examples=["correct horse"])


class LoginForm(RequestModel):
    grant_type: str | None = Field(default=None, examples=["password"])
    username: str = Field(description="Username or e-mail, in any case", examples=["ana.lopes"])
    password: str = Field(max_length=4096, examples=["correct horse"])


class RefreshToken(RequestModel):
    refresh_token: str | None = Field(default=None, examples=["eyJhbGciOiJIUzI1NiJ9.e30.signature"])


class Registration(RequestModel):
    username: str = Field(min_length=3, max_length=80, pattern=r"^[A-Za-z0-9_.-]+$", examples=["ana.lopes"])
    email: str = Field(max_length=120, examples=["ana@example.com"])
    password: str = Field(min_length=6, max_length=4096, examples=["correct horse"])
    role: RoleName | None = Field(default=None, description="viewer when absent")
    is_active: bool | None = Field(default=None, description="true when absent")


class UserUpdate(RequestModel):
    email: str | None = Field(default=None, max_length=120, examples=["ana@example.com"])
    password: str | None = Field(default=None, max_length=4096, description="At least 6 characters; ends older tokens")
    role: RoleName | None = Field(default=None, description="Admins only")
    is_active: bool | None = Field(default=None, description="Admins only")
