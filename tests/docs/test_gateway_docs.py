"""The gateway's reference names every key that is read, every field of the log, and nothing else."""

import re
from pathlib import Path

import pytest

from gateway.config import ConfigError, load
from gateway.render import LOG_FORMAT
from gateway.routes import load_routes
from tests.gateway.edge import GROUPS, PAIR, make_project

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/gateway.md").read_text()
TABLES = {
    "## `[gateway]`": "[gateway]",
    "## `[stacks.NAME]`": "[stacks.modern]",
    "## `[limits]`, `[timeouts]`": "[timeouts]",
}


def documented(section: str) -> set[str]:
    """Return what stands in the first column of the section's table."""
    rows = re.findall(r"^\| (`.*?) \|", PAGE.partition(section)[2].partition("\n## ")[0], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}


def known(folder: Path, table: str) -> set[str]:
    """Return the keys that are read of a table: the error about an unknown one lists them."""
    project = make_project(folder / "project", PAIR.replace(table, f"{table}\nnobody_reads_this = 1"))
    with pytest.raises(ConfigError) as error:
        load(project, {})
    return set(error.value.remedy.partition("known here: ")[2].split(", "))


@pytest.mark.parametrize(("section", "table"), TABLES.items())
def test_every_key_of_a_table_is_in_the_reference(tmp_path: Path, section: str, table: str) -> None:
    assert known(tmp_path, table) <= documented(section)


@pytest.mark.parametrize("key", ["body_bytes", "path"])
def test_the_limits_are_in_the_reference(key: str) -> None:
    assert key in documented("## `[limits]`, `[timeouts]`")


def test_every_key_of_groups_and_phases_is_in_the_reference(tmp_path: Path) -> None:
    for place in ("[[group]]", "[[phase]]"):
        (tmp_path / "groups.toml").write_text(GROUPS.replace(place, f"{place}\nnobody_reads_this = 1", 1))
        with pytest.raises(ConfigError) as error:
            load_routes(tmp_path / "groups.toml", "groups.toml")

        assert set(error.value.remedy.partition("known here: ")[2].split(", ")) <= documented("## Route groups")


def test_every_field_of_the_log_is_in_the_reference() -> None:
    table = PAGE.partition("| Field | Means | Field")[2]

    assert set(re.findall(r"`([a-z]+)`", table)) >= set(LOG_FORMAT)
