"""Cases: deleting a job, what goes with it and what stays."""

import pytest

from shared_models import Job, JobExecution, JobSchedule, Notification, new_id
from tests.contract import world
from tests.contract.api import Api
from tests.contract.jobs import add_execution, add_job, told

NOT_YOURS = {"error": "Insufficient permissions", "message": "You can only delete your own jobs"}


def test_a_deleted_job_is_gone(api: Api) -> None:
    job, other = add_job(api, name='Ünï "x"'), add_job(api)
    add_execution(api, job)
    kept = add_execution(api, other)

    answer = api.delete(f"/jobs/{job['id']}", as_="user")

    assert (answer.status, answer.json) == (
        200,
        {"message": "Job deleted successfully", "deleted_job": {"id": job["id"], "name": 'Ünï "x"'}},
    )
    assert list(answer.json["deleted_job"]) == ["id", "name"]
    assert [row["id"] for row in api.rows(Job)] == [other["id"]]
    assert [row["job_id"] for row in api.rows(JobSchedule)] == [other["id"]]
    assert [row["id"] for row in api.rows(JobExecution)] == [kept["id"]]
    assert told(api) == [("Job Deleted", 'Job "Ünï "x"" was deleted by user@example.com.', "warning", None)]
    assert api.get(f"/jobs/{job['id']}").status == 404
    assert api.delete(f"/jobs/{job['id']}").status == 404


def test_notifications_of_a_deleted_job_stay_unlinked(api: Api) -> None:
    job = add_job(api)
    run = add_execution(api, job)
    columns = {"user_id": world.user_id("viewer"), "title": "Job Failed", "message": "m", "type": "error"}
    old = api.add(
        Notification,
        id=new_id(),
        related_job_id=job["id"],
        related_execution_id=run["id"],
        created_at=world.CREATED,
        **columns,
    )
    unlinked = {"related_job_id": None, "related_execution_id": None, "is_read": False, "read_at": None}

    api.delete(f"/jobs/{job['id']}")

    assert api.row(Notification, id=old["id"]) == old | unlinked


@pytest.mark.parametrize(
    ("owner", "person", "status"),
    [
        pytest.param("user", "user", 200, id="own job"),
        pytest.param("other", "user", 403, id="another user's job"),
        pytest.param(None, "user", 403, id="nobody's job"),
        pytest.param("viewer", "viewer", 403, id="a viewer's own job"),
        pytest.param("user", "viewer", 403, id="viewer"),
        pytest.param("user", "admin2", 200, id="admin"),
        pytest.param(None, "admin", 200, id="admin and nobody's job"),
    ],
)
def test_users_delete_their_own_jobs_only(api: Api, owner: str | None, person: str, status: int) -> None:
    job = add_job(api, created_by=owner and world.user_id(owner))
    before = api.everything()

    answer = api.delete(f"/jobs/{job['id']}", as_=person)

    assert answer.status == status
    if status == 403:
        assert answer.json == NOT_YOURS
        assert api.everything() == before


def test_a_body_is_not_looked_at(api: Api) -> None:
    job = add_job(api)

    assert api.delete(f"/jobs/{job['id']}", content=b"{").status == 200


def test_an_inactive_and_an_expired_job_can_be_deleted(api: Api) -> None:
    for columns in ({"is_active": False}, {"end_date": world.CREATED.date()}):
        assert api.delete(f"/jobs/{add_job(api, **columns)['id']}").status == 200

    assert api.rows(Job) == []


def test_a_name_is_free_again(api: Api) -> None:
    job = add_job(api, name="Again")
    api.delete(f"/jobs/{job['id']}")
    body = {"name": "Again", "cron_expression": "* * * * *", "end_date": "2099-12-31", "pic_team": "core"}

    assert api.post("/jobs", body | {"target_url": "https://x.example"}).status == 201
