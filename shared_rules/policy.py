"""Who may do what: the one table of operations, read by both stacks, by the 405 answers and by the permission tests."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from shared_rules.errors import Forbidden

__all__ = ["OPERATIONS", "Operation", "Owner", "Role", "Token", "allowed_methods", "check_role"]


class Role(StrEnum):
    ADMIN = "admin"
    USER = "user"
    VIEWER = "viewer"


class Token(StrEnum):
    """Which token an operation asks for."""

    NONE = "none"
    ACCESS = "access"
    REFRESH = "refresh"


class Owner(StrEnum):
    """Whose row the path must name, in words for people."""

    SELF = "own account, admins any"
    JOB = "own jobs, admins any"
    ROW = "own rows, admins too"


_EVERYBODY = frozenset(Role)
_WRITERS = frozenset({Role.ADMIN, Role.USER})
_ADMINS = frozenset({Role.ADMIN})


@dataclass(frozen=True)
class Operation:
    """One endpoint. `path` is without the stack's prefix; where it names a row, `owner` says whose it must be."""

    name: str
    method: str
    path: str
    roles: frozenset[Role] = _EVERYBODY
    token: Token = Token.ACCESS
    owner: Owner | None = None


def _public(name: str, method: str, path: str) -> Operation:
    return Operation(name, method, path, token=Token.NONE)


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        _public("login", "POST", "/auth/login"),
        _public("login_form", "POST", "/auth/login/form"),
        Operation("refresh", "POST", "/auth/refresh", token=Token.REFRESH),
        Operation("logout", "POST", "/auth/logout"),
        Operation("verify", "GET", "/auth/verify"),
        Operation("me", "GET", "/auth/me"),
        Operation("register", "POST", "/auth/register", _ADMINS),
        Operation("list_users", "GET", "/auth/users", _ADMINS),
        Operation("get_user", "GET", "/auth/users/{user_id}", owner=Owner.SELF),
        Operation("update_user", "PUT", "/auth/users/{user_id}", owner=Owner.SELF),
        Operation("delete_user", "DELETE", "/auth/users/{user_id}", _ADMINS),
        Operation("get_preferences", "GET", "/auth/users/{user_id}/preferences", owner=Owner.SELF),
        Operation("update_preferences", "PUT", "/auth/users/{user_id}/preferences", owner=Owner.SELF),
        Operation("get_ui_preferences", "GET", "/auth/users/{user_id}/ui-preferences", owner=Owner.SELF),
        Operation("update_ui_preferences", "PUT", "/auth/users/{user_id}/ui-preferences", owner=Owner.SELF),
        Operation("list_jobs", "GET", "/jobs"),
        Operation("create_job", "POST", "/jobs", _WRITERS),
        Operation("validate_cron", "POST", "/jobs/validate-cron"),
        Operation("preview_cron", "POST", "/jobs/cron-preview"),
        Operation("test_run", "POST", "/jobs/test-run", _WRITERS),
        Operation("bulk_upload", "POST", "/jobs/bulk-upload", _WRITERS),
        Operation("get_job", "GET", "/jobs/{job_id}"),
        Operation("update_job", "PUT", "/jobs/{job_id}", owner=Owner.JOB),
        Operation("delete_job", "DELETE", "/jobs/{job_id}", owner=Owner.JOB),
        Operation("execute_job", "POST", "/jobs/{job_id}/execute", _WRITERS, owner=Owner.JOB),
        Operation("list_job_executions", "GET", "/jobs/{job_id}/executions"),
        Operation("job_statistics", "GET", "/jobs/{job_id}/executions/stats"),
        Operation("get_job_execution", "GET", "/jobs/{job_id}/executions/{execution_id}"),
        Operation("list_executions", "GET", "/executions"),
        Operation("execution_statistics", "GET", "/executions/statistics"),
        Operation("get_execution", "GET", "/executions/{execution_id}"),
        Operation("list_categories", "GET", "/job-categories"),
        Operation("create_category", "POST", "/job-categories", _ADMINS),
        Operation("update_category", "PUT", "/job-categories/{category_id}", _ADMINS),
        Operation("disable_category", "DELETE", "/job-categories/{category_id}", _ADMINS),
        Operation("list_teams", "GET", "/pic-teams"),
        Operation("create_team", "POST", "/pic-teams", _ADMINS),
        Operation("update_team", "PUT", "/pic-teams/{team_id}", _ADMINS),
        Operation("disable_team", "DELETE", "/pic-teams/{team_id}", _ADMINS),
        Operation("get_slack_settings", "GET", "/settings/slack", _ADMINS),
        Operation("update_slack_settings", "PUT", "/settings/slack", _ADMINS),
        Operation("list_notifications", "GET", "/notifications", owner=Owner.ROW),
        Operation("count_unread", "GET", "/notifications/unread-count", owner=Owner.ROW),
        Operation("read_all_notifications", "PUT", "/notifications/read-all", owner=Owner.ROW),
        Operation("delete_read_notifications", "DELETE", "/notifications/delete-read", owner=Owner.ROW),
        Operation("read_notification", "PUT", "/notifications/{notification_id}/read", owner=Owner.ROW),
        Operation("delete_notification", "DELETE", "/notifications/{notification_id}", owner=Owner.ROW),
        _public("health", "GET", "/health"),
        _public("health_live", "GET", "/health/live"),
        Operation("scheduler_status", "GET", "/scheduler/status", _ADMINS),
        Operation("scheduler_resync", "POST", "/scheduler/resync", _ADMINS),
    )
}


def check_role(operation: Operation, role: str) -> None:
    """Raise 403 when the operation is not for this role; the text lists the roles it is for."""
    if role not in operation.roles:
        wanted = ", ".join(sorted(operation.roles))
        raise Forbidden("Insufficient permissions", f"This endpoint requires one of the following roles: {wanted}")


def allowed_methods(path: str) -> frozenset[str]:
    """Return the methods of every operation this path matches (no prefix, decoded), or nothing for an unknown path."""
    return frozenset(method for method, pattern in _patterns() if pattern.fullmatch(path))


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (operation.method, re.compile(re.sub(r"\{\w+\}", "[^/]+", operation.path))) for operation in OPERATIONS.values()
    )
