"""What `make` offers, and the scripts it calls, without running anything that lasts."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from changeover.system import ROOT

SCRIPTS = ("changeover", "install-package", "make-venv", "is-healthy")
TARGETS = ("check", "demo", "down", "lock", "logs", "status", "test", "up")


def make(*arguments: str) -> str:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_make_alone_lists_every_target_with_a_word_about_it() -> None:
    listed = re.findall(r"^  make (\S+) +\S.*$", make(), re.MULTILINE)
    phony = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()

    assert set(TARGETS) <= set(listed)
    assert sorted(listed) == sorted(phony)


def test_no_target_kills_by_name() -> None:
    text = (ROOT / "Makefile").read_text() + "".join((ROOT / "deploy" / name).read_text() for name in SCRIPTS)

    assert not re.search(r"\b(?:pkill|killall|fuser)\b", text)


def test_ci_runs_what_a_developer_runs() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec make test"
    assert make("--dry-run", "test").count("pytest") == 1


@pytest.mark.parametrize("script", [*(f"deploy/{name}" for name in SCRIPTS), ".ci/run"])
def test_scripts_can_be_run(script: str) -> None:
    assert (ROOT / script).stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize("lock", ["requirements.lock", "legacy_flask/requirements.lock"])
def test_lock_files_name_no_host(lock: str) -> None:
    path = ROOT / lock
    if path.exists():
        assert "://" not in path.read_text()
        assert "--hash=sha256:" in path.read_text()


class TestInstallPackage:
    """Package managers are played by scripts on PATH; nothing is installed."""

    @pytest.fixture
    def tools(self, tmp_path: Path) -> Path:
        """A PATH with the shell's own tools only."""
        for name in ("sh", "mktemp", "rm", "tail", "chmod", "printf"):
            found = next(path for path in (Path("/bin") / name, Path("/usr/bin") / name) if path.exists())
            (tmp_path / name).symlink_to(found)
        return tmp_path

    @staticmethod
    def play(tools: Path, name: str, script: str) -> None:
        tool = tools / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)

    @staticmethod
    def run(tools: Path, program: str = "no-such-server") -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / "deploy" / "install-package"), program, "apt-name", "brew-name"]
        environ = {"PATH": str(tools), "POLICY_RC_D": str(tools / "policy")}
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    def test_a_program_that_is_there_is_left_alone(self, tools: Path) -> None:
        self.play(tools, "no-such-server", "exit 0")
        self.play(tools, "apt-get", "echo called; exit 1")
        done = self.run(tools)

        assert (done.returncode, done.stdout) == (0, "")

    def test_root_on_debian_gets_it_by_apt_get(self, tools: Path) -> None:
        self.play(tools, "id", "echo 0")
        self.play(
            tools,
            "apt-get",
            f'echo "$@" >> {tools}/asked; printf "#!/bin/sh\\n" > {tools}/no-such-server; chmod +x {tools}/no-such-server',
        )
        done = self.run(tools)

        assert (done.returncode, done.stdout) == (0, "Installing apt-name ...\n")
        assert (tools / "asked").read_text() == "install -y --no-install-recommends apt-name\n"

    def test_no_service_is_started_while_it_installs(self, tools: Path) -> None:
        self.play(tools, "id", "echo 0")
        self.play(
            tools,
            "apt-get",
            f"""{tools}/policy; echo $? > {tools}/policy-said
            printf "#!/bin/sh\\n" > {tools}/no-such-server; chmod +x {tools}/no-such-server""",
        )

        assert self.run(tools).returncode == 0
        assert (tools / "policy-said").read_text() == "101\n"
        assert not (tools / "policy").exists(), "it is gone afterwards"

    def test_a_policy_of_the_machine_stays(self, tools: Path) -> None:
        self.play(tools, "id", "echo 0")
        self.play(tools, "policy", "exit 101")
        self.play(tools, "apt-get", f"printf '#!/bin/sh\\n' > {tools}/no-such-server; chmod +x {tools}/no-such-server")

        assert self.run(tools).returncode == 0
        assert (tools / "policy").read_text() == "#!/bin/sh\nexit 101\n"

    def test_old_package_lists_are_fetched_again(self, tools: Path) -> None:
        self.play(tools, "id", "echo 0")
        self.play(
            tools,
            "apt-get",
            f"""echo "$1" >> {tools}/asked
            if [ "$1" = update ]; then printf "" > {tools}/updated; exit 0; fi
            [ -e {tools}/updated ] || exit 100
            printf "#!/bin/sh\\n" > {tools}/no-such-server; chmod +x {tools}/no-such-server""",
        )

        assert self.run(tools).returncode == 0
        assert (tools / "asked").read_text().split() == ["install", "update", "install"]

    def test_others_on_debian_are_told_what_to_type(self, tools: Path) -> None:
        self.play(tools, "id", "echo 1000")
        self.play(tools, "apt-get", "exit 100")
        done = self.run(tools)

        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            "no-such-server is missing and could not be installed here; "
            "type: sudo apt-get install -y --no-install-recommends apt-name"
        ]

    def test_elsewhere_brew_is_asked(self, tools: Path) -> None:
        self.play(tools, "brew", f'echo "$@" > {tools}/asked; exit 1')
        done = self.run(tools)

        assert done.returncode == 2
        assert (tools / "asked").read_text() == "install --quiet brew-name\n"
        assert done.stderr.endswith("type: brew install brew-name\n")

    def test_without_a_package_manager_it_still_says_what_is_missing(self, tools: Path) -> None:
        done = self.run(tools)

        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "no-such-server" in done.stderr


def test_the_command_works_from_any_folder_and_in_a_path_with_spaces(tmp_path: Path) -> None:
    checkout = tmp_path / "a checkout"
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / "changeover").mkdir()
    (checkout / "changeover" / "__init__.py").touch()
    (checkout / "changeover" / "__main__.py").write_text("import sys; print(__file__, sys.argv[1:])")
    command = checkout / ".venv" / "bin" / "changeover"
    command.write_bytes((ROOT / "deploy" / "changeover").read_bytes())
    command.chmod(0o755)
    python = checkout / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{os.sys.executable}" "$@"\n')
    python.chmod(0o755)
    done = subprocess.run([command, "token", "a b"], cwd="/", capture_output=True, text=True, check=True)

    assert done.stdout == f"{checkout}/changeover/__main__.py ['token', 'a b']\n"
