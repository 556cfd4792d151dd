"""Categories and PIC teams."""

from flask import Blueprint, Response

from legacy_flask.auth import current_actor, requires
from legacy_flask.db import reading, writing
from legacy_flask.http import answer, clock, json_body, query
from shared_models import JobCategory, PicTeam, new_id
from shared_models.queries.taxonomy import jobs_follow_slug, row_by_id, rows, slug_taken
from shared_rules import taxonomy as rules
from shared_rules.changes import apply

__all__ = ["taxonomy"]

taxonomy = Blueprint("taxonomy", __name__)


@taxonomy.get("/job-categories")
@requires("list_categories")
def list_categories() -> Response:
    everything = current_actor().is_admin and query().flag("include_inactive")
    with reading() as session:
        found = session.scalars(rows(JobCategory, include_inactive=everything)).all()
    return answer({"categories": [rules.category(row) for row in rules.in_name_order(found)]})


@taxonomy.post("/job-categories")
@requires("create_category")
def create_category() -> Response:
    wanted = rules.wanted_for_create(rules.CATEGORY, json_body())
    with writing() as session:
        taken = session.scalar(slug_taken(JobCategory, wanted["slug"]))
        rules.check_slug_free(rules.CATEGORY, wanted["slug"], taken)
        now = clock().now()
        row = JobCategory(id=new_id(), created_at=now, updated_at=now, **wanted)
        session.add(row)
        session.commit()
    return answer({"message": "Category created", "category": rules.category(row)}, 201)


@taxonomy.put("/job-categories/<category_id>")
@requires("update_category")
def update_category(category_id: str) -> Response:
    body = json_body()
    with writing() as session:
        row = rules.check_found(rules.CATEGORY, session.scalar(row_by_id(JobCategory, category_id)), category_id)
        wanted = rules.wanted_for_update(rules.CATEGORY, body)
        rules.check_may_rename(row, wanted.get("name", row.name))
        slug = wanted.get("slug", row.slug)
        rules.check_slug_free(rules.CATEGORY, slug, session.scalar(slug_taken(JobCategory, slug, but=row.id)))
        moved = session.scalars(jobs_follow_slug(JobCategory, row.slug, slug)).all() if slug != row.slug else []
        apply(row, wanted, clock().now())
        session.commit()
    return answer({"message": "Category updated", "category": rules.category(row), "jobs_updated": len(moved)})


@taxonomy.delete("/job-categories/<category_id>")
@requires("disable_category")
def disable_category(category_id: str) -> Response:
    with writing() as session:
        row = rules.check_found(rules.CATEGORY, session.scalar(row_by_id(JobCategory, category_id)), category_id)
        apply(row, {"is_active": False}, clock().now())
        session.commit()
    return answer({"message": "Category disabled", "category": rules.category(row)})


@taxonomy.get("/pic-teams")
@requires("list_teams")
def list_teams() -> Response:
    everything = current_actor().is_admin and query().flag("include_inactive")
    with reading() as session:
        found = session.scalars(rows(PicTeam, include_inactive=everything)).all()
    return answer({"pic_teams": [rules.team(row) for row in rules.in_name_order(found)]})


@taxonomy.post("/pic-teams")
@requires("create_team")
def create_team() -> Response:
    wanted = rules.wanted_for_create(rules.TEAM, json_body())
    with writing() as session:
        taken = session.scalar(slug_taken(PicTeam, wanted["slug"]))
        rules.check_slug_free(rules.TEAM, wanted["slug"], taken)
        now = clock().now()
        row = PicTeam(id=new_id(), created_at=now, updated_at=now, **wanted)
        session.add(row)
        session.commit()
    return answer({"message": "PIC team created", "pic_team": rules.team(row)}, 201)


@taxonomy.put("/pic-teams/<team_id>")
@requires("update_team")
def update_team(team_id: str) -> Response:
    body = json_body()
    with writing() as session:
        row = rules.check_found(rules.TEAM, session.scalar(row_by_id(PicTeam, team_id)), team_id)
        wanted = rules.wanted_for_update(rules.TEAM, body)
        slug = wanted.get("slug", row.slug)
        rules.check_slug_free(rules.TEAM, slug, session.scalar(slug_taken(PicTeam, slug, but=row.id)))
        moved = session.scalars(jobs_follow_slug(PicTeam, row.slug, slug)).all() if slug != row.slug else []
        apply(row, wanted, clock().now())
        session.commit()
    return answer({"message": "PIC team updated", "pic_team": rules.team(row), "jobs_updated": len(moved)})


@taxonomy.delete("/pic-teams/<team_id>")
@requires("disable_team")
def disable_team(team_id: str) -> Response:
    with writing() as session:
        row = rules.check_found(rules.TEAM, session.scalar(row_by_id(PicTeam, team_id)), team_id)
        apply(row, {"is_active": False}, clock().now())
        session.commit()
    return answer({"message": "PIC team disabled", "pic_team": rules.team(row)})
