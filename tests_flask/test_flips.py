"""`changeover plan|apply|flip|step|rollback|pin|routes|history|verify-audit` as they are typed, on the whole running system."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from changeover.cli import main
from changeover.coverage import uncovered
from changeover.flip_step import next_step
from changeover.flips import open_control
from changeover.problems import Problem
from changeover.project import load_project
from changeover.system import ROOT, System, load_system
from changeover.words import one_line
from gateway.cohorts import key_in
from gateway.config import Steps
from gateway.flips import Order
from gateway.ownership import Ownership
from gateway.routes import Group, RouteTable
from tests.ops.certificates import certify
from tests.ops.ground import environment_of_a_copy, open_folder

PROVEN = ("health", "taxonomy.read", "taxonomy.write", "notifications.write", "cron.tools")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    error: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Running:
    """The copy, the commands on it, and who answers on it."""

    environ: dict[str, str]
    url: str

    @property
    def var_dir(self) -> Path:
        return Path(self.environ["VAR_DIR"])

    def run(self, *arguments: str) -> Said:
        """Run a command as `main` does, in this process: starting one costs more than most commands."""
        out, error = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(error):
            patch.setattr(sys, "argv", ["changeover", *arguments])
            for name, value in self.environ.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        return Said(int(ended.value.code or 0), out.getvalue(), error.getvalue().strip())

    def server_of(self, path: str, cohort: str = "c100", method: str = "GET") -> str:
        cookies = {"Cookie": f"gwb={key_in(cohort, '1')}"}
        return httpx2.request(method, self.url + path, headers=cookies).headers["x-served-by"]


@pytest.fixture(scope="module")
def started() -> Iterator[Running]:
    with open_folder() as var_dir:
        environ = environment_of_a_copy(var_dir, ADMIN_PASSWORD="of-the-flips-tests")
        running = Running(environ, f"http://127.0.0.1:{environ['GATEWAY_PORT']}")
        up = running.run("up")
        assert up.code == 0, up.error
        try:
            yield running
        finally:
            running.run("down")


@pytest.fixture
def copy(started: Running) -> Iterator[Running]:
    """The running copy with everything on legacy, before and after."""
    certify(started.var_dir, *PROVEN)
    yield started
    reset = Order("rollback", Ownership(), must_stay=True)
    open_control(system_of(started)).flips.carry_out(reset)


def system_of(copy: Running) -> System:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in copy.environ.items():
            patch.setenv(name, value)
        return load_system()


def shares(copy: Running) -> dict[str, int]:
    return {group["id"]: group["share"] for group in copy.run("routes", "--json").json["groups"] if group["share"]}


def test_a_proven_group_is_flipped_for_a_share_and_back(copy: Running) -> None:
    flipped = copy.run("flip", "taxonomy.read", "--to", "modern", "--percent", "25")

    assert (flipped.code, flipped.error) == (0, "")
    assert "taxonomy.read: modern 0 % -> 25 %" in flipped.out
    served = {cohort: copy.server_of("/api/pic-teams", cohort) for cohort in ("c5", "c25", "c50")}
    assert served == {"c5": "modern", "c25": "modern", "c50": "legacy"}
    assert copy.run("flip", "taxonomy.read", "--to", "legacy").code == 0
    assert copy.server_of("/api/pic-teams", "c1") == "legacy"


def test_a_flip_without_certificate_is_refused_and_changes_nothing(copy: Running) -> None:
    refused = copy.run("flip", "jobs.read", "--to", "modern")

    assert refused.code == 1
    assert refused.error == (
        "Refused: jobs.read (certificate): there is none; run `make parity`. Override with --override REASON."
    )
    assert shares(copy) == {}


def test_an_override_is_written_down_with_its_reason_and_the_gates(copy: Running) -> None:
    assert copy.run("flip", "jobs.read", "--to", "modern", "--override", "seen by hand").code == 0

    last = copy.run("history", "--json").json["changes"][-1]
    assert last["override"] == "seen by hand"
    assert [(gate["name"], gate["group"]) for gate in last["overridden"]] == [("certificate", "jobs.read")]


def test_writes_wait_for_their_reads_and_reads_do_not_leave_before_them(copy: Running) -> None:
    alone = copy.run("flip", "taxonomy.write", "--to", "modern", "--percent", "1")
    both = copy.run("flip", "taxonomy.read", "taxonomy.write", "--to", "modern")
    back = copy.run("flip", "taxonomy.read", "--to", "legacy")

    assert (alone.code, both.code, back.code) == (1, 0, 1)
    assert "taxonomy.write (requires): requires taxonomy.read at 100 %, it would be at 0 %" in alone.error
    assert "taxonomy.write (requires): requires taxonomy.read at 100 %" in back.error
    assert shares(copy) == {"taxonomy.read": 100, "taxonomy.write": 100}


def test_a_certificate_that_failed_refuses_with_its_reason(copy: Running) -> None:
    certify(copy.var_dir, "cron.tools", passed=False)

    refused = copy.run("flip", "cron.tools", "--to", "modern")

    assert (refused.code, "1 unexplained difference" in refused.error) == (1, True)


def test_a_plan_is_shown_written_and_applied_once(copy: Running) -> None:
    planned = copy.run("plan", "--to", "health=5", "--to", "cron.tools=1", "--json")
    file = planned.json["file"]

    assert planned.code == 0
    assert [change["what"] for change in planned.json["changes"]] == ["cron.tools", "health"]
    assert copy.run("apply", file).code == 0
    assert shares(copy) == {"health": 5, "cron.tools": 1}
    again = copy.run("apply", file)
    assert (again.code, "plan again" in again.error) == (1, True)


def test_a_plan_with_a_refused_gate_is_1_and_its_apply_is_refused(copy: Running) -> None:
    planned = copy.run("plan", "--phase", "4", "--percent", "1")

    assert planned.code == 1
    assert "REFUSED" in planned.out
    assert copy.run("apply", str(copy.var_dir / "flips/plan.json")).code == 1
    assert shares(copy) == {}


def test_a_plan_is_stale_once_a_certificate_is_another(copy: Running) -> None:
    copy.run("plan", "--to", "health=5")
    certify(copy.var_dir, "health", passed=False)

    refused = copy.run("apply", str(copy.var_dir / "flips/plan.json"))

    assert refused.code == 1
    assert refused.error.startswith("Since the plan was made, ")
    assert "health.json changed; plan again." in refused.error


BAD: dict[str, tuple[list[str], str]] = {
    "an unknown group": (["flip", "jobs", "--to", "modern"], 'There is no route group "jobs"'),
    "an unknown stack": (
        ["flip", "health", "--to", "new"],
        '--to = "new": there is no such stack; use modern or legacy.',
    ),
    "an odd share": (
        ["flip", "health", "--to", "modern", "--percent", "10"],
        "--percent = 10: must be 1, 5, 25, 50 or 100.",
    ),
    "a share that legacy cannot have": (["flip", "health", "--to", "legacy", "--percent", "5"], "would leave 95 %"),
    "no stack": (["flip", "health"], "Missing option '--to'"),
    "nothing to plan": (["plan"], "Say what to plan"),
    "a plan of no share": (["plan", "--to", "health"], "--to health: must be a group and a share"),
    "an unknown phase": (["plan", "--phase", "9"], "There is no phase 9"),
    "no plan there": (["apply", "/nowhere/plan.json"], "/nowhere/plan.json: cannot be read"),
    "another file": (["apply", "dualstack.toml"], "dualstack.toml: is no plan"),
    "a prefix that is none": (["pin", "v3"], 'There is no prefix "v3" that could be pinned; there is v2.'),
    "a blank override": (["flip", "health", "--to", "modern", "--override", "  "], "it is blank; say why"),
    "two ways back": (["rollback", "health", "--all"], "Say one of them"),
}


@pytest.mark.parametrize(("arguments", "said"), BAD.values(), ids=BAD.keys())
def test_bad_usage_is_one_line_and_2(copy: Running, arguments: list[str], said: str) -> None:
    refused = copy.run(*arguments)

    assert (refused.code, refused.error.count("\n"), said in refused.error) == (2, 0, True), refused.error


def test_going_back_twice_goes_back_two_changes(copy: Running) -> None:
    for percent in ("1", "5"):
        copy.run("flip", "health", "--to", "modern", "--percent", percent)

    assert copy.run("rollback").code == 0
    assert shares(copy) == {"health": 1}
    assert copy.run("rollback").code == 0
    assert shares(copy) == {}


def test_an_undo_never_moves_a_group_forward(copy: Running) -> None:
    copy.run("flip", "health", "--to", "modern")
    copy.run("rollback", "--all")

    refused = copy.run("rollback")

    assert (refused.code, shares(copy)) == (1, {})
    assert refused.error.startswith("The last change went back already: undoing it would move health forward")


def test_an_undo_of_a_pin_puts_it_back_as_it_was(copy: Running) -> None:
    copy.run("flip", "health", "--to", "modern")
    copy.run("pin", "v2", "--off")

    assert copy.run("rollback").code == 0
    report = copy.run("routes", "--json").json
    assert (report["pins"], shares(copy)) == ({"/api/v2": True}, {"health": 100})


ODD_REASONS = {
    "two lines": ("felt\nslow", "felt slow"),
    "what a terminal obeys": ("\x1b[31mred", "[31mred"),
    "what is no text": ("a \udcff byte", "a byte"),
    "other scripts": ("遅い · größer", "遅い · größer"),
}


@pytest.mark.parametrize(("reason", "told"), ODD_REASONS.values(), ids=ODD_REASONS.keys())
def test_a_reason_is_one_line_that_can_be_printed(reason: str, told: str) -> None:
    assert one_line(reason) == told


def test_a_reason_is_written_down_as_one_line(copy: Running) -> None:
    copy.run("flip", "health", "--to", "modern", "--reason", "felt\nslow \udcff")

    assert copy.run("history", "-n", "1").out.rstrip().endswith("because: felt slow")


def test_a_lost_table_is_made_again_while_everything_runs(copy: Running) -> None:
    copy.run("flip", "health", "--to", "modern")
    (copy.var_dir / "gateway/state/current").unlink()

    assert copy.run("up").code == 0
    assert (copy.server_of("/api/health"), copy.run("verify-audit").code) == ("modern", 0)


EDITED_PLANS: dict[str, tuple[dict[str, Any], int]] = {
    "a share of 7": ({"after": {"shares": {"health": 7}, "loose": []}}, 2),
    "a share that is no number": ({"after": {"shares": {"health": True}, "loose": []}}, 2),
    "a group that is none": ({"after": {"shares": {"nothing": 5}, "loose": []}}, 1),
    "a prefix that is none": ({"after": {"shares": {}, "loose": ["/nothing"]}}, 1),
    "no digests": ({"digests": None}, 2),
    "no gates": ({"gates": [{"name": "certificate"}]}, 2),
    "another format": ({"format": "changeover-plan/0"}, 2),
}


@pytest.mark.parametrize(("edit", "code"), EDITED_PLANS.values(), ids=EDITED_PLANS.keys())
def test_an_edited_plan_is_one_line_and_changes_nothing(copy: Running, edit: dict[str, Any], code: int) -> None:
    file = copy.var_dir / "flips/plan.json"
    control = open_control(system_of(copy))
    plan = control.plan(Ownership({"health": 5}))
    file.write_text(json.dumps(plan.as_json() | edit))

    refused = copy.run("apply", str(file))

    assert (refused.code, refused.error.count("\n"), refused.error != "") == (code, 0, True), refused.error
    assert control.flips.standing().generation == plan.generation


def test_one_group_or_all_go_wholly_back(copy: Running) -> None:
    copy.run("flip", "health", "cron.tools", "taxonomy.read", "--to", "modern")

    assert copy.run("rollback", "health", "--reason", "it feels slow").code == 0
    assert shares(copy) == {"cron.tools": 100, "taxonomy.read": 100}
    assert copy.run("rollback", "--all").code == 0
    assert shares(copy) == {}
    assert "because: it feels slow" in copy.run("history").out


def test_a_prefix_without_its_pin_follows_the_groups_and_back(copy: Running) -> None:
    assert copy.run("pin", "v2", "--off").code == 0
    assert copy.server_of("/api/v2/health") == "legacy"
    assert copy.run("routes", "--json").json["pins"] == {"/api/v2": False}
    assert copy.run("pin", "/api/v2", "--on").code == 0
    assert copy.server_of("/api/v2/health") == "modern"


def test_a_client_that_only_knows_one_prefix_is_served_by_either_stack(copy: Running) -> None:
    copy.run("pin", "v2", "--off")
    copy.run("flip", "all", "--to", "modern", "--override", "for the test")
    document = httpx2.get(f"{copy.url}/api/openapi.json")

    assert (document.headers["x-served-by"], document.json()["servers"]) == ("modern", [{"url": "/api"}])
    assert copy.server_of("/api/pic-teams") == "modern"
    copy.run("rollback", "--all")
    assert copy.server_of("/api/v2/pic-teams") == "legacy"


def test_routes_tell_shares_certificates_and_the_last_hour(copy: Running) -> None:
    copy.run("flip", "health", "--to", "modern", "--percent", "50")

    groups = {group["id"]: group for group in copy.run("routes", "--json").json["groups"]}
    assert groups["health"]["cohorts"] == ["c1", "c5", "c25", "c50"]
    assert groups["health"]["certificate"]["word"] == "valid"
    assert groups["jobs.read"]["certificate"]["word"] == "none"
    assert groups["health"]["traffic"]["legacy"]["requests"] > 0
    assert "50 %" in copy.run("routes").out


def test_a_history_can_be_read_when_one_stack_is_left(copy: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    system = system_of(copy)
    alone = replace(system, config=replace(system.config, stacks=system.config.stacks[1:]))
    monkeypatch.setattr("changeover.system.load_system", lambda: alone)
    records = [{"event": "retire", "at": "2026-11-22T15:00:00", "override": "the lease ends", "number": 1}]
    monkeypatch.setattr("gateway.audit.Audit.records", lambda _: records)

    told = copy.run("history")

    assert (told.code, "gates overridden: the lease ends" in told.out) == (0, True), told.error


def test_an_edited_history_is_found(copy: Running) -> None:
    copy.run("flip", "health", "--to", "modern", "--percent", "1", "--reason", "approved by nobody")
    audit = copy.var_dir / "flips/audit.jsonl"
    kept = audit.read_text()
    assert copy.run("verify-audit").code == 0

    try:
        audit.write_text(kept.replace("approved by nobody", "approved by the boss"))
        edited = copy.run("verify-audit", "--json")
        audit.write_text("".join(kept.splitlines(keepends=True)[:-1]))
        shortened = copy.run("verify-audit")
    finally:
        audit.write_text(kept)

    assert (edited.code, edited.json["intact"], shortened.code) == (1, False, 1)


def test_a_table_changed_by_hand_is_found(copy: Running) -> None:
    table = copy.var_dir / "gateway/state/current"
    (table / "1.health.c1.legacy").touch()

    found = copy.run("verify-audit")
    (table / "1.health.c1.legacy").unlink()

    assert (found.code, "is not the one that the history ends with" in found.out) == (1, True)


def stepping(copy: Running, soak_s: float, requests: int) -> Any:
    system = system_of(copy)
    return open_control(replace(system, config=replace(system.config, steps=Steps(soak_s, requests))))


def test_a_step_is_refused_before_the_last_one_has_soaked(copy: Running) -> None:
    copy.run("flip", "health", "--to", "modern", "--percent", "1")

    refused = copy.run("step", "health")

    assert (refused.code, "are missing; --wait waits" in refused.error) == (1, True)


def test_thin_traffic_is_made_up_for_by_recorded_reads(copy: Running) -> None:
    copy.run("flip", "taxonomy.read", "--to", "modern", "--percent", "1")
    said: list[str] = []

    plan = next_step(stepping(copy, 0, 12), "taxonomy.read", wait=False, override="", say=said.append)

    assert [(change.before, change.after) for change in plan.changes] == [(1, 5)]
    assert said == ["Thin traffic: sending 12 recorded reads of taxonomy.read to each side ..."]
    traffic = copy.run("routes", "--json").json["groups"]
    assert next(group for group in traffic if group["id"] == "taxonomy.read")["traffic"]["modern"]["requests"] >= 12


def test_a_group_without_reads_is_not_made_up_for(copy: Running) -> None:
    copy.run("flip", "cron.tools", "--to", "modern", "--percent", "1")

    with pytest.raises(Problem, match="answered 0 requests since its last step, 12 are needed"):
        next_step(stepping(copy, 0, 12), "cron.tools", wait=False, override="", say=print)


def test_reads_that_are_all_refused_prove_nothing(copy: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    copy.run("flip", "taxonomy.read", "--to", "modern", "--percent", "1")
    monkeypatch.setattr("changeover.feed._token", lambda _: "nobody's")

    with pytest.raises(Problem, match=r"was refused \(401\), which proves nothing"):
        next_step(stepping(copy, 0, 3), "taxonomy.read", wait=False, override="", say=print)


def test_a_route_without_a_group_and_a_group_without_a_route_are_seen() -> None:
    """That there is none is what `make check` asks."""
    system = load_system()
    kept = tuple(group for group in system.config.routes.groups if group.id != "settings")
    table = RouteTable(
        (*kept, Group("more", "More", system.config.routes.groups[0].matches)), system.config.routes.phases
    )

    said = uncovered(replace(system, config=replace(system.config, routes=table)), load_project(ROOT))

    assert "legacy: GET /health: listed by health and more; one group must own it" in said
    assert "modern: PUT /settings/slack: the app serves it, no group lists it" in said
