"""Who gets which e-mail after a run, and what Slack is told."""

from dataclasses import dataclass

import pytest

from shared_rules.execution import Outcome
from shared_rules.mails import Mail, mails_after_run, slack_after_run

SUCCESS = Outcome("success", 200, output="done")
FAILURE = Outcome("failed", 500, "Webhook returned status 500", "oops")


@dataclass(frozen=True)
class Job:
    name: str = "Nightly"
    enable_email_notifications: bool = True
    notification_emails: tuple[str, ...] = ("ops@example.com",)
    notify_on_success: bool = False


@dataclass(frozen=True)
class Preferences:
    email_on_job_success: bool = True
    email_on_job_failure: bool = True


def recipients(job, outcome, preferences=None):
    return [mail.to for mail in mails_after_run(job, outcome, preferences or {})]


@pytest.mark.parametrize(
    ("job", "outcome", "mailed"),
    [
        (Job(), FAILURE, True),
        (Job(), SUCCESS, False),
        (Job(notify_on_success=True), SUCCESS, True),
        (Job(enable_email_notifications=False, notify_on_success=True), FAILURE, False),
        (Job(enable_email_notifications=False, notify_on_success=True), SUCCESS, False),
        (Job(notification_emails=()), FAILURE, False),
    ],
    ids=["failure", "success", "success wanted", "off, failure", "off, success", "no recipients"],
)
def test_failures_are_mailed_always_and_successes_on_request(job, outcome, mailed):
    assert recipients(job, outcome) == (["ops@example.com"] if mailed else [])


@pytest.mark.parametrize(
    ("preferences", "after_failure", "after_success"),
    [
        (Preferences(), True, True),
        (Preferences(email_on_job_failure=False), False, True),
        (Preferences(email_on_job_success=False), True, False),
        (Preferences(False, False), False, False),
    ],
    ids=["both on", "failure off", "success off", "both off"],
)
def test_a_recipient_who_is_a_user_gets_what_the_preferences_say(preferences, after_failure, after_success):
    job = Job(notification_emails=("Ann@Example.com", "list@example.com"), notify_on_success=True)
    known = {"ann@example.com": preferences}

    assert ("Ann@Example.com" in recipients(job, FAILURE, known)) is after_failure
    assert ("Ann@Example.com" in recipients(job, SUCCESS, known)) is after_success
    assert "list@example.com" in recipients(job, FAILURE, known)


def test_everybody_is_mailed_once_in_order():
    job = Job(notification_emails=("b@example.com", "a@example.com", "B@example.com"))

    assert recipients(job, FAILURE) == ["b@example.com", "a@example.com"]


def test_the_mail_of_a_failure_says_what_happened():
    [mail] = mails_after_run(Job(), FAILURE, {})

    assert mail == Mail(
        "ops@example.com",
        "Job failed: Nightly",
        'Job "Nightly" failed.\n\nReason: Webhook returned status 500\n\nStatus of the answer: 500\n\nAnswer:\noops\n',
    )


def test_the_mail_of_a_success_says_what_happened():
    [mail] = mails_after_run(Job(notify_on_success=True), Outcome("success", 204), {})

    assert mail.subject == "Job succeeded: Nightly"
    assert mail.body == 'Job "Nightly" completed successfully.\n\nStatus of the answer: 204\n'


def test_slack_hears_of_failures_only():
    line = slack_after_run("Nightly", FAILURE, "@devops")

    assert line == "@devops Job failed: Nightly: Webhook returned status 500"
    assert slack_after_run("Nightly", SUCCESS, "@devops") is None


def test_slack_is_told_without_a_handle_when_there_is_no_team():
    assert slack_after_run("Nightly", FAILURE, None) == "Job failed: Nightly: Webhook returned status 500"


def test_neither_name_nor_answer_can_call_a_channel_in_slack():
    outcome = Outcome("failed", error_message="<!here> & <http://evil.test|click>")

    line = slack_after_run("<!channel>", outcome, "<!subteam^S1>")

    assert line == ("<!subteam^S1> Job failed: &lt;!channel&gt;: &lt;!here&gt; &amp; &lt;http://evil.test|click&gt;")
