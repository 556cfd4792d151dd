"""`changeover scheduler ...` as it is typed: what it shows, what it refuses, what it changes and takes back."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from changeover.database import prepare
from changeover.flip_gates import ask_gates
from changeover.phase_certificates import State
from changeover.rehearsal.scheduler import without_a_row
from changeover.retire_gates import blocks_of
from changeover.system import ROOT, load_system
from gateway.gates import Gate
from gateway.ownership import Change, Ownership
from scheduler.lease import transaction
from scheduler.runtime import Runtime
from scheduler.services import build_services
from shared_models import Job, JobExecution, JobSchedule, SchedulerDuty, SchedulerHandover, SchedulerLease
from shared_models.message import OutboxMessage
from shared_models.queries.clock import DatabaseNow
from shared_rules.settings import load_settings
from tests.contract import stacks
from tests.ops.scheduler_ground import Ground, on_ground
from tests.sinks import HttpSink

of_a_pair = pytest.mark.skipif(not (ROOT / "legacy_flask").exists(), reason="the legacy stack is gone")
OWNER = "legacy:here:1:ab"
MODERN = "modern:here:1:ab"
NOW = datetime.now(UTC).replace(microsecond=0)
HOLDS = """
import signal, sys
from scheduler.lease import transaction
from shared_models.engine import sync_engine
with transaction(sync_engine(sys.argv[1])):
    print("held", flush=True)
    signal.pause()
