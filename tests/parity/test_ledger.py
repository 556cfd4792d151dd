"""The ledger: what a rule accepts, what it does not, when it ends, and what is refused as a rule."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from parity.grouping import Grouper
from parity.ledger import Ledger, Rule, load_ledger
from parity.report.rule import suggested_rule
from parity.values import ParityError
from tests.parity.exchanges import different

TODAY = date(2026, 11, 22)
MISSING = different("$.job.note", None, "", axis="presence", kinds=("missing", "empty"))
RULE = """[[accept]]
route = "GET /jobs/{id}"
axis = "presence"
path = "$.job.note"
from = "missing"
to = "empty"
reason = "the new stack shows it always"
owner = "ada"
expires = 2027-01-31
"""


def rule(**changed: Any) -> Rule:
    facts = {
        "route": "GET /jobs/{id}",
        "axis": "presence",
        "path": "$.job.note",
        "reason": "shown always",
        "owner": "ada",
        "expires": TODAY,
    }
    return Rule(**{**facts, **changed})


@pytest.mark.parametrize(
    ("changed", "accepted"),
    [
        ({}, True),
        ({"from": "missing", "to": "empty"}, True),
        ({"from": "missing"}, True),
        ({"to": "text"}, False),
        ({"axis": "value"}, False),
        ({"where": "rows"}, False),
        ({"path": "$.job.notes"}, False),
        ({"path": "$.job"}, False),
        ({"path": "$.*.note"}, True),
        ({"path": "*"}, True),
        ({"route": "* /jobs/*"}, True),
        ({"route": "GET /jobs/7"}, False),
        ({"route": "PUT /jobs/{id}"}, False),
        ({"path": "$.job.not?"}, False),
        ({"path": "$.job.not[e]"}, False),
    ],
    ids=[
        "any kinds",
        "both kinds",
        "one kind",
        "another kind",
        "another axis",
        "another place",
        "another path",
        "a path above",
        "a star within the path",
        "a star for every path",
        "stars in the route",
        "a route is its template",
        "another method",
        "a question mark is itself",
        "brackets are themselves",
    ],
)
def test_a_rule_accepts_what_it_names(changed: dict[str, Any], accepted: bool) -> None:
    assert rule(**changed).accepts("GET /jobs/{id}", MISSING) is accepted


def test_a_star_for_list_positions_stands_for_itself() -> None:
    found = different("$.jobs[*].at")

    assert rule(axis="value", path="$.jobs[*].at").accepts("GET /jobs/{id}", found)
    assert rule(axis="value", path="$.*[*].at").accepts("GET /jobs/{id}", found)
    assert not rule(axis="value", path="$.jobs[0].at").accepts("GET /jobs/{id}", found)


@pytest.mark.parametrize(("days", "in_force"), [(-1, False), (0, True), (1, True)], ids=["ended", "last day", "later"])
def test_a_rule_holds_to_the_end_of_its_last_day(days: int, in_force: bool) -> None:
    ledger = Ledger((rule(expires=TODAY + timedelta(days)),))

    assert bool(ledger.rule_for("GET /jobs/{id}", MISSING, TODAY)) is in_force
    assert bool(ledger.expired(TODAY)) is not in_force
    assert bool(ledger.unused([], TODAY)) is in_force, "an expired rule is not told twice"


def test_the_first_rule_in_force_is_the_one_that_is_used() -> None:
    ended, wide, exact = rule(path="*", expires=date(2026, 1, 1)), rule(path="$.*"), rule()
    ledger = Ledger((ended, wide, exact))

    assert ledger.rule_for("GET /jobs/{id}", MISSING, TODAY) == wide
    assert ledger.unused([wide.id], TODAY) == [exact]
    assert ledger.by_id[exact.id] == exact


def test_a_rules_id_stays_when_only_reason_owner_and_end_change() -> None:
    assert rule().id == rule(reason="said better", owner="bob", expires=date(2030, 1, 1)).id
    assert len({rule().id, rule(path="$.x").id, rule(**{"from": "int"}).id, rule(to="int").id}) == 4


def test_no_file_is_an_empty_ledger(tmp_path: Path) -> None:
    assert load_ledger(None) == load_ledger(tmp_path / "none.toml") == Ledger()


def test_the_digest_is_that_of_the_files_bytes(tmp_path: Path) -> None:
    file = tmp_path / "ledger.toml"
    file.write_text(RULE)
    first = load_ledger(file)
    file.write_text(RULE + "# seen\n")

    assert [one.left for one in first.rules] == ["missing"]
    assert load_ledger(file).rules == first.rules
    assert load_ledger(file).digest != first.digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[accept]\n", "is not TOML"),
        ("\xff".encode("latin-1"), "is not TOML"),
        ("[[rule]]\n", '"rule" is not known here; every rule is an [[accept]] table'),
        (RULE + RULE, "rule 2: accepts what an earlier rule accepts"),
        (RULE + RULE.replace('"ada"', '"bob"'), "rule 2: accepts what an earlier rule accepts"),
        (RULE + "note = 1\n", "rule 1: note: is not a known key"),
        (RULE.replace("presence", "size"), 'rule 1: axis: "size" cannot be used'),
        (RULE + 'where = "logs"\n', 'rule 1: where: "logs" cannot be used'),
        (RULE.replace("2027-01-31", '"soon"'), 'rule 1: expires: "soon" cannot be used'),
        (RULE.replace("the new stack shows it always", ""), 'rule 1: reason: "" cannot be used'),
        (RULE.replace('owner = "ada"\n', ""), "rule 1: owner:"),
        ("accept = 3\n", "accept"),
        ("accept = [1]\n", "accept"),
        ('[accept]\nroute = "GET /jobs"\n', "accept"),
    ],
    ids=[
        "no TOML",
        "no text",
        "another table",
        "the same rule twice",
        "another owner of the same",
        "an unknown key",
        "an unknown axis",
        "an unknown place",
        "no date",
        "no reason",
        "no owner",
        "a number for the rules",
        "a number for a rule",
        "one table for the rules",
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(text: str | bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "ledger.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(ParityError) as refused:
        load_ledger(file)

    assert said in str(refused.value)
    assert "ledger.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_suggested_rule_accepts_its_group_once_somebody_owns_it(tmp_path: Path) -> None:
    grouper = Grouper()
    grouper.feed("e1", method="GET", route="/jobs/{id}", route_group="jobs", differences=[MISSING])
    [group] = grouper.result()[1]
    text = suggested_rule(group, TODAY)
    file = tmp_path / "ledger.toml"

    file.write_text(text)
    with pytest.raises(ParityError, match="reason"):
        load_ledger(file)
    file.write_text(text.replace('reason = ""', 'reason = "as agreed"').replace('owner = ""', 'owner = "ada"'))

    assert load_ledger(file).rule_for("GET /jobs/{id}", MISSING, TODAY)
