"""Cases: the permission matrix. Every operation of the policy table, asked by each kind of caller."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from shared_models import Job, JobExecution, Notification, User
from shared_rules.policy import OPERATIONS, Operation, Owner, Role, Token
from tests.contract import world
from tests.contract.api import Answer, Api

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
JOB_ID = "11111111-0000-4000-8000-000000000001"
EXECUTION_ID = "11111111-0000-4000-8000-000000000002"
NOTIFICATION_ID = "11111111-0000-4000-8000-000000000003"
END_DATE = (date.today() + timedelta(days=90)).isoformat()

IDS = {
    "user_id": world.user_id("user"),
    "job_id": JOB_ID,
    "execution_id": EXECUTION_ID,
    "notification_id": NOTIFICATION_ID,
    "category_id": world.CATEGORY_IDS["refund"],
    "team_id": world.TEAM_ID,
}
BODIES: dict[str, Any] = {
    "login": {"username": "user", "password": world.PASSWORD},
    "register": {"username": "newcomer", "email": "newcomer@example.com", "password": "a password"},
    "update_user": {"email": "moved@example.com"},
    "update_preferences": {"daily_digest": True},
    "update_ui_preferences": {"jobs_table_columns": {"pic_team": False}},
    "create_job": {
        "name": "New",
        "cron_expression": "0 2 * * *",
        "end_date": END_DATE,
        "pic_team": "core",
        "target_url": "http://127.0.0.1:9/hook",
    },
    "update_job": {"name": "Renamed"},
    "validate_cron": {"expression": "0 2 * * *"},
    "preview_cron": {"expression": "0 2 * * *"},
    "test_run": {"target_url": "http://127.0.0.1:9/hook"},
    "create_category": {"name": "Fresh"},
    "update_category": {"name": "Fresh"},
    "create_team": {"name": "Fresh", "slack_handle": "@fresh"},
    "update_team": {"name": "Fresh"},
    "update_slack_settings": {"channel": "#ops"},
}


@dataclass(frozen=True)
class Caller:
    """Who asks: one of the world's people, and what happens to their row after the token was made."""

    person: str | None
    owns: bool = False
    change: dict[str, Any] | None = None


CALLERS = {
    "no token": Caller(None),
    "viewer": Caller("viewer"),
    "user": Caller("other"),
    "owner": Caller("user", owns=True),
    "admin": Caller("admin"),
    "demoted admin": Caller("admin2", change={"role": "viewer"}),
    "deactivated": Caller("admin2", change={"is_active": False}),
}


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_the_policy_decides(api: Api, operation: Operation, caller: Caller) -> None:
    add_rows(api)
    token = caller.person and api.token(caller.person, "refresh" if operation.token is Token.REFRESH else "access")
    if caller.change and caller.person:
        change_row(api, caller.person, caller.change)
    before = api.everything()

    answer = ask(api, operation, token)

    expected = expected_refusal(operation, caller)
    if expected is None:
        assert answer.status in (200, 201), answer.body
    else:
        assert answer.status == expected
        assert api.everything() == before


def expected_refusal(operation: Operation, caller: Caller) -> int | None:
    """Return 401 or 403 as the policy table has it, None for those who may."""
    if operation.token is Token.NONE:
        return None
    if caller.person is None or caller is CALLERS["deactivated"]:
        return 401
    role = Role.VIEWER if caller.change else Role(world.PEOPLE[caller.person][1])
    if role not in operation.roles:
        return 403
    names_a_row = operation.owner is not None and "{" in operation.path
    admins_may = operation.owner is not Owner.ROW
    if names_a_row and not caller.owns and not (role is Role.ADMIN and admins_may):
        return 403
    return None


def ask(api: Api, operation: Operation, token: str | None) -> Answer:
    """Send a request that is right in everything but perhaps its sender."""
    path = operation.path.format(**IDS)
    if operation.name == "login_form":
        return api.request("POST", path, as_=None, data={"username": "user", "password": world.PASSWORD}, token=token)
    if operation.name == "bulk_upload":
        row = f"Uploaded,0 2 * * *,{END_DATE},core,http://127.0.0.1:9/hook"
        csv = f"name,cron,end_date,pic_team,target_url\n{row}\n".encode()
        return api.request("POST", path, as_=None, files={"file": ("jobs.csv", csv, "text/csv")}, token=token)
    body = BODIES.get(operation.name, ...)
    return api.request(operation.method, path, as_=None, json=body, token=token)


def add_rows(api: Api) -> None:
    """Add a job with an execution and a notification, all of the person called user."""
    stamps = {"created_at": NOW, "updated_at": NOW}
    api.add(
        Job,
        id=JOB_ID,
        name="Nightly",
        cron_expression="0 2 * * *",
        # Refused at once: nobody listens on the discard port.
        target_url="http://127.0.0.1:9/hook",
        job_metadata={},
        category="general",
        end_date=date.today() + timedelta(days=60),
        pic_team="core",
        created_by=world.user_id("user"),
        **stamps,
    )
    api.add(
        JobExecution,
        id=EXECUTION_ID,
        job_id=JOB_ID,
        status="success",
        trigger_type="manual",
        started_at=NOW,
        completed_at=NOW,
        duration_seconds=0.5,
        execution_type="webhook",
        target="http://127.0.0.1:9/hook",
        response_status=200,
        phase="done",
    )
    api.add(
        Notification,
        id=NOTIFICATION_ID,
        user_id=world.user_id("user"),
        title="Job Completed",
        message="Done.",
        type="success",
        created_at=NOW,
    )


def change_row(api: Api, person: str, columns: dict[str, Any]) -> None:
    with api.stack.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(update(User).where(User.id == world.user_id(person)).values(columns))
