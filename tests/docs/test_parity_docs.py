"""The parity pages say what is there: every key, every placeholder, and examples that load."""

import asyncio
import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel

from parity.certificate import Certificate
from parity.config import CONFIG_FILE, Account, Config, Database, Login, Parity, SinkAnswer, Stack, load_config
from parity.ground import Ground, facts_of
from parity.ledger import Rule, load_ledger
from parity.reach.client import Limits
from parity.reach.processes import start_process
from parity.sinks import HttpSink, MailSink
from parity.values import AXES, ParityError

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = "docs/reference/parity.md"
MODELS: dict[str, type[BaseModel]] = {
    "`[stacks.NAME]`": Stack,
    "`[parity]`": Parity,
    "`[parity.database]`": Database,
    "`[[parity.sink]]`": SinkAnswer,
    "`[[parity.accounts]]`": Account,
    "`[parity.login]`": Login,
    "The ledger": Rule,
}
# Given by the table's own name.
NOT_KEYS = {"name"}


def page(name: str) -> str:
    return (ROOT / name).read_text()


def rows_below(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading of the reference, without its two first lines."""
    text = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", page(REFERENCE), re.MULTILINE | re.DOTALL)
    assert text, heading
    lines = [line for line in text[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def names_below(heading: str) -> list[str]:
    return [row[0].strip("` ") for row in rows_below(heading)]


def fields(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()} - NOT_KEYS


@pytest.mark.parametrize("heading", MODELS)
def test_every_key_is_in_the_reference_and_no_other(heading: str) -> None:
    named = names_below(heading)

    assert sorted(named) == sorted(fields(MODELS[heading]))


@pytest.mark.parametrize("heading", MODELS)
def test_the_defaults_are_those_of_the_settings(heading: str) -> None:
    wrong = []
    for name, default, *_ in rows_below(heading):
        field = next(field for key, field in MODELS[heading].model_fields.items() if (field.alias or key) == name[1:-1])
        plain = not field.is_required() and isinstance(field.default, str | int | float) and field.default != ""
        if field.is_required() != (default == "required") or (plain and default.strip('`"') != str(field.default)):
            wrong.append(name)

    assert wrong == []


def test_every_key_of_a_certificate_is_in_the_reference_and_no_other() -> None:
    assert names_below("Certificates") == ["format", *Certificate.__dataclass_fields__]


def test_every_axis_is_in_the_reference() -> None:
    axis = next(row for row in rows_below("The ledger") if row[0] == "`axis`")

    assert re.findall(r"`(\w+)`", axis[2]) == list(AXES)


def placeholders(place: str) -> set[str]:
    """Return those that the reference lists for a place, such as `start`."""
    return {row[0].strip("`{}") for row in rows_below("Placeholders") if f"`{place}`" in row[1]}


def listed(error: ParityError) -> set[str]:
    """Return the placeholders that a refusal offers."""
    return set(re.findall(r"\{(\w+)\}", str(error).partition("; use ")[2]))


def test_every_placeholder_of_start_is_in_the_reference_and_no_other(tmp_path: Path) -> None:
    stack = Stack(name="new", start=("{what}",))
    with pytest.raises(ParityError) as refused:
        asyncio.run(start_process(stack, {}, tmp_path, 1, root=tmp_path, limits=Limits()))

    assert placeholders("start") == listed(refused.value)


def test_every_placeholder_of_the_environment_is_in_the_reference_and_no_other(tmp_path: Path) -> None:
    parity = Parity(env={"SOMETHING": "{what}"})
    ground = Ground(Config(root=tmp_path, stacks=(), parity=parity), tmp_path, None, {}, "secret", 0.0)

    async def start() -> None:
        async with ground.alone(Stack(name="new", start=("true",)), "new"):
            pass

    with pytest.raises(ParityError) as refused:
        asyncio.run(start())
    with HttpSink() as http, MailSink() as mail:
        known = {*facts_of(tmp_path, "", 0.0), *http.facts, *mail.facts}

    assert listed(refused.value) == known
    assert placeholders("env") == known | {"database_url"}


def test_the_rule_of_the_how_to_is_one(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.toml"
    rule = re.search(r"^ *```toml\n(.*?)^ *```", page("docs/howto/accept-a-difference.md"), re.MULTILINE | re.DOTALL)
    assert rule
    ledger.write_text(rule[1])

    assert [rule.owner for rule in load_ledger(ledger).rules] == ["maria"]
    assert load_ledger(ledger).rules[0].expires > date(2026, 1, 1)


def blocks_of_your_own_pair() -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```", page("docs/howto/your-own-pair.md"), re.MULTILINE | re.DOTALL)


def test_the_settings_of_your_own_pair_load_as_they_stand(tmp_path: Path) -> None:
    blocks = blocks_of_your_own_pair()
    settings = [block for block in blocks if "[[accept]]" not in block]
    (tmp_path / CONFIG_FILE).write_text("\n".join(settings))

    config = load_config(tmp_path)

    assert [stack.name for stack in config.pair] == ["old", "new"]
    assert len(settings) == 3


def test_the_rule_of_your_own_pair_is_one(tmp_path: Path) -> None:
    rules = [block for block in blocks_of_your_own_pair() if "[[accept]]" in block]
    (tmp_path / "ledger.toml").write_text(rules[0])

    assert len(load_ledger(tmp_path / "ledger.toml").rules) == len(rules) == 1


def test_every_key_that_a_page_names_is_one() -> None:
    known = {f"parity.{name}" for name in Parity.model_fields} | {"parity.env", "parity.run"}
    for path in ROOT.glob("docs/**/*.md"):
        for name in re.findall(r"`(parity\.\w+)", path.read_text()):
            assert name in known, f"{path.name}: {name}"


def test_our_own_settings_are_toml_that_parity_reads() -> None:
    assert tomllib.loads(page(CONFIG_FILE))["parity"]["ledger"] == "contract/ledger.toml"
