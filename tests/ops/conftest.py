"""A copy of the system whose database is migrated and nothing of which runs, for the tests of backups."""

from pathlib import Path

import pytest

from tests.ops.backup_ground import Copy, migrated


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("template"))


@pytest.fixture
def copy(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Copy:
    made = Copy(tmp_path / "var", monkeypatch, capsys)
    made.database.parent.mkdir()
    made.database.write_bytes(template.read_bytes())
    return made
