"""Categories and PIC teams."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from fastapi_app.auth import requires
from fastapi_app.db import DatabaseDep
from fastapi_app.deps import ClockDep, QueryDep, answer, json_body
from fastapi_app.docs import documented, query_parameter
from fastapi_app.schemas import taxonomy as schemas
from shared_models import JobCategory, PicTeam, new_id
from shared_models.queries.taxonomy import jobs_follow_slug, row_by_id, rows, slug_taken
from shared_rules import taxonomy as rules
from shared_rules.changes import apply
from shared_rules.people import Actor

__all__ = ["taxonomy"]

taxonomy = APIRouter(tags=["taxonomy"])

INCLUDE_INACTIVE = query_parameter("include_inactive", "1, true, yes, y or on; counts for admins only", example="true")


@taxonomy.get(
    "/job-categories",
    **documented(
        "list_categories", summary="List categories by name", answers=schemas.Categories, query=[INCLUDE_INACTIVE]
    ),
)
async def list_categories(
    actor: Annotated[Actor, requires("list_categories")], query: QueryDep, database: DatabaseDep
) -> Response:
    everything = actor.is_admin and query.flag("include_inactive")
    async with database.reading() as session:
        found = (await session.scalars(rows(JobCategory, include_inactive=everything))).all()
    return answer({"categories": [rules.category(row) for row in rules.in_name_order(found)]})


@taxonomy.post(
    "/job-categories",
    dependencies=[requires("create_category")],
    **documented(
        "create_category",
        summary="Create a category",
        answers=schemas.CategoryAnswer,
        status=201,
        body=schemas.CategoryCreate,
        refuses={400: ["Missing required fields", "Invalid slug"], 409: ["Duplicate slug"]},
    ),
)
async def create_category(request: Request, database: DatabaseDep, clock: ClockDep) -> Response:
    wanted = rules.wanted_for_create(rules.CATEGORY, await json_body(request))
    async with database.writing() as session:
        taken = await session.scalar(slug_taken(JobCategory, wanted["slug"]))
        rules.check_slug_free(rules.CATEGORY, wanted["slug"], taken)
        now = clock.now()
        row = JobCategory(id=new_id(), created_at=now, updated_at=now, **wanted)
        session.add(row)
        await session.commit()
    return answer({"message": "Category created", "category": rules.category(row)}, 201)


@taxonomy.put(
    "/job-categories/{category_id}",
    dependencies=[requires("update_category")],
    **documented(
        "update_category",
        summary="Update a category; its jobs follow a changed slug",
        answers=schemas.CategoryUpdated,
        body=schemas.CategoryUpdate,
        refuses={
            400: ["Invalid name", "Invalid category", "Invalid slug"],
            404: ["Not found"],
            409: ["Duplicate slug"],
        },
    ),
)
async def update_category(category_id: str, request: Request, database: DatabaseDep, clock: ClockDep) -> Response:
    body = await json_body(request)
    async with database.writing() as session:
        row = rules.check_found(rules.CATEGORY, await session.scalar(row_by_id(JobCategory, category_id)), category_id)
        wanted = rules.wanted_for_update(rules.CATEGORY, body)
        rules.check_may_rename(row, wanted.get("name", row.name))
        slug = wanted.get("slug", row.slug)
        rules.check_slug_free(rules.CATEGORY, slug, await session.scalar(slug_taken(JobCategory, slug, but=row.id)))
        moved = (await session.scalars(jobs_follow_slug(JobCategory, row.slug, slug))).all() if slug != row.slug else []
        apply(row, wanted, clock.now())
        await session.commit()
    return answer({"message": "Category updated", "category": rules.category(row), "jobs_updated": len(moved)})


@taxonomy.delete(
    "/job-categories/{category_id}",
    dependencies=[requires("disable_category")],
    **documented(
        "disable_category", summary="Disable a category", answers=schemas.CategoryAnswer, refuses={404: ["Not found"]}
    ),
)
async def disable_category(category_id: str, database: DatabaseDep, clock: ClockDep) -> Response:
    async with database.writing() as session:
        row = rules.check_found(rules.CATEGORY, await session.scalar(row_by_id(JobCategory, category_id)), category_id)
        apply(row, {"is_active": False}, clock.now())
        await session.commit()
    return answer({"message": "Category disabled", "category": rules.category(row)})


@taxonomy.get(
    "/pic-teams",
    **documented("list_teams", summary="List PIC teams by name", answers=schemas.Teams, query=[INCLUDE_INACTIVE]),
)
async def list_teams(
    actor: Annotated[Actor, requires("list_teams")], query: QueryDep, database: DatabaseDep
) -> Response:
    everything = actor.is_admin and query.flag("include_inactive")
    async with database.reading() as session:
        found = (await session.scalars(rows(PicTeam, include_inactive=everything))).all()
    return answer({"pic_teams": [rules.team(row) for row in rules.in_name_order(found)]})


@taxonomy.post(
    "/pic-teams",
    dependencies=[requires("create_team")],
    **documented(
        "create_team",
        summary="Create a PIC team",
        answers=schemas.TeamAnswer,
        status=201,
        body=schemas.TeamCreate,
        refuses={400: ["Missing required fields", "Invalid slug"], 409: ["Duplicate slug"]},
    ),
)
async def create_team(request: Request, database: DatabaseDep, clock: ClockDep) -> Response:
    wanted = rules.wanted_for_create(rules.TEAM, await json_body(request))
    async with database.writing() as session:
        taken = await session.scalar(slug_taken(PicTeam, wanted["slug"]))
        rules.check_slug_free(rules.TEAM, wanted["slug"], taken)
        now = clock.now()
        row = PicTeam(id=new_id(), created_at=now, updated_at=now, **wanted)
        session.add(row)
        await session.commit()
    return answer({"message": "PIC team created", "pic_team": rules.team(row)}, 201)


@taxonomy.put(
    "/pic-teams/{team_id}",
    dependencies=[requires("update_team")],
    **documented(
        "update_team",
        summary="Update a PIC team; its jobs follow a changed slug",
        answers=schemas.TeamUpdated,
        body=schemas.TeamUpdate,
        refuses={
            400: ["Invalid name", "Invalid slug", "Invalid slack_handle"],
            404: ["Not found"],
            409: ["Duplicate slug"],
        },
    ),
)
async def update_team(team_id: str, request: Request, database: DatabaseDep, clock: ClockDep) -> Response:
    body = await json_body(request)
    async with database.writing() as session:
        row = rules.check_found(rules.TEAM, await session.scalar(row_by_id(PicTeam, team_id)), team_id)
        wanted = rules.wanted_for_update(rules.TEAM, body)
        slug = wanted.get("slug", row.slug)
        rules.check_slug_free(rules.TEAM, slug, await session.scalar(slug_taken(PicTeam, slug, but=row.id)))
        moved = (await session.scalars(jobs_follow_slug(PicTeam, row.slug, slug))).all() if slug != row.slug else []
        apply(row, wanted, clock.now())
        await session.commit()
    return answer({"message": "PIC team updated", "pic_team": rules.team(row), "jobs_updated": len(moved)})


@taxonomy.delete(
    "/pic-teams/{team_id}",
    dependencies=[requires("disable_team")],
    **documented(
        "disable_team", summary="Disable a PIC team", answers=schemas.TeamAnswer, refuses={404: ["Not found"]}
    ),
)
async def disable_team(team_id: str, database: DatabaseDep, clock: ClockDep) -> Response:
    async with database.writing() as session:
        row = rules.check_found(rules.TEAM, await session.scalar(row_by_id(PicTeam, team_id)), team_id)
        apply(row, {"is_active": False}, clock.now())
        await session.commit()
    return answer({"message": "PIC team disabled", "pic_team": rules.team(row)})
