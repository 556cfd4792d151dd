"""Phases: each check seen passing and failing, certificates that no longer hold, and what the commands print."""

import asyncio
import hashlib
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from changeover.cli import app
from changeover.phase_flows import FLOWS_FILE, load_flows
from changeover.phase_player import play
from changeover.phase_stacks import own_copy
from changeover.phases import Checked, Verification, list_phases
from changeover.problems import Problem
from changeover.project import load_project
from changeover.system import ROOT
from tests.ops.ground import free_ports
from tests.ops.notes_pair import lay_out, replace_in

BOTH = (ROOT / "legacy_flask").is_dir()


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAR_DIR", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lay_out(tmp_path)
    for name in [name for name in sys.modules if name.startswith("notes_")]:
        del sys.modules[name]


def nothing_said(_text: str) -> None:
    pass


def check(root: Path, name: str, *, phase: int = 0, fresh: bool = False) -> Checked:
    """Run one check by its name."""
    number = phase or {"tokens": 1, "parity": 1, "retired": 3, "tests": 3}.get(name, 2)
    whole = Verification.of(load_project(root), number, fresh=fresh)
    (found,) = replace(whole, checks={name: whole.checks[name]}).run(nothing_said)
    return found


CHECKS = ["tokens", "parity", "import", "crud", "alone", "operations", "tests"]


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_of_a_sound_pair_is_done(pair: Path, name: str) -> None:
    found = check(pair, name)

    assert (found.done, found.remedy) == (True, ""), found.said
    assert list((pair / "var/parity").glob(f"phase-?-{name}-*")) == []


NEW, OLD, FLOWS = "notes_new/main.py", "notes_old/main.py", "contract/flows.toml"
CREATES = '    if method == "POST":\n'
FAULTS = {
    "a token that only its own stack accepts": (
        *("tokens", NEW, 'os.environ["SECRET"]', '"another"'),
        'old to new: new: GET /notes/none answered 401 {"error": "log in"}; expected 404',
    ),
    "a place of the answer that is not as expected": (
        *("tokens", FLOWS, '"no such note" }', '"no note" }'),
        'old to new: new: GET /notes/none answered "no such note" as error; expected "no note"',
    ),
    "an answer without what a later step needs": (
        *("tokens", OLD, '{"access": secret}', '{"token": secret}'),
        "old to new: old: POST /login answered 200 without access",
    ),
    "a note that comes without its text": (
        *("crud", NEW, '{"id": note, "text": text}', '{"id": note}'),
        "new: new: GET /notes/{note} answered nothing as note.text; expected",
    ),
    "a number where a text was": (
        *("crud", OLD, '{"id": note, "text": text}', '{"id": note, "text": 7}'),
        "old: old: GET /notes/{note} answered 7 as note.text; expected",
    ),
    "notes of its own that the other stack does not see": (
        *("crud", NEW, 'Path(os.environ["FILE"])', 'Path(os.environ["FILE"] + ".new")'),
        "old to new: new: GET /notes/{note} answered 404",
    ),
    "answers that differ": (
        *("parity", NEW, '200, {"access"', '200, {"more": 1, "access"'),
        "1 of 1 exchange differs",
    ),
    "a stack that does not start": (*("alone", NEW, "    async def app", "    nothing.app"), "cannot be imported"),
    "an operation that is not documented": (
        *("operations", NEW, ', "delete": {}', ""),
        "1 of 4 operations: DELETE /notes/{id} is not documented",
    ),
    "an operation that is documented and not there": (
        *("operations", NEW, CREATES, f"{CREATES}        return 405, {{}}\n"),
        "1 of 4 operations: POST /notes is answered 405",
    ),
    "an operation that is as unknown as any other path": (
        *("operations", NEW, '400, {"error": "text is missing"}', '404, {"error": "no such path"}'),
        "1 of 4 operations: POST /notes is answered 404",
    ),
    "an answer to unknown paths that cannot be told from others": (
        *("operations", FLOWS, 'error = "no such path"', 'error = "nothing"'),
        "new answers 404 to a path that nobody serves",
    ),
    "no document": (
        *("operations", NEW, '"/openapi.json"', '"/documents.json"'),
        "new answers 404 to GET /openapi.json, not an OpenAPI document",
    ),
    "tables that are not imported": (
        *("import", OLD, "from notes_tables import TABLES", ""),
        "old does not use notes_tables",
    ),
    "an import that fails": (
        *("import", NEW, "import json, os", "import json, os, no_such_module"),
        "new: notes_new.main:make cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "tables that differ": (
        *("import", NEW, "import TABLES", "import TABLES; TABLES['more'] = 3"),
        "tables differ or there are none: old 2, new 3",
    ),
    "tests that fail": (
        *("tests", FLOWS, "echo 3 passed", "echo 1 failed; exit 2"),
        "sh -c echo; echo 1 failed; exit 2 ended with 2: 1 failed",
    ),
    "tests that cannot be run": (*("tests", FLOWS, '"sh"', '"no-such-program"'), "cannot be run: No such file"),
}


