"""The commands of the tutorial, run as they stand there, on a copy of the system."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.shell import Shell, commands_of, open_shell


@pytest.fixture
def shell() -> Iterator[Shell]:
    with open_shell() as shell:
        yield shell


def test_the_tutorial_works_as_it_is_written(shell: Shell) -> None:
    said = []
    for command in commands_of("docs/tutorial/first-hour.md"):
        said.append(shell.run(command))
        if command == "make demo":
            shell.words["<password>"] = said[-1].rsplit(" ", 1)[-1].strip()
        if "/auth/login" in command:
            shell.words["<token>"] = json.loads(said[-1])["access_token"]

    answers = [answer for answer in said if answer.startswith("HTTP/1.1")]
    bodies = {answer.partition("\n\n")[2] for answer in (text.replace("\r\n", "\n") for text in answers)}
    assert len(answers) == 3
    assert all(answer.startswith("HTTP/1.1 200") for answer in answers)
    assert len(bodies) == 1
    assert '"count":25' in bodies.pop()
    assert "accepted" in said[-1]