"""


@pytest.fixture(scope="module", params=stacks.DATABASES)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with stacks.database_url(request.param) as url:
        yield url


@pytest.fixture(scope="module")
def file_url() -> Iterator[str]:
    with stacks.database_url("sqlite") as url:
        yield url


@pytest.fixture
def ground(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Ground]:
    with on_ground(url, tmp_path / "var", monkeypatch, capsys) as ground:
        yield ground


@pytest.fixture
def on_file(
    file_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Ground]:
    """The ground on SQLite only, for what does not depend on the database."""
    with on_ground(file_url, tmp_path / "var", monkeypatch, capsys) as ground:
        yield ground


def only_the_question(ground: Ground) -> tuple[Any, ...]:
    """Return everything of the scheduler that a refusal has to leave as it was."""
    lease = ground.lease()
    return (lease.desired_stack, lease.owner_process, lease.epoch), ground.handovers(), ground.nodes()


class TestStatus:
    def test_nobody_runs_what_is_wanted(self, on_file: Ground) -> None:
        said = on_file.run("status")

        assert (said.code, said.err) == (1, "")
        assert re.search(r"wanted +legacy\nowner +nobody, epoch 0\n", said.out)
        assert re.search(r"handover +none yet\nnot run +nothing in the last 24 hours\n", said.out)
        assert "processes   none that could run it" in said.out

    def test_the_owner_the_processes_and_what_is_next(self, ground: Ground) -> None:
        ground.job("nightly", next_run_at=datetime(2099, 1, 1, 18, tzinfo=UTC))
        ground.died("modern:there:9:cd", age_s=3700)
        ground.died(OWNER, age_s=0.1)
        ground.died("modern:there:9:cd", age_s=0.1)
        ground.owned_by(OWNER, age_s=1)
        said, found = ground.run("status"), ground.run("status", "--json").json

        assert said.code == 0
        assert re.search(rf"owner +legacy, {OWNER}, epoch 7, since \S+, last beat 1\.\d s ago\n", said.out)
        assert "1 scheduled, the next at 2099-01-02T03:00:00+09:00" in said.out
        assert (found["healthy"], found["owner"]["stack"], found["owner"]["stale"]) == (True, "legacy", False)
        assert [node["stack"] for node in found["nodes"]] == ["modern", "legacy"]
        assert {node["facts"]["zone"] for node in found["nodes"]} == {"Asia/Tokyo"}
        assert (found["db_write_blocked"], found["blocked_by"]) == (False, None)

    def test_a_stale_owner_is_called_so(self, on_file: Ground) -> None:
        on_file.owned_by(OWNER, age_s=9)
        said = on_file.run("status")

        assert said.code == 1
        assert re.search(r"last beat 9\.\d s ago, STALE: more than 5 s", said.out)

    @pytest.mark.parametrize(("wanted", "code"), [("none", 0), ("modern", 1)])
    def test_nobody_is_fine_only_where_nobody_is_wanted(self, on_file: Ground, wanted: str, code: int) -> None:
        on_file.want(wanted)

        assert on_file.run("status").code == code

    def test_ticks_that_were_not_run_are_counted_by_reason(self, ground: Ground) -> None:
        job = ground.job("a")
        ground.tick(job, NOW - timedelta(hours=1), "missed", "misfire")
        ground.tick(job, NOW - timedelta(hours=2), "skipped", "overlap")
        ground.tick(job, NOW - timedelta(hours=3), "unknown")
        ground.tick(job, NOW - timedelta(hours=30), "missed", "misfire")
        ground.tick(job, NOW - timedelta(hours=4), "done")

        assert ground.run("status", "--json").json["not_run"] == {"misfire": 1, "overlap": 1, "unknown": 1}
        assert "1 misfire, 1 overlap, 1 unknown in the last 24 hours; see" in ground.run("status").out

    def test_who_keeps_others_from_writing_is_named_with_the_remedy(
        self, ground: Ground, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("changeover.scheduler_blocked._PATIENCE_S", 0.2)
        with subprocess.Popen([sys.executable, "-c", HOLDS, url], stdout=subprocess.PIPE, text=True) as holder:
            try:
                assert holder.stdout
                assert holder.stdout.readline() == "held\n"
                os.kill(holder.pid, signal.SIGSTOP)
                said, found = ground.run("status"), ground.run("status", "--json").json
            finally:
                holder.kill()
        after = ground.run("status", "--json").json

        assert said.code == 1
        assert (found["db_write_blocked"], after["db_write_blocked"]) == (True, False)
        if url.startswith("sqlite"):
            assert (
                f"process {holder.pid}, which is stopped: end it, what it began is undone: kill -9 {holder.pid}"
                in said.out
            )
        else:
            session = found["blocked_by"]["pid"]
            assert f"session {session} (idle in transaction): wait" in said.out
            assert f"pg_terminate_backend({session})" in said.out

    def test_a_database_that_is_not_there_is_one_line(self, on_file: Ground, tmp_path: Path) -> None:
        on_file.patch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/nowhere.db")
        said = on_file.run("status")

        assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
        assert "there is no such file; type `make up` first" in said.err
        assert not (tmp_path / "nowhere.db").exists()


class TestHandover:
    @pytest.fixture(autouse=True)
    def hurried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("changeover.scheduler_preflight._APPEAR_WITHIN_S", 0.1)

    def test_a_process_that_is_starting_is_waited_for(self, on_file: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("changeover.scheduler_preflight._APPEAR_WITHIN_S", 10)
        started = threading.Timer(0.1, lambda: on_file.puppet("modern", number=2))
        started.start()
        said = on_file.run("handover", "--to", "modern")
        started.join()

        assert said.code == 0

    def test_the_flag_moves_and_what_came_of_it_is_told_and_kept(self, ground: Ground) -> None:
        ground.job("nightly")
        ground.puppet("legacy")
        ground.until("legacy owns", lambda: ground.lease().owner_stack == "legacy")
        ground.puppet("modern", number=2)
        said = ground.run("handover", "--to", "modern", "--reason", "phase 8\n")

        assert (said.code, said.err) == (0, "")
        assert "legacy -> modern: run by modern:here:2:ab, epoch 2" in said.out
        assert "Without an owner for 12.5 ms; ticks that fell due meanwhile: 3 run late, 1 left out." in said.out
        [row] = ground.handovers()
        assert (row.from_stack, row.to_stack, row.reason, row.epoch, row.aborted) == (
            "legacy",
            "modern",
            "phase 8",
            2,
            None,
        )
        assert "@" in row.requested_by
        assert row.requested_at <= row.completed_at
        assert "legacy -> modern at" in ground.run("status").out

    def test_as_json(self, on_file: Ground) -> None:
        on_file.puppet("legacy")
        on_file.until("legacy owns", lambda: on_file.lease().owner_stack == "legacy")
        on_file.puppet("modern", number=2)
        done = on_file.run("handover", "--to", "modern", "--json").json

        assert (done["outcome"], done["owner"], done["gap_ms"], done["caught_up"]) == (
            "done",
            "modern:here:2:ab",
            12.5,
            3,
        )
        assert 0 < done["took_s"] < 5

    def test_to_where_it_is_changes_nothing(self, on_file: Ground) -> None:
        on_file.owned_by(MODERN)
        before = only_the_question(on_file)
        said = on_file.run("handover", "--to", "modern")

        assert (said.code, said.out) == (0, f"Nothing to do; the scheduler is run by {MODERN} already, epoch 7.\n")
        assert only_the_question(on_file) == before

    def test_a_dead_owner_of_the_wanted_stack_is_no_matter_of_a_handover(self, on_file: Ground) -> None:
        on_file.owned_by(MODERN, age_s=30)
        said = on_file.run("handover", "--to", "modern")

        assert said.code == 1
        assert f"modern is wanted already, and its last owner is {MODERN}; `changeover scheduler status`" in said.err

    def test_an_unknown_stack_is_refused(self, on_file: Ground) -> None:
        said = on_file.run("handover", "--to", "django")

        assert said.code == 2
        assert re.fullmatch(r"--to django: there is no such stack; choose (legacy, )?modern, none\.\n", said.err)

    @pytest.mark.parametrize(
        ("puppets", "said"),
        [
            pytest.param([], "No process of modern that could run the scheduler is alive. Type `make up`", id="none"),
            pytest.param(
                [{"facts": {"zone": "Europe/Berlin"}}],
                "The processes differ in zone: .*Europe/Berlin in modern:here:2:ab",
                id="another zone",
            ),
            pytest.param(
                [{"facts": {"revision": "0001"}}], "differ in revision: .*0001 in modern", id="another revision"
            ),
            pytest.param([{"facts": {"version": "9"}}], "differ in version: .*9 in modern", id="another release"),
            pytest.param(
                [{"facts": {"clock_ahead_s": 3.5}}],
                "The clock of modern:here:2:ab is 3.5 s ahead of that of legacy:here:1:ab",
                id="another clock",
            ),
            pytest.param(
                [{"fires": "f" * 64}], r"different fire times: .*modern:here:2:ab \(ffffffff\)", id="other fires"
            ),
            pytest.param(
                [{}, {"fires": "f" * 64, "number": 3}], r"modern:here:3:ab \(ffffffff\)", id="other fires in one of two"
            ),
        ],
    )
    def test_what_is_not_ready_is_refused_and_nothing_changed(
        self, on_file: Ground, puppets: list[dict[str, Any]], said: str
    ) -> None:
        on_file.puppet("legacy")
        on_file.until("legacy owns", lambda: on_file.lease().owner_stack == "legacy")
        for how in puppets:
            on_file.puppet("modern", **({"number": 2} | how))
        before = only_the_question(on_file)
        refused = on_file.run("handover", "--to", "modern")

        assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
        assert re.search(said, refused.err)
        assert refused.err.endswith("Nothing was changed.\n")
        assert only_the_question(on_file) == before

    def test_a_dead_process_of_the_target_is_named_and_none(self, on_file: Ground) -> None:
        on_file.owned_by(OWNER)
        on_file.died("modern:there:9:cd", age_s=40)
        refused = on_file.run("handover", "--to", "modern")

        assert refused.code == 1
        assert "is alive; the last, modern:there:9:cd, was alive 40 s ago. Type `make up`" in refused.err

    def test_one_that_lives_and_does_not_answer_is_refused(
        self, on_file: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("changeover.scheduler_preflight._ANSWER_WITHIN_S", 0.2)
        with transaction(on_file.engine) as connection:
            connection.execute(update(SchedulerLease).values(ttl_s=0.2))
        on_file.puppet("modern", answers=False, acquires=False)
        refused = on_file.run("handover", "--to", "modern")

        assert refused.code == 1
        assert "modern:here:1:ab is alive, and did not say which fire times it computes" in refused.err
        assert on_file.handovers() == []

    def test_one_that_died_a_moment_ago_has_no_say(self, on_file: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("changeover.scheduler_preflight._ANSWER_WITHIN_S", 1.0)
        with transaction(on_file.engine) as connection:
            connection.execute(update(SchedulerLease).values(ttl_s=0.2))
        on_file.died(OWNER, age_s=0.1)
        on_file.puppet("modern", number=2)

        assert on_file.run("handover", "--to", "modern").code == 0

    def test_with_one_stack_alive_the_command_computes_the_fire_times_too(self, on_file: Ground) -> None:
        on_file.job("nightly")
        on_file.owned_by(OWNER, age_s=60, wanted="legacy")
        on_file.puppet("modern", number=2, fires="f" * 64, acquires=False)
        refused = on_file.run("handover", "--to", "modern")

        assert refused.code == 1
        assert re.search(r"modern:here:2:ab \(ffffffff\) and this command \(", refused.err)

    def test_jobs_edited_while_they_are_compared_are_compared_again(self, ground: Ground) -> None:
        job, edits = ground.job("nightly"), 0
        ground.puppet("legacy")
        ground.until("legacy owns", lambda: ground.lease().owner_stack == "legacy")
        modern = ground.puppet("modern", number=2, fires="f" * 64)
        ask = sys.modules["changeover.scheduler_preflight"]._answers

        def edited(*arguments: Any) -> Any:
            nonlocal edits
            found = ask(*arguments)
            if len(found) == 2 and edits < 2:
                edits += 1
                with transaction(ground.engine) as connection:
                    connection.execute(update(JobSchedule).values(schedule_rev=JobSchedule.schedule_rev + 1))
                modern.fires = ""
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("changeover.scheduler_preflight._answers", edited)
            said = ground.run("handover", "--to", "modern")

        assert (said.code, job, edits) == (0, "job-nightly", 2)
        assert modern.answered >= 2

    def test_a_second_handover_at_once_is_refused(self, ground: Ground) -> None:
        ground.owned_by(OWNER)
        with transaction(ground.engine) as connection:
            row = {"id": "1", "from_stack": "legacy", "to_stack": "modern", "requested_by": "me@there"}
            connection.execute(insert(SchedulerHandover).values(requested_at=DatabaseNow(), **row))
        before = only_the_question(ground)
        refused = ground.run("handover", "--to", "none")

        assert refused.code == 1
        assert re.fullmatch(r"A handover to modern by me@there began \d s ago and is not done; .*\n", refused.err)
        assert only_the_question(ground) == before

    def test_of_two_that_were_checked_at_once_one_goes_on(
        self, on_file: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def meanwhile(*_: object) -> None:
            with transaction(on_file.engine) as connection:
                row = {"id": "1", "from_stack": "legacy", "to_stack": "modern", "requested_by": "me@there"}
                connection.execute(insert(SchedulerHandover).values(requested_at=DatabaseNow(), **row))

        monkeypatch.setattr("changeover.scheduler_handover.check_target", meanwhile)
        refused = on_file.run("handover", "--to", "modern")

        assert (refused.code, "A handover to modern by me@there began" in refused.err) == (1, True)
        assert (on_file.lease().desired_stack, len(on_file.handovers())) == ("legacy", 1)

    def test_where_nobody_takes_over_it_is_taken_back(self, ground: Ground) -> None:
        ground.puppet("legacy")
        ground.until("legacy owns", lambda: ground.lease().owner_stack == "legacy")
        ground.puppet("modern", number=2, acquires=False)
        said = ground.run("handover", "--to", "modern", "--abort-after", "0.3")
        ground.until("legacy owns again", lambda: ground.lease().owner_stack == "legacy")

        assert said.code == 1
        assert said.err == (
            "Taken back, no process of modern acquired within 0.3 s: legacy is wanted as before; see `changeover logs modern`.\n"
        )
        assert ground.lease().desired_stack == "legacy"
        [row] = ground.handovers()
        assert (row.aborted, row.completed_at) == ("no process of modern acquired within 0.3 s", None)
        assert "taken back: no process of modern" in ground.run("status").out

    def test_an_interrupted_one_is_taken_back_too(self, on_file: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: object) -> bool:
            raise KeyboardInterrupt

        on_file.puppet("modern", acquires=False)
        monkeypatch.setattr("changeover.scheduler_handover._completed_within", interrupted)
        said = on_file.run("handover", "--to", "modern")

        assert (said.code, on_file.lease().desired_stack) == (130, "legacy")
        assert [row.aborted for row in on_file.handovers()] == ["interrupted"]

    def test_one_that_took_over_at_the_last_moment_keeps_it(
        self, on_file: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        on_file.puppet("modern", number=2)
        monkeypatch.setattr(
            "changeover.scheduler_handover._completed_within",
            lambda *_: on_file.until("modern owns", lambda: on_file.lease().owner_stack == "modern"),
        )
        said = on_file.run("handover", "--to", "modern")

        assert (said.code, on_file.lease().desired_stack) == (0, "modern")

    def test_to_nobody_the_owner_lets_go(self, ground: Ground) -> None:
        ground.puppet("legacy")
        ground.until("legacy owns", lambda: ground.lease().owner_stack == "legacy")
        said = ground.run("handover", "--to", "none", "--reason", "maintenance")

        assert (said.code, ground.lease().owner_process) == (0, None)
        assert "Nobody runs the scheduler now; before it was legacy." in said.out
        assert ground.run("handover", "--to", "none").out.startswith(
            "Nothing to do; the scheduler is run by nobody already"
        )

    @pytest.mark.parametrize(("age_s", "wanted"), [(60, "legacy"), (60, "none"), (0, "legacy")])
    def test_to_nobody_an_owner_that_does_not_let_go_has_it_taken_away(
        self, on_file: Ground, age_s: float, wanted: str
    ) -> None:
        on_file.owned_by(OWNER, age_s=age_s, wanted=wanted)
        said = on_file.run("handover", "--to", "none", "--abort-after", "0.2")
        lease = on_file.lease()

        assert said.code == 0
        assert "before it was legacy, who did not give it up and had it taken away." in said.out
        assert (lease.desired_stack, lease.owner_stack, lease.owner_process) == ("none", None, None)
        assert [row.gap_ms for row in on_file.handovers()] == [0.0]

    def test_from_nobody_to_a_stack(self, ground: Ground) -> None:
        ground.want("none")
        ground.puppet("modern")
        said = ground.run("handover", "--to", "modern", "--json").json

        assert (said["from_stack"], said["to_stack"], said["owner"]) == ("none", "modern", MODERN)


class TestMissed:
    @pytest.fixture(autouse=True)
    def ticks(self, ground: Ground) -> None:
        first, second = ground.job("first"), ground.job("second")
        for hours, reason in enumerate(("misfire", "late", "coalesced"), 1):
            ground.tick(first, NOW - timedelta(hours=hours), "missed", reason)
        ground.tick(second, NOW - timedelta(minutes=90), "skipped", "overlap")
        ground.tick(second, NOW - timedelta(minutes=80), "unknown", error_message="It went with its process.")
        ground.tick(second, NOW - timedelta(minutes=70), "done")
        ground.tick(second, NOW - timedelta(hours=40), "skipped", "too many wait")

    def test_newest_first_with_the_reason_in_words(self, ground: Ground) -> None:
        found = ground.run("missed", "--json").json

        assert found["total"] == 5
        assert [tick["reason"] for tick in found["ticks"]] == ["misfire", "unknown", "overlap", "late", "coalesced"]
        assert [tick["job_name"] for tick in found["ticks"]] == ["first", "second", "second", "first", "first"]
        assert found["ticks"][1]["words"] == "It went with its process."
        assert found["ticks"][0]["words"] == "due longer ago than SCHEDULER_MISFIRE_GRACE_S allows"
        assert found["ticks"][0]["scheduled_for"].endswith("+09:00")

    def test_of_one_job_of_more_days_and_not_all(self, ground: Ground) -> None:
        assert [
            tick["reason"] for tick in ground.run("missed", "--json", "--since", "7d", "--job", "second").json["ticks"]
        ] == [
            *("unknown", "overlap", "too many wait"),
        ]
        assert ground.run("missed", "--json", "--since", "75m").json["total"] == 1
        said = ground.run("missed", "--limit", "2")
        assert "and 3 more; --limit shows them" in said.out
        assert re.search(r"first +missed +due longer ago than", said.out)

    def test_where_all_was_run(self, ground: Ground) -> None:
        assert ground.run("missed", "--since", "5m").out == "Every tick of the last 5m was run.\n"

    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            (("--job", "third"), 1, 'There is no job "third"; '),
            (("--since", "yesterday"), 2, '--since "yesterday": write a number and m, h or d, such as 24h.'),
        ],
    )
    def test_what_cannot_be_asked(self, ground: Ground, arguments: tuple[str, str], code: int, said: str) -> None:
        found = ground.run("missed", *arguments)

        assert (found.code, found.err.startswith(said)) == (code, True)


class TestFastForward:
    @pytest.fixture
    def restored(self, ground: Ground) -> Ground:
        """Return a database as a backup of three hours ago leaves it."""
        ground.want("none")
        hour = NOW.replace(minute=0, second=0)
        ground.job("hourly", "0 * * * *", hour - timedelta(hours=2))
        ground.job("to come", "0 * * * *", NOW + timedelta(days=1))
        claimed = ground.job("claimed", "0 3 1 1 *", None)
        ground.tick(claimed, NOW - timedelta(hours=3), "claimed")
        ground.tick("job-hourly", hour - timedelta(hours=2), "done")
        with transaction(ground.engine) as connection:
            for number, phase in enumerate(("queued", "sending", "sent")):
                row = {"id": phase, "key": str(number), "kind": "mail", "body": "x", "created_at": NOW}
                connection.execute(insert(OutboxMessage).values(phase=phase, **row))
            for name, at in (("past", NOW - timedelta(hours=1)), ("to come", NOW + timedelta(hours=1))):
                connection.execute(insert(SchedulerDuty).values(name=name, zone="Asia/Tokyo", next_run_at=at))
        return ground

    def test_it_is_only_counted_first(self, restored: Ground) -> None:
        before = restored.rows(JobExecution.id, JobExecution.phase), restored.rows(JobSchedule.next_run_at)
        said = restored.run("fast-forward", "--to", "now")

        assert said.code == 0
        assert "It would pass over 3 ticks of 1 jobs, each with a row; 1 claimed ticks" in said.out
        assert said.out.endswith("Nothing was changed; add --yes.\n")
        assert (restored.rows(JobExecution.id, JobExecution.phase), restored.rows(JobSchedule.next_run_at)) == before
        assert restored.lease().epoch == 0

    def test_nothing_restored_is_due_any_more_and_every_tick_has_a_row(self, restored: Ground) -> None:
        said = restored.run("fast-forward", "--to", "now", "--record", "missed", "--yes", "--json").json
        hour = NOW.replace(minute=0, second=0)
        rows = restored.rows(JobExecution.scheduled_for, JobExecution.phase, JobExecution.skip_reason)

        assert (said["done"], said["ticks"], said["claimed"], said["messages"], said["epoch"]) == (True, 3, 1, 2, 1000)
        assert sorted(rows) == sorted(
            [
                (NOW - timedelta(hours=3), "missed", "fast-forward"),
                (hour - timedelta(hours=2), "done", None),
                (hour - timedelta(hours=1), "missed", "fast-forward"),
                (hour, "missed", "fast-forward"),
            ]
        )
        assert min(at for (at,) in restored.rows(JobSchedule.next_run_at) if at) > datetime.now(UTC)
        assert restored.rows(OutboxMessage.id, OutboxMessage.phase) == [
            *(("queued", "unknown"), ("sending", "unknown"), ("sent", "sent")),
        ]
        assert restored.rows(SchedulerDuty.name) == [("to come",)]
        assert restored.run("fast-forward", "--to", "now", "--yes", "--json").json["ticks"] == 0

    def test_without_rows(self, restored: Ground) -> None:
        restored.run("fast-forward", "--record", "none", "--yes")

        assert len(restored.rows(JobExecution.id)) == 2
        assert min(at for (at,) in restored.rows(JobSchedule.next_run_at) if at) > datetime.now(UTC)

    def test_many_ticks_of_many_jobs_take_several_transactions(
        self, restored: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("changeover.scheduler_forward._JOBS_AT_ONCE", 2)
        monkeypatch.setattr("changeover.scheduler_forward._TICKS_AT_ONCE", 7)
        half_an_hour_ago = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=29)
        for number in range(5):
            restored.job(f"every minute {number}", "* * * * *", half_an_hour_ago)
        said = restored.run("fast-forward", "--yes", "--json").json

        assert said["ticks"] in {3 + 5 * 30, 3 + 5 * 31}
        assert len(restored.rows(JobExecution.id)) == said["ticks"] - 3 + 4

    @pytest.mark.parametrize(("wanted", "owned"), [("legacy", False), ("none", True)])
    def test_it_is_refused_while_anybody_may_run_it(self, restored: Ground, wanted: str, owned: bool) -> None:
        if owned:
            restored.owned_by(OWNER, wanted=wanted)
        restored.want(wanted)
        said = restored.run("fast-forward", "--yes")

        assert said.code == 1
        assert "type: changeover scheduler handover --to none" in said.err
        assert len(restored.rows(JobExecution.id)) == 2


class Proven:
    """Certificates of everything."""

    def state(self, _group: str) -> State:
        return State("valid", "", "today")


class TestGates:
    @pytest.fixture(autouse=True)
    def hurried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("changeover.flip_gates._TAKEOVER_S", 0.05)

    @pytest.mark.parametrize(
        ("owner_age_s", "wanted", "passed", "said"),
        [
            (0.0, "legacy", True, "run by legacy, who sees the jobs of both stacks"),
            (
                9.0,
                "legacy",
                False,
                "legacy is to run it, and no living process does; see `changeover scheduler status`",
            ),
            (None, "legacy", False, "or hand it over: changeover scheduler handover --to STACK"),
            (None, "none", True, "nobody is to run it, and what falls due waits"),
        ],
        ids=["owned", "by a dead process", "by nobody", "by nobody, as wanted"],
    )
    def test_jobs_move_only_while_somebody_runs_them(
        self, on_file: Ground, owner_age_s: float | None, wanted: str, passed: bool, said: str
    ) -> None:
        on_file.want(wanted)
        if owner_age_s is not None:
            on_file.owned_by(OWNER, age_s=owner_age_s)
        [gate] = self.asked()

        assert (gate.passed, said in gate.words) == (passed, True)

    def test_a_database_that_cannot_be_read_refuses(self, on_file: Ground, tmp_path: Path) -> None:
        on_file.patch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/nowhere.db")
        [gate] = self.asked()

        assert (gate.passed, "there is no such file; type `make up` first" in gate.words) == (False, True)

    def asked(self) -> list[Gate]:
        changes = [Change("jobs.run", 0, 100)]
        gates = ask_gates(load_system(), Proven(), changes, Ownership({"jobs.run": 100}))  # type: ignore[arg-type]
        return [gate for gate in gates if gate.name == "scheduler"]

    @of_a_pair
    @pytest.mark.parametrize(
        ("wanted", "owner", "blocks"),
        [("legacy", "", True), ("modern", OWNER, True), ("modern", "", False), ("none", "", False)],
    )
    def test_a_stack_that_is_to_run_the_scheduler_is_not_retired(
        self, on_file: Ground, wanted: str, owner: str, blocks: bool
    ) -> None:
        on_file.want(wanted)
        if owner:
            on_file.owned_by(owner, wanted=wanted)
        gates = blocks_of(load_system(), "legacy", [], lambda _system: []).gates

        assert [gate for gate in gates if "scheduler" in gate] == [
            *(
                ["legacy is to run the scheduler; `make up`, then type: changeover scheduler handover --to modern"]
                * blocks
            )
        ]


class TestPrepare:
    @pytest.mark.parametrize(
        ("wanted", "epoch", "stacks", "after", "said"),
        [
            (
                "legacy",
                3,
                ["modern"],
                "modern",
                ["The scheduler goes to modern, because legacy is not there any more."],
            ),
            pytest.param("legacy", 0, ["modern"], "modern", [], id="it was never there"),
            ("legacy", 3, ["legacy", "modern"], "legacy", []),
            ("modern", 3, ["legacy", "modern"], "modern", []),
            ("none", 3, ["modern"], "none", []),
        ],
    )
    def test_the_scheduler_of_a_stack_that_is_gone_goes_to_the_one_that_is_there(
        self, on_file: Ground, wanted: str, epoch: int, stacks: list[str], after: str, said: list[str]
    ) -> None:
        on_file.want(wanted)
        with transaction(on_file.engine) as connection:
            connection.execute(update(SchedulerLease).values(epoch=epoch))
        told: list[str] = []
        prepare(load_system().settings, stacks, told.append)
        prepare(load_system().settings, stacks, told.append)

        assert (on_file.lease().desired_stack, on_file.lease().epoch, told) == (after, epoch, said)

    def test_where_it_is_switched_off_the_flag_stays(self, on_file: Ground) -> None:
        on_file.patch.setenv("SCHEDULER_ENABLED", "off")
        prepare(load_system().settings, ["modern"], lambda _line: None)

        assert on_file.lease().desired_stack == "legacy"


@pytest.mark.long
class TestWithRuntimes:
    @pytest.fixture
    def runtimes(self, ground: Ground, url: str) -> Iterator[HttpSink]:
        """Yield where five jobs call five times a second, with a scheduler of each stack running."""
        with HttpSink() as sink, ExitStack() as running:
            settings = load_settings(
                database_url=url, scheduler_lease_ttl_s=1, scheduler_catch_up="all", scheduler_overlap="allow"
            )
            for number in range(5):
                job = ground.job(f"ticking {number}", next_run_at=datetime.now(UTC))
                with transaction(ground.engine) as connection:
                    connection.execute(update(Job).where(Job.id == job).values(target_url=f"{sink.url}/{number}"))
                    connection.execute(update(JobSchedule).values(every_s=0.2))
            for stack in ("legacy", "modern"):
                services = build_services(settings)
                runtime = Runtime(services, url, stack)
                running.callback(services.close)
                running.callback(runtime.stop)
                runtime.start()
            ground.until("jobs run", lambda: len(sink.received) >= 10)
            yield sink

    def test_no_tick_is_lost_or_doubled_across_handovers_and_a_break(self, ground: Ground, runtimes: HttpSink) -> None:
        done = [ground.run("handover", "--to", to) for to in ("modern", "none", "modern")]
        seen = len(runtimes.received)
        ground.until("jobs run again", lambda: len(runtimes.received) >= seen + 10)
        done.append(ground.run("handover", "--to", "none"))
        # What the last owner had claimed and not begun waits for the next one.
        ground.until(
            "all that began is done", lambda: set(ground.rows(JobExecution.phase)) <= {("done",), ("claimed",)}
        )
        done_runs = ground.rows(JobExecution.phase).count(("done",))
        runs = ground.rows(JobExecution.job_id, JobExecution.scheduled_for)
        keys = [request.headers["idempotency-key"] for request in runtimes.received]

        assert [(said.code, said.err) for said in done] == [(0, "")] * 4
        assert None not in [count for row in ground.handovers() for count in (row.gap_ms, row.caught_up, row.skipped)]
        for job in {job for job, _ in runs}:
            ticks = [at for of, at in runs if of == job]
            assert without_a_row(ticks, 0.2, max(ticks)) == []
        assert len(keys) == len(set(keys)) == done_runs
