"""The walk: an admin sets a team up, people work with jobs, look at runs and notices, and everybody runs into every refusal.

    python -m tests.traffic.walk http://127.0.0.1:8000/api ADMIN_PASSWORD

It begins on a fresh database and expects calls to hosts of `example.com` to be answered by a sink.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from shared_rules.policy import OPERATIONS, Token
from tests.traffic.visitor import ORIGIN, Visitor

PASSWORDS = {
    "ada": "Lovelace-1815",
    "bob": "bobs-password",
    "cyd": "cyds-password",
    "vera": "viewing-only",
    "ida": "inactive-ida",
}
NOBODY = "99999999-9999-4999-8999-999999999999"
BROKEN = b'{"name": '
CSV = {"Content-Type": "text/csv"}


class Walk:
    """Everybody there is, and what they made. `a` counts what was asked."""

    def __init__(self, base: str, admin_password: str) -> None:
        self.base = base
        self.guest = Visitor(base)
        self.admin = Visitor(base).log_in("admin", admin_password)
        self.password = admin_password
        self.jobs: dict[str, Any] = {}
        self.bodies = 0
        self.today = datetime.now(UTC).date()

    @property
    def asked(self) -> int:
        return sum(visitor.asked for visitor in vars(self).values() if isinstance(visitor, Visitor))

    def all(self) -> None:
        for part in (
            self.people,
            self.sessions,
            self.teams_and_categories,
            self.settings,
            self.making_jobs,
            self.looking_at_jobs,
            self.changing_jobs,
            self.uploads,
            self.cron,
            self.running,
            self.looking_at_runs,
            self.notices,
            self.preferences,
            self.scheduler,
            self.every_refusal_of_a_token,
            self.every_refusal_of_a_role,
            self.every_refusal_of_a_body,
            self.edges,
            self.taking_down,
        ):
            part()

    def people(self) -> None:
        admin = self.admin
        for name, role in (("ada", "admin"), ("bob", "user"), ("cyd", "user"), ("vera", "viewer"), ("ida", "user")):
            body = {"username": name, "email": f"{name}@example.com", "password": PASSWORDS[name], "role": role}
            admin.post("/auth/register", body, 201)
        for body, status in (
            ({"username": "x"}, 400),
            ({"username": "ab", "email": "ab@example.com", "password": "long enough"}, 400),
            ({"username": "no spaces", "email": "ab@example.com", "password": "long enough"}, 400),
            ({"username": "newbie", "email": "not-an-address", "password": "long enough"}, 400),
            ({"username": "newbie", "email": "newbie@example.com", "password": "12345"}, 400),
            ({"username": "newbie", "email": "newbie@example.com", "password": "long enough", "role": "king"}, 400),
            ({"username": "newbie", "email": "newbie@example.com", "password": "long enough", "is_active": "yes"}, 400),
            ({"username": "BOB", "email": "other@example.com", "password": "long enough"}, 409),
            ({"username": "newbie", "email": "bob@example.com", "password": "long enough"}, 409),
            ({"username": "passing", "email": "Passing@Example.com", "password": "long enough"}, 201),
        ):
            admin.post("/auth/register", body, status)
        everybody = {user["username"]: user["id"] for user in admin.get("/auth/users")["users"]}
        self.ada = Visitor(self.base).log_in("ada", PASSWORDS["ada"])
        self.bob = Visitor(self.base).log_in("bob@example.com", PASSWORDS["bob"], field="email")
        self.cy = Visitor(self.base).log_in("cyd", PASSWORDS["cyd"])
        self.vera = Visitor(self.base).log_in("VERA", PASSWORDS["vera"])
        self.ida = Visitor(self.base).log_in("ida", PASSWORDS["ida"])
        admin.put(f"/auth/users/{everybody['ida']}", {"is_active": False})
        admin.delete(f"/auth/users/{everybody['passing']}")
        admin.get(f"/auth/users/{everybody['passing']}", 404)
        admin.get(f"/auth/users/{self.bob.id}")
        for visitor in (self.bob, self.vera):
            visitor.get(f"/auth/users/{visitor.id}")
            visitor.get(f"/auth/users/{admin.id}", 403)
            visitor.get("/auth/me")
            visitor.get("/auth/verify")
        for body, status in (
            ({"email": "bob.new@example.com"}, 200),
            ({"email": "ada@example.com"}, 409),
            ({"password": "short"}, 400),
            ({"role": "admin"}, 403),
            ({"is_active": False}, 403),
            ({}, 400),
            ({"nickname": "b"}, 400),
            ({"email": 7}, 400),
        ):
            self.bob.put(f"/auth/users/{self.bob.id}", body, status)
        admin.put(f"/auth/users/{self.bob.id}", {"email": "bob@example.com", "role": "user", "is_active": True})
        admin.put(f"/auth/users/{self.bob.id}", {"role": "king"}, 400)
        self.cy.put(f"/auth/users/{self.bob.id}", {"email": "mine@example.com"}, 403)
        admin.put(f"/auth/users/{NOBODY}", {"email": "x@example.com"}, 404)
        admin.delete(f"/auth/users/{admin.id}", 400)
        admin.delete(f"/auth/users/{NOBODY}", 404)

    def sessions(self) -> None:
        guest = self.guest
        for body, status in (
            ({"password": "x"}, 400),
            ({"username": "bob"}, 400),
            ({"username": "bob", "password": 5}, 400),
            ({"username": "bob", "password": "wrong-password"}, 401),
            ({"username": "nobody-at-all", "password": "wrong-password"}, 401),
            ({"username": "ida", "password": PASSWORDS["ida"]}, 401),
        ):
            guest.post("/auth/login", body, status)
        guest.post("/auth/login/form", data={"username": "bob", "password": PASSWORDS["bob"]})
        guest.post("/auth/login/form", data={"username": "bob", "password": "wrong-password"}, expected=401)
        guest.post("/auth/login/form", data={"username": "bob"}, expected=400)
        bob = self.bob
        for _ in range(3):
            renewed = bob.post("/auth/refresh", token=bob.refresh_token)
        bob.token = renewed["access_token"]
        bob.get("/auth/me")
        guest.post("/auth/refresh", {"refresh_token": bob.refresh_token})
        guest.post("/auth/refresh", {"refresh_token": 7}, 400)
        guest.post("/auth/refresh", content=BROKEN, headers={"Content-Type": "application/json"}, expected=400)
        bob.post("/auth/refresh", expected=401)
        bob.get("/auth/me", 401, token=bob.refresh_token)
        passing = Visitor(self.base).log_in("cyd", PASSWORDS["cyd"])
        passing.post("/auth/logout", {"refresh_token": passing.refresh_token})
        passing.get("/auth/me", 401)
        passing.post("/auth/refresh", token=passing.refresh_token, expected=401)
        passing.log_in("cyd", PASSWORDS["cyd"])
        passing.post("/auth/logout")
        passing.post("/auth/logout", expected=401)
        self.cy.post("/auth/logout", [1], 400)
        self.cy.put(f"/auth/users/{self.cy.id}", {"password": "cys-second-password"})
        self.cy.get("/auth/me")
        guest.post("/auth/login", {"username": "cyd", "password": PASSWORDS["cyd"]}, 401)
        self.cy.log_in("cyd", "cys-second-password")
        self.ida.get("/auth/me", 401)
        self.passing = passing

    def teams_and_categories(self) -> None:
        admin = self.admin
        self.core = admin.post("/pic-teams", {"name": "Core Team", "slack_handle": "@core"}, 201)["pic_team"]
        self.ops = admin.post("/pic-teams", {"name": "Ops", "slug": "Night Ops", "slack_handle": "@ops"}, 201)[
            "pic_team"
        ]
        self.old = admin.post("/pic-teams", {"name": "Old Team", "slack_handle": "@old"}, 201)["pic_team"]
        nightly = admin.post("/job-categories", {"name": "Nightly Builds"}, 201)["category"]
        self.category = nightly
        for path, named in (
            ("/pic-teams", {"name": "Core Team", "slack_handle": "@c"}),
            ("/job-categories", {"name": "general"}),
        ):
            admin.post(path, named, 409)
            admin.post(path, {}, 400)
            admin.post(path, {**named, "name": "!!!"}, 400)
            admin.post(path, {**named, "name": 3}, 400)
            admin.put(f"{path}/{NOBODY}", {"name": "x"}, 404)
            admin.delete(f"{path}/{NOBODY}", 404)
        for body, status in (
            ({"name": "Nightly Build"}, 200),
            ({"name": "Regression"}, 409),
            ({"name": " "}, 400),
            ({"slug": "other"}, 400),
            ({"is_active": False}, 200),
            ({"is_active": True}, 200),
        ):
            admin.put(f"/job-categories/{nightly['id']}", body, status)
        for body, status in (
            ({"name": "Night Operations"}, 200),
            ({"name": "Core Team"}, 409),
            ({"slack_handle": ""}, 400),
            ({"slack_handle": "@night"}, 200),
        ):
            admin.put(f"/pic-teams/{self.ops['id']}", body, status)
        general = next(c for c in admin.get("/job-categories")["categories"] if c["slug"] == "general")
        admin.put(f"/job-categories/{general['id']}", {"name": "Common"}, 400)
        admin.delete(f"/pic-teams/{self.old['id']}")
        admin.delete(f"/pic-teams/{self.old['id']}")
        throwaway = admin.post("/job-categories", {"name": "Throwaway"}, 201)["category"]
        admin.delete(f"/job-categories/{throwaway['id']}")
        for visitor in (admin, self.vera):
            for path in ("/job-categories", "/pic-teams"):
                visitor.get(path)
                visitor.get(f"{path}?include_inactive=true")
        self.ops_slug = next(t for t in admin.get("/pic-teams")["pic_teams"] if t["id"] == self.ops["id"])["slug"]

    def settings(self) -> None:
        admin = self.admin
        admin.get("/settings/slack")
        for body, status in (
            ({"is_enabled": True}, 400),
            ({"webhook_url": "ftp://hooks.example.com/x"}, 400),
            ({"is_enabled": "yes"}, 400),
            (
                {
                    "is_enabled": False,
                    "webhook_url": "https://slack.example.com/services/T0/B0/Zq8sK2",
                    "channel": " #jobs ",
                },
                200,
            ),
            ({"is_enabled": True}, 200),
        ):
            admin.put("/settings/slack", body, status)
        admin.get("/settings/slack")

    def job(self, name: str, **changes: Any) -> dict[str, Any]:
        """Return a body. No two jobs sort alike: ties are broken by id, and ids are made anew in each replay."""
        self.bodies += 1
        return {
            "name": name,
            "cron_expression": f"{self.bodies} 3 * * *",
            "end_date": str(self.today + timedelta(days=200 + self.bodies)),
            "pic_team": self.core["slug"],
            "target_url": "https://hooks.example.com/ok",
        } | changes

    def making_jobs(self) -> None:
        github = {
            "target_url": None,
            "github_owner": "acme",
            "github_repo": "web",
            "github_workflow_name": "deploy.yml",
        }
        made = {
            "hook": (self.bob, {"metadata": {"branch": "main", "depth": [1, 2.5, {"x": None}]}}),
            "bad": (
                self.bob,
                {
                    "target_url": "https://hooks.example.com/bad",
                    "enable_email_notifications": True,
                    "notification_emails": ["ops@example.com", "ada@example.com"],
                    "notify_on_success": True,
                },
            ),
            "deploy": (
                self.cy,
                {**github, "metadata": {"ref": "release", "dry": True}, "category": "nightly build"},
            ),
            "paused": (self.cy, {"is_active": False, "cron_expression": "*/15 9-17 * * mon-fri"}),
            "admin's": (self.admin, {"pic_team": self.ops_slug, "category": "Regression"}),
            "mailed": (
                self.bob,
                {
                    "enable_email_notifications": True,
                    "notification_emails": "ops@example.com, bob@example.com",
                    "notify_on_success": True,
                },
            ),
            "Zürich ☂": (self.bob, {"metadata": {"emoji": "☂", "quotes": "\"'<b>"}}),
        }
        for name, (visitor, changes) in made.items():
            self.jobs[name] = visitor.post("/jobs", self.job(f"{name} job", **changes), 201)["job"]
        for changes in (
            {"name": ""},
            {"name": "hook job"},
            {"name": "n" * 256},
            {"name": "line\nbreak"},
            {"name": 5},
            {"cron_expression": "every day"},
            {"cron_expression": "61 * * * *"},
            {"cron_expression": "0 0 30 2 *"},
            {"category": "unheard of"},
            {"metadata": [1]},
            {"end_date": None},
            {"end_date": "31.12.2030"},
            {"end_date": "2001-01-01"},
            {"pic_team": None},
            {"pic_team": "unheard of"},
            {"pic_team": self.old["slug"]},
            {"target_url": None},
            {"target_url": "gopher://hooks.example.com"},
            {"target_url": "https://" + "h" * 500},
            {**github, "github_workflow_name": "deploy.txt"},
            {**github, "github_repo": "a b"},
            {"enable_email_notifications": True, "notification_emails": ["nobody"]},
            {"is_active": "maybe"},
        ):
            self.bob.post("/jobs", {**self.job("never"), **changes}, 400)
        self.bob.post("/jobs", {"name": "only"}, 400)

    def looking_at_jobs(self) -> None:
        for visitor in (self.admin, self.bob, self.vera):
            visitor.get("/jobs")
            for job in self.jobs.values():
                visitor.get(f"/jobs/{job['id']}")
            visitor.get(f"/jobs/{NOBODY}", 404)
        for query in (
            "page=1",
            "page=2&per_page=3",
            "per_page=1000",
            "search=HOOK",
            "category=general",
            "is_active=false",
            "sort=name",
            "sort=-name",
            "sort=next_execution_at&page=1",
            "sort=end_date",
            "pic_team=core-team",
            "page=abc",
            "page=0&per_page=0",
            "search=",
            "search=a&search=zzz",
        ):
            self.vera.get(f"/jobs?{query}")
        self.vera.get("/jobs?sort=colour", 400)
        self.vera.get("/jobs/not-an-id", 404)

    def changing_jobs(self) -> None:
        hook, paused = self.jobs["hook"]["id"], self.jobs["paused"]["id"]
        for body, status in (
            ({"name": "hook job 2"}, 200),
            ({"name": "hook job 2"}, 200),
            ({"is_active": False}, 200),
            ({"is_active": True, "cron_expression": "30 4 1 * *"}, 200),
            ({"metadata": None}, 200),
            ({"name": "bad job"}, 400),
            ({"end_date": ""}, 400),
            ({"end_date": str(self.today)}, 200),
            ({"end_date": str(self.today + timedelta(days=90))}, 200),
            ({"target_url": ""}, 400),
            ({"target_url": "", "github_owner": "acme", "github_repo": "web", "github_workflow_name": "ci"}, 200),
            ({"target_url": "https://hooks.example.com/again", "github_repo": "", "github_workflow_name": ""}, 200),
            ({"cron_expression": "1 2 3"}, 400),
            ({"pic_team": self.ops_slug, "category": "DR Testing"}, 200),
            ({"enable_email_notifications": True, "notification_emails": ["bob@example.com"]}, 200),
            ({}, 200),
        ):
            self.bob.put(f"/jobs/{hook}", body, status)
        self.cy.put(f"/jobs/{hook}", {"name": "stolen"}, 403)
        self.vera.put(f"/jobs/{hook}", {"name": "stolen"}, 403)
        self.admin.put(f"/jobs/{paused}", {"is_active": True})
        self.admin.put(f"/jobs/{NOBODY}", {"name": "x"}, 404)
        self.admin.put(f"/pic-teams/{self.core['id']}", {"name": "Core Platform"})
        self.core = next(t for t in self.admin.get("/pic-teams")["pic_teams"] if t["id"] == self.core["id"])
        self.vera.get("/jobs?pic_team=core-platform")

    def uploads(self) -> None:
        end = self.today + timedelta(days=30)
        rows = [
            "Job Name,Cron Schedule (JST),Status,Target URL,Repo,Workflow Name,Category,End Date,PIC Team,Branch,Request Body,",
            f"csv one,0 1 * * *,active,https://hooks.example.com/one,,,General,{end},core-platform,,,",
            f'csv two,0 2 * * *,disabled,,acme/web,deploy,Regression,{end},core-platform,release,"{{""a"": 1}}",',
            ",,,,,,,,,,,",
            f"csv one,0 1 * * *,active,https://hooks.example.com/one,,,General,{end},core-platform,,,",
            f"csv bad,61 1 * * *,active,https://hooks.example.com/one,,,General,{end},core-platform,,,",
            f"hook job 2,0 1 * * *,active,https://hooks.example.com/one,,,General,{end},core-platform,,,",
            "csv late,0 1 * * *,active,https://hooks.example.com/one,,,General,2001-01-01,core-platform,,,",
            f"csv team,0 1 * * *,active,https://hooks.example.com/one,,,General,{end},nobody,,,",
            f"csv body,0 1 * * *,active,https://hooks.example.com/one,,,General,{end},core-platform,,[1],",
            f"csv none,0 1 * * *,active,,,,General,{end},core-platform,,,",
        ]
        file = "\r\n".join(rows).encode()
        self.upload(file, data={"dry_run": "true"})
        self.upload(file, data={"default_github_owner": "acme"})
        self.upload(b"\xef\xbb\xbfname,cron\r\n")
        for content in (b"", b",,\r\n1,2,3\r\n"):
            self.upload(content, expected=400)
        self.bob.post("/jobs/bulk-upload", data={"dry_run": "1"}, expected=400)
        self.bob.post("/jobs/bulk-upload", {}, 400)

    def upload(self, content: bytes, *, expected: int = 200, **options: Any) -> Any:
        return self.bob.post(
            "/jobs/bulk-upload", files={"file": ("jobs.csv", content, "text/csv")}, expected=expected, **options
        )

    def cron(self) -> None:
        for expression in (
            "0 9 * * *",
            " */5  * * * mon-fri ",
            "99 3 * * *",
            "a b c d e",
            "0 0 31 2 *",
            "0 0 * * 7",
            "",
            5,
            None,
        ):
            self.vera.post("/jobs/validate-cron", {"expression": expression})
        self.vera.post("/jobs/validate-cron", [1], 400)
        for body, status in (
            ({"expression": "0 9 * * *"}, 200),
            ({"cron_expression": "15 3 * * 1-5", "count": 3}, 200),
            ({"expression": "0 0 29 2 *", "count": 50}, 200),
            ({"expression": "0 0 1 1 *", "count": 0}, 200),
            ({"expression": "0 0 1 1 *", "count": "3"}, 400),
            ({"expression": "nonsense"}, 400),
            ({}, 400),
        ):
            self.vera.post("/jobs/cron-preview", body, status)

    def running(self) -> None:
        hook, bad, deploy = self.jobs["hook"]["id"], self.jobs["bad"]["id"], self.jobs["deploy"]["id"]
        for visitor, job, body, status in (
            (self.bob, hook, None, 200),
            (self.bob, hook, {"metadata": {"a": 1}}, 200),
            (self.bob, hook, {"target_url": "https://hooks.example.com/elsewhere?x=1"}, 200),
            (self.bob, hook, {"target_url": "nonsense"}, 400),
            (self.bob, hook, {"metadata": 5}, 400),
            (self.bob, bad, None, 200),
            (self.admin, self.jobs["mailed"]["id"], {}, 200),
            (self.cy, deploy, {"inputs": {"branch": "hotfix", "why": "now"}}, 200),
            (self.cy, deploy, {"dispatch_url": "/acme/api/actions/workflows/ci.yml"}, 200),
            (self.cy, deploy, {"dispatch_url": "https://github.com/acme"}, 400),
            (self.cy, deploy, {"github_token": "ghp_someoneelses0123456789"}, 200),
            (self.cy, hook, None, 403),
            (self.vera, hook, None, 403),
            (self.admin, NOBODY, None, 404),
            (self.admin, self.jobs["Zürich ☂"]["id"], None, 200),
            (self.cy, self.jobs["paused"]["id"], None, 200),
        ):
            visitor.post(f"/jobs/{job}/execute", ... if body is None else body, status)
        for body, status in (
            ({"target_url": "https://hooks.example.com/ok", "metadata": {"a": 1}}, 200),
            ({"target_url": "https://hooks.example.com/bad"}, 200),
            ({"github_owner": "acme", "github_repo": "web", "github_workflow_name": "deploy.yml"}, 200),
            ({"target_url": "https://hooks.example.com/ok", "timeout_seconds": 99}, 200),
            ({"target_url": "https://hooks.example.com/ok", "metadata": []}, 400),
            ({}, 400),
        ):
            self.bob.post("/jobs/test-run", body, status)

    def looking_at_runs(self) -> None:
        vera, hook = self.vera, self.jobs["hook"]["id"]
        runs = vera.get(f"/jobs/{hook}/executions")["executions"]
        run = runs[0]["id"]
        day = str(self.today)
        for query in (
            "limit=2",
            "limit=abc",
            "limit=0",
            "limit=9999",
            "status=success",
            "status=failed,success",
            "status=,",
            "status=unheard",
            "trigger_type=manual",
            "trigger_type=scheduled",
            f"from={day}",
            f"to={day}",
        ):
            vera.get(f"/jobs/{hook}/executions?{query}")
            vera.get(f"/executions?{query}")
        for query in (
            "page=2&limit=3",
            f"job_id={hook}",
            "execution_type=webhook",
            "execution_type=github_actions",
            "page=-1",
        ):
            vera.get(f"/executions?{query}")
        for query in (
            "",
            f"?from={day}",
            f"?job_id={hook}",
            f"?from=2020-01-01&to={day}",
            "?from=2020-01-01T00:00:00%2B09:00",
        ):
            vera.get(f"/executions/statistics{query}")
        for path in (f"/jobs/{hook}/executions", "/executions", "/executions/statistics"):
            vera.get(f"{path}?from=yesterday", 400)
            vera.get(f"{path}?from=2026-01-02&to=2026-01-01", 400)
        for job in self.jobs.values():
            vera.get(f"/jobs/{job['id']}/executions/stats")
        vera.get(f"/jobs/{hook}/executions/{run}")
        vera.get(f"/executions/{run}")
        vera.get(f"/jobs/{self.jobs['bad']['id']}/executions/{run}", 404)
        for path in (
            f"/jobs/{NOBODY}/executions",
            f"/jobs/{NOBODY}/executions/stats",
            f"/jobs/{hook}/executions/{NOBODY}",
            f"/executions/{NOBODY}",
        ):
            vera.get(path, 404)
        self.run = run

    def notices(self) -> None:
        for visitor in (self.admin, self.bob, self.vera):
            visitor.get("/notifications")
            visitor.get("/notifications/unread-count")
        for query in ("page=2&per_page=5", "unread_only=yes", f"from={self.today}", "per_page=500", "page=x"):
            self.bob.get(f"/notifications?{query}")
        for path in ("/notifications", "/notifications/unread-count"):
            self.bob.get(f"{path}?from=nonsense", 400)
        self.bob.get(f"/notifications/unread-count?from=2026-01-01&to={self.today}")
        own = [notice["id"] for notice in self.bob.get("/notifications?per_page=6")["notifications"]]
        for notice in own[:3]:
            self.bob.put(f"/notifications/{notice}/read")
        self.bob.put(f"/notifications/{own[0]}/read")
        self.cy.put(f"/notifications/{own[0]}/read", expected=403)
        self.bob.put(f"/notifications/{NOBODY}/read", expected=404)
        self.bob.delete(f"/notifications/{own[4]}")
        self.bob.delete(f"/notifications/{NOBODY}", 404)
        self.cy.delete(f"/notifications/{own[1]}", 403)
        self.bob.delete("/notifications/delete-read?to=2020-01-01")
        self.bob.delete("/notifications/delete-read?from=nonsense", 400)
        self.bob.delete("/notifications/delete-read")
        self.vera.put("/notifications/read-all")
        self.vera.put("/notifications/read-all")
        self.vera.get("/notifications/unread-count")
        self.vera.delete("/notifications/delete-read")
        self.notice = own[5]

    def preferences(self) -> None:
        six = {"email_on_job_success": False, "email_on_job_failure": True, "daily_digest": True}
        columns = {"jobs_table_columns": {"pic_team": False, "cron_expression": True, "unheard_of": True}}
        for kind, good, bad in (
            ("preferences", six, {"daily_digest": "yes"}),
            ("ui-preferences", columns, {"jobs_table_columns": 5}),
        ):
            for visitor in (self.bob, self.vera):
                path = f"/auth/users/{visitor.id}/{kind}"
                visitor.get(path)
                visitor.put(path, good)
                visitor.put(path, bad, 400)
                visitor.get(path)
            self.admin.get(f"/auth/users/{self.cy.id}/{kind}")
            self.admin.get(f"/auth/users/{NOBODY}/{kind}", 404)
            self.admin.put(f"/auth/users/{NOBODY}/{kind}", good, 404)
            self.cy.get(f"/auth/users/{self.bob.id}/{kind}", 403)
            self.cy.put(f"/auth/users/{self.bob.id}/{kind}", good, 403)
        self.vera.put(f"/auth/users/{self.vera.id}/ui-preferences", {}, 400)

    def scheduler(self) -> None:
        self.admin.get("/scheduler/status")
        self.admin.post("/scheduler/resync")
        for path in ("/health", "/health/live"):
            self.guest.get(path)

    def every_refusal_of_a_token(self) -> None:
        for method, path, operation in self.operations():
            if operation.token is not Token.NONE:
                self.guest.ask(method, path, 401)
        for header in ("Bearer", "Bearer nonsense", "Basic YWRtaW46YWRtaW4=", f"Bearer {self.bob.token}x"):
            self.guest.get("/jobs", 401, headers={"Authorization": header})
        self.bob.get("/jobs", headers={"Authorization": f"bearer {self.bob.token}"}, token="")

    def every_refusal_of_a_role(self) -> None:
        for method, path, operation in self.operations():
            if operation.roles is not OPERATIONS["list_jobs"].roles:
                self.vera.ask(method, path, 403)
        self.bob.get("/auth/users", 403)
        self.cy.delete(f"/jobs/{self.jobs['hook']['id']}", 403)
        self.vera.delete(f"/jobs/{self.jobs['hook']['id']}", 403)

    def every_refusal_of_a_body(self) -> None:
        json = {"Content-Type": "application/json"}
        for method, path, operation in self.operations():
            optional = operation.name in {"refresh", "logout", "execute_job", "bulk_upload", "login_form"}
            if method in {"POST", "PUT"} and not optional and not path.startswith(("/notifications", "/scheduler")):
                self.admin.ask(method, path, 400, content=b"name=x", headers={"Content-Type": "text/plain"})
                self.admin.ask(method, path, 400, content=BROKEN, headers=json)
                self.admin.ask(method, path, 400, json=[1])

    def operations(self) -> Iterator[tuple[str, str, Any]]:
        """Yield method, a path that exists, and the operation, for everything there is."""
        known = {
            "user_id": self.bob.id,
            "job_id": self.jobs["hook"]["id"],
            "execution_id": self.run,
            "category_id": self.category["id"],
            "team_id": self.core["id"],
            "notification_id": self.notice,
        }
        for operation in OPERATIONS.values():
            yield operation.method, operation.path.format(**known), operation

    def edges(self) -> None:
        for path in ("/jobs", "/health", "/executions/statistics", f"/jobs/{self.jobs['hook']['id']}"):
            self.bob.ask("HEAD", path, 200)
        self.bob.ask("HEAD", f"/jobs/{NOBODY}", 404)
        for path in ("/jobs", "/auth/login", f"/jobs/{NOBODY}"):
            self.guest.ask("PATCH", path, 405)
            self.guest.ask("OPTIONS", path, 204)
            for origin in (ORIGIN, "https://elsewhere.example.com"):
                headers = {
                    "Origin": origin,
                    "Access-Control-Request-Method": "PUT",
                    "Access-Control-Request-Headers": "authorization",
                }
                self.guest.ask("OPTIONS", path, 204, headers=headers)
        self.bob.get("/jobs", headers={"Origin": ORIGIN})
        self.bob.get("/jobs", headers={"Origin": "https://elsewhere.example.com"})
        for path in ("/jobs/", "//jobs", "/nothing-here", "/auth", "/jobs/x/y/z"):
            self.bob.get(path, 404)
        self.bob.delete("/auth/login", 405)

    def taking_down(self) -> None:
        admin, bob = self.admin, self.bob
        admin.put("/settings/slack", {"is_enabled": False, "webhook_url": None})
        bob.delete(f"/jobs/{self.jobs['mailed']['id']}")
        bob.get(f"/jobs/{self.jobs['mailed']['id']}", 404)
        admin.delete(f"/jobs/{self.jobs['bad']['id']}")
        admin.delete(f"/jobs/{NOBODY}", 404)
        admin.delete(f"/auth/users/{self.cy.id}")
        self.cy.get("/auth/me", 401)
        bob.get(f"/jobs/{self.jobs['deploy']['id']}")
        admin.put(f"/auth/users/{self.ada.id}", {"role": "viewer"})
        self.ada.get("/auth/users", 403)
        admin.put(f"/auth/users/{admin.id}", {"role": "user"}, 400)
        admin.get("/auth/users")
        admin.post("/auth/logout", {"refresh_token": admin.refresh_token})
        admin.get("/auth/me", 401)


def main() -> None:
    base, password = sys.argv[1:3]
    walk = Walk(base, password)
    walk.all()
    print(f"{walk.asked} requests")


if __name__ == "__main__":
    main()
