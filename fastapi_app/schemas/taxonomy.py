"""Bodies and answers of categories and PIC teams."""

from pydantic import Field

from fastapi_app.schemas.wire import AnswerModel, Identifier, Instant, RequestModel

__all__ = [
    "Categories",
    "Category",
    "CategoryAnswer",
    "CategoryCreate",
    "CategoryUpdate",
    "CategoryUpdated",
    "Team",
    "TeamAnswer",
    "TeamCreate",
    "TeamUpdate",
    "TeamUpdated",
    "Teams",
]


class Category(AnswerModel):
    id: Identifier
    slug: str = Field(examples=["dr-testing"])
    name: str = Field(examples=["DR Testing"])
    is_active: bool
    created_at: Instant
    updated_at: Instant


class Team(AnswerModel):
    id: Identifier
    slug: str = Field(examples=["platform"])
    name: str = Field(examples=["Platform"])
    slack_handle: str = Field(examples=["@platform"])
    is_active: bool
    created_at: Instant
    updated_at: Instant


class Categories(AnswerModel):
    categories: list[Category]


class Teams(AnswerModel):
    pic_teams: list[Team]


class CategoryAnswer(AnswerModel):
    message: str
    category: Category


class CategoryUpdated(CategoryAnswer):
    jobs_updated: int = Field(description="Jobs that followed a changed slug")


class TeamAnswer(AnswerModel):
    message: str
    pic_team: Team


class TeamUpdated(TeamAnswer):
    jobs_updated: int = Field(description="Jobs that followed a changed slug")


class CategoryCreate(RequestModel):
    name: str = Field(max_length=255, examples=["DR Testing"])
    slug: str | None = Field(default=None, description="Made from the name when absent", examples=["dr-testing"])
    is_active: bool | None = None


class CategoryUpdate(RequestModel):
    name: str | None = Field(default=None, max_length=255, examples=["DR Testing"])
    is_active: bool | None = None


class TeamCreate(RequestModel):
    name: str = Field(max_length=255, examples=["Platform"])
    slack_handle: str = Field(max_length=255, examples=["@platform"])
    slug: str | None = Field(default=None, description="Made from the name when absent", examples=["platform"])
    is_active: bool | None = None


class TeamUpdate(RequestModel):
    name: str | None = Field(default=None, max_length=255, examples=["Platform"])
    slack_handle: str | None = Field(default=None, max_length=255, examples=["@platform"])
    is_active: bool | None = None
