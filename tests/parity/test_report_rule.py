"""The suggested rule is TOML that the ledger reads, once somebody has given reason and owner."""

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from parity.ledger import load_ledger
from parity.report.rule import suggested_rule
from parity.report.value import Group
from parity.values import Difference, ParityError

GROUP = Group(
    id="g1",
    cause="c1",
    method="GET",
    route="/jobs/{id}",
    route_group="jobs",
    where="answer",
    axis="format",
    path="$.jobs[*].created_at",
    left_kind="time(iso,ms,Z)",
    right_kind="time(iso,us,none)",
    count=3,
    exchanges=("1",),
    example="1",
)
DAY = date(2027, 1, 31)


def test_a_rule_names_all_that_the_group_has_in_common() -> None:
    assert suggested_rule(GROUP, DAY) == (
        "[[accept]]\n"
        'route = "GET /jobs/{id}"\n'
        'where = "answer"\n'
        'axis = "format"\n'
        'path = "$.jobs[*].created_at"\n'
        'from = "time(iso,ms,Z)"\n'
        'to = "time(iso,us,none)"\n'
        'reason = ""\n'
        'owner = ""\n'
        "expires = 2027-01-31\n"
    )


@pytest.mark.parametrize(
    "path",
    ['$["a\\"b"]', "$.a\\b", "$.\x7f\x00\n\t", "$.日付😀", "$.it's", '$."""', "$.\u2028"],
    ids=[
        "quotes",
        "a backslash",
        "control characters",
        "other alphabets",
        "an apostrophe",
        "three quotes",
        "separators",
    ],
)
def test_any_path_comes_back_from_the_rule(path: str) -> None:
    (rule,) = tomllib.loads(suggested_rule(replace(GROUP, path=path), DAY))["accept"]

    assert (rule["path"], rule["expires"]) == (path, DAY)


def test_half_a_surrogate_pair_is_still_toml() -> None:
    assert "accept" in tomllib.loads(suggested_rule(replace(GROUP, path="$.\ud800"), DAY))


def test_the_ledger_takes_the_rule_only_with_reason_and_owner(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.toml"
    text = suggested_rule(GROUP, DAY)
    ledger.write_text(text)
    with pytest.raises(ParityError):
        load_ledger(ledger)

    ledger.write_text(text.replace('reason = ""', 'reason = "agreed"').replace('owner = ""', 'owner = "ada"'))
    difference = Difference("answer", "format", GROUP.path, "", None, None, GROUP.left_kind, GROUP.right_kind)

    assert load_ledger(ledger).rule_for("GET /jobs/{id}", difference, DAY) is not None
