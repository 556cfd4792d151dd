"""What is said of a job that cannot be saved: the refusals' bodies, and values of the wrong JSON type for every field."""

from typing import Any

CONTROL = "must not contain control characters."
MISSING_TARGET = {
    "error": "Missing target configuration",
    "message": 'Please provide either "target_url" or GitHub Actions configuration '
    "(github_owner, github_repo, github_workflow_name)",
}
UNKNOWN_CATEGORY = {
    "error": "Invalid category",
    "message": "Unknown category. Create it in Settings → Categories first, or choose General.",
}
TEAM_REQUIRED = {
    "error": "Invalid PIC team",
    "message": "PIC team is required. Create one in Settings → PIC Teams.",
}
UNKNOWN_TEAM = {
    "error": "Invalid PIC team",
    "message": "Unknown PIC team. Create it in Settings → PIC Teams first.",
}
DISABLED_TEAM = {
    "error": "Invalid PIC team",
    "message": "PIC team is disabled. Enable it in Settings → PIC Teams or choose another.",
}
METADATA = {"error": "Invalid metadata", "message": "metadata must be a JSON object"}
NOT_A_DATE = {"error": "Invalid end_date", "message": "Invalid end_date. Use YYYY-MM-DD."}
OVER = {"error": "Invalid end_date", "message": "end_date must be today or in the future (JST)."}
NO_END_DATE = {"error": "Missing required fields", "message": '"end_date" is required (YYYY-MM-DD).'}


def payload(message: str) -> dict[str, str]:
    return {"error": "Invalid payload", "message": message}


def missing(*fields: str) -> dict[str, Any]:
    return {"error": "Missing required fields", "missing_fields": list(fields)}


def cron(reason: str) -> dict[str, str]:
    return {"error": "Invalid cron expression", "message": reason}


def not_an_address(value: str) -> dict[str, str]:
    return {"error": "Invalid notification_emails", "message": f'"{value}" is not an email address.'}


def github(value: str, kind: str) -> dict[str, str]:
    return {"error": "Invalid GitHub configuration", "message": f'"{value}" is not a valid {kind}.'}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"deeper": value}
    return value


STRING_FIELDS = (
    *("name", "cron_expression", "category", "end_date", "pic_team", "pic_team_slug"),
    *("target_url", "github_owner", "github_repo", "github_workflow_name"),
)
FLAG_FIELDS = ("enable_email_notifications", "notify_on_success", "is_active")
WRONG_TYPES: list[tuple[str, Any, str]] = [
    *(
        (field, value, f'"{field}" must be a string.')
        for field in STRING_FIELDS
        for value in (7, True, ["x"], {"x": 1})
    ),
    *(
        (field, value, f'"{field}" must be true or false.')
        for field in FLAG_FIELDS
        for value in (1, "true", "", [], 0.5)
    ),
    *(
        ("notification_emails", value, '"notification_emails" must be a list of strings.')
        for value in (7, False, True, 0, {"a@example.com": 1}, ["a@example.com", 7], [None], [["a@example.com"]])
    ),
]