@pytest.mark.parametrize(("name", "file", "old", "new", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_a_planted_fault_is_found(pair: Path, name: str, file: str, old: str, new: str, said: str) -> None:
    replace_in(pair / file, {old: new})

    found = check(pair, name)

    assert not found.done
    assert said in found.said


def test_what_was_started_for_a_check_is_gone_and_its_logs_stay_where_it_failed(pair: Path) -> None:
    replace_in(pair / NEW, {'os.environ["SECRET"]': '"another"'})

    found = check(pair, "tokens")
    (folder,) = (pair / "var/parity").glob("phase-1-tokens-*")

    assert found.remedy == f"Mend it; logs are in {folder}."
    assert {path.name for path in folder.iterdir()} >= {"old.log", "new.log"}


# Retirement


def test_what_is_still_there_of_the_old_stack_is_said(pair: Path) -> None:
    (pair / "tool.py").write_text("def later():\n    from notes_old.main import answer\n")
    (pair / "notes_new/talk.py").write_text('"""\nimport flask\n"""\nimport flaskless\n')
    (pair / ".venv").mkdir()
    (pair / ".venv/flask_user.py").write_text("import flask\n")

    found = check(pair, "retired")
    assert (found.done, found.said) == (False, "still there: notes_old/; imported by tool.py")
    assert found.remedy == "When traffic is moved: rm -r notes_old/."

    shutil.rmtree(pair / "notes_old")
    found = check(pair, "retired")
    assert (found.done, found.said, found.remedy) == (False, "imported by tool.py", "Take the imports out.")

    (pair / "tool.py").unlink()
    assert check(pair, "retired").done


@pytest.mark.parametrize("name", ["tokens", "import", "crud"])
def test_what_is_about_both_stacks_is_missing_once_one_is_gone(pair: Path, name: str) -> None:
    shutil.rmtree(pair / "notes_old")

    found = check(pair, name)

    assert (found.done, found.said) == (False, "not there: old (notes_old)")


@pytest.mark.parametrize("name", ["alone", "operations"])
def test_what_is_about_the_new_stack_is_checked_without_the_old_one(pair: Path, name: str) -> None:
    shutil.rmtree(pair / "notes_old")

    assert check(pair, name).done


# Certificates


def state(pair: Path) -> str:
    listed = {name: state for each in list_phases(load_project(pair)) for name, state in each.groups.items()}
    return str(listed["auth"])


@pytest.fixture
def certified(pair: Path) -> Path:
    assert state(pair) == "none"
    assert check(pair, "parity").done
    assert state(pair) == "valid"
    return pair


RULE = """[[accept]]
route = "GET /x"
axis = "value"
path = "$.x"
reason = "for a test"
owner = "tests"
expires = 2020-01-01
"""
CHANGES = {
    "code of one stack": (NEW, "200, {}", "200, {1: 2}", "stale: code of new changed"),
    "code of both": ("notes_tables.py", "2", "3", "stale: code of new changed"),
    "the recording": ("contract/recordings/day.jsonl", "401", "404", "stale: recording day.jsonl changed"),
}


@pytest.mark.parametrize(("file", "old", "new", "said"), CHANGES.values(), ids=CHANGES.keys())
def test_a_certificate_is_stale_once_something_changed(
    certified: Path, file: str, old: str, new: str, said: str
) -> None:
    replace_in(certified / file, {old: new})

    assert state(certified) == said


def test_a_certificate_is_stale_with_a_new_recording_or_another_ledger(certified: Path) -> None:
    day, more = (certified / "contract/recordings" / name for name in ("day.jsonl", "more.jsonl"))
    shutil.copy(day, more)
    assert state(certified) == "stale: recording more.jsonl was not replayed"

    more.unlink()
    (certified / "contract/ledger.toml").write_text(RULE)
    assert state(certified) == "stale: the ledger changed"


WRITTEN = {
    "a rule that has expired since": ({"ledger": "LEDGER"}, "stale: the ledger holds expired rules"),
    "less seen than is required": (
        {"wanted": 1, "seen": 0},
        "stale: 0 of 1 routes and statuses were seen, more are required",
    ),
    "another format": ({"format": "x"}, "stale: FILE is not of the format parity-certificate/1"),
    "a failure": ({"passed": False, "reasons": ["2 exchanges differ."]}, "failed: 2 exchanges differ"),
}


@pytest.mark.parametrize(("changes", "said"), WRITTEN.values(), ids=WRITTEN.keys())
def test_a_certificate_is_read_for_what_it_says(certified: Path, changes: dict[str, Any], said: str) -> None:
    file = certified / "var/parity/certificates/auth.json"
    (certified / "dualstack.toml").write_text((certified / "dualstack.toml").read_text().replace("= 0.0", "= 0.9"))
    if "ledger" in changes:
        (certified / "contract/ledger.toml").write_text(RULE)
        changes = {"ledger": hashlib.sha256(RULE.encode()).hexdigest()}
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    assert state(certified) == said.replace("FILE", str(file))


def test_half_a_certificate_is_stale(certified: Path) -> None:
    (certified / "var/parity/certificates/auth.json").write_text('{"format"')

    assert state(certified).endswith("auth.json cannot be read")


def test_nothing_is_replayed_for_a_valid_certificate_unless_asked_for(certified: Path) -> None:
    file = certified / "var/parity/certificates/auth.json"
    before = file.stat().st_mtime_ns

    assert check(certified, "parity").said.startswith("certified since ")
    assert file.stat().st_mtime_ns == before

    assert check(certified, "parity", fresh=True).said == "1 exchanges judged, none differs unexplained: auth"
    assert file.stat().st_mtime_ns > before


def test_parity_without_a_recording_is_missing_with_the_reason(pair: Path) -> None:
    (pair / "contract/recordings/day.jsonl").unlink()

    found = check(pair, "parity")

    assert not found.done
    assert "finds no file" in found.said


# The running copy


@contextmanager
def stub(status: int) -> Iterator[int]:
    """A stack that answers everything with a status; yield its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(not BOTH, reason="the legacy stack is gone")
@pytest.mark.parametrize(
    ("legacy", "modern", "done", "said", "remedy"),
    [
        (200, 200, True, "legacy at http://127.0.0.1:", ""),
        (200, 503, False, "/api/v2/health/live answers 503", "`make status` and `make logs` say why."),
        (200, None, False, "/api/v2/health/live does not answer", "`make status` and `make logs` say why."),
        (None, None, False, "/api/health/live does not answer; ", "Type `make up`."),
    ],
    ids=["both", "a sick one", "one that is not there", "nothing runs"],
)
def test_both_stacks_are_asked_on_their_ports(
    legacy: int | None,
    modern: int | None,
    done: bool,
    said: str,
    remedy: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    with ExitStack() as opened:
        for name, status in (("LEGACY_PORT", legacy), ("MODERN_PORT", modern)):
            port = opened.enter_context(stub(status)) if status else free_ports(1)[0]
            monkeypatch.setenv(name, str(port))
        found = check(ROOT, "respond", phase=1)

    assert (found.done, found.remedy) == (done, remedy)
    assert said in found.said


# What cannot be meant


def test_a_phase_without_checks_has_parity_and_one_without_groups_nothing_to_show(pair: Path) -> None:
    replace_in(
        pair / "contract/routes.toml", {'checks = ["tokens", "parity"]': "", 'checks = ["retired", "tests"]': ""}
    )

    assert list(Verification.of(load_project(pair), 1, fresh=False).checks) == ["parity"]
    assert check(pair, "parity", phase=3).said == "the phase moves no route group"


UNUSABLE = {
    "an unknown check": (
        *("contract/routes.toml", 'checks = ["tokens",', 'checks = ["tokenz",'),
        'Phase 1 names the check "tokenz"; there are alone, crud, import, operations, parity, respond, retired, sign-in, tests, tokens.',
    ),
    "a misspelt key": (FLOWS, "status = 200", "state = 200", "flow.0.step.0.status"),
    "a path without a slash": (FLOWS, "POST /login", "POST login", "flow.0.step.0.send"),
    "two bodies": (FLOWS, 'form = { name = "a b" }', 'form = { name = "a b" }\njson = {}', "json or form, not both"),
    "two flows of one name": (FLOWS, 'name = "crud"', 'name = "tokens"', "must give every flow a name of its own"),
    "a sign-in that is no flow": (
        FLOWS,
        'sign_in = "sign-in"',
        'sign_in = "log-in"',
        "operations.sign_in names, log-in",
    ),
    "no TOML": (FLOWS, "[import]", "[import", "flows.toml: cannot be read"),
}


@pytest.mark.parametrize(("file", "old", "new", "said"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_cannot_be_meant_is_one_line(pair: Path, file: str, old: str, new: str, said: str) -> None:
    replace_in(pair / file, {old: new})

    with pytest.raises(Problem) as caught:
        Verification.of(load_project(pair), 1, fresh=False)

    assert said in str(caught.value)


def test_a_text_that_names_nothing_known_is_said(pair: Path) -> None:
    replace_in(pair / FLOWS, {"note {unique}": "note {nobody}"})

    assert "{nobody}, which is not known here" in check(pair, "crud").said


# The commands


def call(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["phase", *arguments])
    return done.exit_code, done.stdout


def test_verify_prints_a_line_for_each_check_and_ends_with_1_where_one_is_missing(pair: Path) -> None:
    replace_in(pair / FLOWS, {"echo 3 passed": "echo 1 failed; exit 1"})
    shutil.rmtree(pair / "notes_old")

    code, said = call("verify", "3")
    title, retired, running, tests = said.splitlines()

    assert (code, title) == (1, "Phase 3, The end: The old one is gone")
    assert retired.startswith("done     retired: notes_old are gone, nothing imports notes_old, flask (")
    assert running.startswith("...      tests: running sh -c echo; echo 1 failed; exit 1, ")
    assert tests.startswith("missing  tests: sh -c echo; echo 1 failed; exit 1 ended with 1: 1 failed. See ")


def test_verify_ends_with_0_where_all_is_done_and_prints_nothing_but_json_when_asked(pair: Path) -> None:
    code, said = call("verify", "2", "--json")
    found = json.loads(said)

    assert (code, found["phase"], found["done"]) == (0, 2, True)
    assert [each["check"] for each in found["checks"]] == ["import", "crud", "alone", "operations"]
    assert set(found["checks"][0]) == {"check", "done", "said", "remedy", "took_s"}


def test_list_shows_each_phase_and_the_certificates_of_its_groups(certified: Path) -> None:
    code, said = call("list")
    listed = json.loads(call("list", "--json")[1])["phases"]

    assert code == 0
    assert said.splitlines()[:5] == [
        "1  Log in",
        "   success  A token of one counts on the other (tokens, parity)",
        "   auth                 valid",
        "2  Notes",
        "   success  Notes go to and fro (import, crud, alone, operations)",
    ]
    assert [each["id"] for each in listed] == [1, 2, 3]
    assert listed[1]["groups"] == [{"group": "notes", "certificate": "none", "reason": "", "created": ""}]


def test_a_phase_that_is_not_there_is_a_usage_error(pair: Path) -> None:
    with pytest.raises(Problem, match=r"There is no phase 9; there are 1 to 3\.") as caught:
        Verification.of(load_project(pair), 9, fresh=False)

    assert caught.value.exit_code == 2


# This app


def test_every_check_that_the_plan_names_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    project = load_project(ROOT)
    assert project.routes

    named = [Verification.of(project, phase.id, fresh=False).checks for phase in project.routes.phases]

    assert [list(each) for each in named] == [
        ["respond"],
        ["import"],
        ["tokens", "parity"],
        ["parity"],
        ["crud", "parity"],
        ["auth-alone", "parity"],
        ["operations", "parity"],
        ["retired", "tests"],
    ]


@pytest.mark.long
def test_the_flows_of_this_app_pass_on_its_stacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    project = load_project(ROOT)
    flows = load_flows(ROOT / "contract" / FLOWS_FILE)

    async def faults() -> list[str]:
        async with own_copy(project, project.config.stacks, tmp_path) as copy:
            return [
                (await play(flow, copy.peers[first.name], copy.peers[second.name], copy.environ)).fault
                for flow in flows.flow
                for first, second in flow.pairs(project.config.stacks)
            ]

    found = asyncio.run(faults())

    assert set(found) == {""}
    assert len(found) == (8 if BOTH else 3)


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.skipif(not BOTH, reason="the legacy stack is gone")
@pytest.mark.parametrize("number", [2, 3, 5, 6, 7])
def test_this_app_has_reached_its_phases(number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("VAR_DIR", str(tmp_path))

    found = list(Verification.of(load_project(ROOT), number, fresh=False).run(nothing_said))

    assert [each.said for each in found if not each.done] == []
