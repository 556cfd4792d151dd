"""Where the gateway's files are when VAR_DIR is closed to the user nginx becomes, and what may not be planted there."""

import os
import pwd
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import ConfigError, load
from gateway.folder import settle
from gateway.nginx import prepare
from gateway.workers import can
from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import Edge, make_project

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="nginx keeps its user unless root starts it")
ENVIRON = {"PATH": os.environ["PATH"]}
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def folder(open_folder: Callable[[str], Path]) -> Path:
    return open_folder("folder")


@pytest.fixture(autouse=True)
def temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder of these tests, and the only one."""
    base = folder / "tmp"
    base.mkdir()
    base.chmod(0o1777)
    monkeypatch.setattr("tempfile.tempdir", str(base))
    monkeypatch.setattr("gateway.folder.MORE_PLACES", ())
    return base


@pytest.fixture
def private(folder: Path) -> Path:
    private = folder / "private"
    private.mkdir(mode=0o700)
    return private


def test_a_public_folder_takes_the_place_and_a_link_leads_there(
    folder: Path, private: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.folder.MORE_PLACES", (str(folder),))

    place = settle(private / "var")

    assert [place] == list(temporary.iterdir())
    assert (private / "var/gateway").readlink() == place
    assert (place.stat().st_uid, stat.S_IMODE(place.stat().st_mode)) == (0, 0o755)


def test_a_narrow_umask_opens_no_less(private: Path) -> None:
    before = os.umask(0o077)
    try:
        place = settle(private / "var")
    finally:
        os.umask(before)

    assert can(NOBODY, "-x", place)


def test_where_workers_may_enter_nothing_is_put_elsewhere(folder: Path, temporary: Path) -> None:
    assert settle(folder / "var") == folder / "var/gateway"
    assert not (folder / "var/gateway").is_symlink()
    assert not list(temporary.iterdir())


def test_again_and_after_var_dir_was_made_anew_it_is_the_same_place(private: Path) -> None:
    first = settle(private / "var")
    again = settle(private / "var")
    shutil.rmtree(private / "var")

    assert [first, first] == [again, settle(private / "var")]
    assert (private / "var/gateway").readlink() == first


def test_a_place_that_was_cleaned_away_is_made_again(private: Path) -> None:
    settle(private / "var").rmdir()

    assert settle(private / "var").is_dir()


def test_one_var_dir_under_two_names_has_one_place(private: Path) -> None:
    place = settle(private / "var")
    (private / "alias").symlink_to(private / "var")

    assert settle(private / "alias") == place


def test_copies_have_their_own_places_also_a_copied_var_dir(private: Path) -> None:
    one = settle(private / "one")
    shutil.copytree(private / "one", private / "two", symlinks=True)

    two = settle(private / "two")

    assert one != two
    assert [(private / name / "gateway").readlink() for name in ("one", "two")] == [one, two]


def test_logs_of_a_folder_that_workers_can_no_longer_enter_go_on(private: Path) -> None:
    inside = private / "var/gateway"
    for line, mode in (("1\n", 0o700), ("2\n", 0o755), ("3\n", 0o700)):
        private.chmod(mode)
        settle(private / "var")
        (inside / "log").mkdir(exist_ok=True)
        with (inside / "log/access.jsonl").open("a") as log:
            log.write(line)

    assert inside.is_symlink()
    assert (inside / "log/access.jsonl").read_text() == "1\n2\n3\n"


def test_a_var_dir_that_was_opened_has_its_folder_inside_again(private: Path) -> None:
    settle(private / "var")
    private.chmod(0o755)

    inside = settle(private / "var")

    assert (inside, inside.is_symlink()) == (private / "var/gateway", False)


def test_a_users_own_link_is_followed_where_workers_may_enter(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "var").mkdir()
    (folder / "var/gateway").symlink_to(folder / "elsewhere")

    settle(folder / "var")

    assert (folder / "var/gateway").readlink() == folder / "elsewhere"


def make_folder_of(place: Path, owner: int, mode: int) -> None:
    place.mkdir()
    place.chmod(mode)
    os.chown(place, owner, 0)


PLANTED: dict[str, Callable[[Path, Path], object]] = {
    "a link to a folder": lambda place, aim: place.symlink_to(aim),
    "a link to nothing": lambda place, aim: place.symlink_to(aim / "nothing"),
    "a file": lambda place, aim: place.write_text(""),
    "somebody else's folder": lambda place, aim: make_folder_of(place, NOBODY.pw_uid, 0o755),
    "a folder in which all may write": lambda place, aim: make_folder_of(place, 0, 0o757),
    "a folder in which a group may write": lambda place, aim: make_folder_of(place, 0, 0o775),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED.keys())
def test_what_somebody_planted_is_refused_and_not_followed(
    folder: Path, private: Path, plant: Callable[[Path, Path], object]
) -> None:
    place = settle(private / "var")
    shutil.rmtree(private / "var")
    place.rmdir()
    aim = folder / "aim"
    aim.mkdir(mode=0o700)
    plant(place, aim)
    before = place.lstat()

    with pytest.raises(ConfigError) as caught:
        prepare(load(make_project(folder / "project"), {}), private / "var", ENVIRON)

    assert str(caught.value) == (
        f"environment: VAR_DIR = '{private}/var': nginx's workers may not enter it, "
        f"and {place} for their files is not ours alone; remove {place}"
    )
    assert (place.lstat().st_mode, place.lstat().st_uid) == (before.st_mode, before.st_uid)
    assert (list(aim.iterdir()), stat.S_IMODE(aim.stat().st_mode)) == ([], 0o700)
    assert not (private / "var/gateway").exists()


UNFIT: dict[str, Callable[[Path], None]] = {
    "private": lambda base: base.chmod(0o700),
    "open to all without the sticky bit": lambda base: base.chmod(0o777),
    "somebody else's": lambda base: os.chown(base, NOBODY.pw_uid, 0),
    "below a folder of somebody else": lambda base: os.chown(base.parent, NOBODY.pw_uid, 0),
    "gone": lambda base: base.rmdir(),
}


@pytest.mark.parametrize("spoil", UNFIT.values(), ids=UNFIT.keys())
def test_an_unfit_temporary_folder_is_passed_over(
    open_folder: Callable[[str], Path],
    private: Path,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
) -> None:
    other = open_folder("other")
    monkeypatch.setattr("gateway.folder.MORE_PLACES", (str(other),))
    spoil(temporary)

    assert settle(private / "var").parent == other


def test_without_any_fit_folder_the_refusal_says_what_to_do(folder: Path, private: Path, temporary: Path) -> None:
    temporary.chmod(0o700)

    with pytest.raises(ConfigError) as caught:
        prepare(load(make_project(folder / "project"), {}), private / "var", ENVIRON)

    assert str(caught.value) == (
        f"environment: VAR_DIR = '{private}/var/gateway': nginx, started by root, becomes www-data, "
        f"who may not enter {private}; choose another folder or let everybody in: chmod o+x {private}"
    )


def test_a_gateway_with_a_private_var_dir_serves_pages_takes_uploads_and_logs(
    folder: Path, private: Path, stacks: tuple[EchoStack, EchoStack]
) -> None:
    ports = [stack.port for stack in stacks]
    with Edge(make_project(folder / "project"), private / "var", ports) as edge:
        page, text = edge.get("/"), edge.get("/README.md")
        upload = edge.ask("POST", "/api/things/bulk", [("X-Request-Id", "upload-1")], b"x" * 9_000_000)

        assert (page.status, text.status, upload.status, upload.json["length"]) == (200, 200, 200, 9_000_000)
        assert edge.log_line("upload-1")["s"] == 200


def test_logs_that_were_private_stay_so(folder: Path, private: Path) -> None:
    prepare(load(make_project(folder / "project"), {}), private / "var", ENVIRON)
    place = (private / "var/gateway").readlink()

    assert (can(NOBODY, "-x", place), can(NOBODY, "-x", place / "log")) == (True, False)
    assert can(pwd.getpwnam("www-data"), "-x", place / "log"), "a worker opens its log again at USR1"


def test_a_refused_start_does_not_open_the_logs(folder: Path, private: Path) -> None:
    (private / "var/gateway/log").mkdir(parents=True)
    (private / "dist").mkdir(mode=0o700)
    (private / "dist/index.html").write_text("app")
    config = load(make_project(folder / "project"), {"FRONTEND_DIST": str(private / "dist")})

    with pytest.raises(ConfigError, match="FRONTEND_DIST"):
        prepare(config, private / "var", ENVIRON)

    assert not can(NOBODY, "-x", (private / "var/gateway").readlink() / "log")
