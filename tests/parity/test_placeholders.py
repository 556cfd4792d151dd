"""Placeholders are filled exactly, and an unknown one is refused with the names that would do."""

import pytest

from parity.placeholders import fill
from parity.values import ParityError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain", "plain", id="no placeholder"),
        pytest.param("{folder}/app.db", "/tmp/a/app.db", id="one"),
        pytest.param("{folder}:{folder}", "/tmp/a:/tmp/a", id="the same twice"),
        pytest.param("{secret}", "{folder}", id="a fact is not filled again"),
        pytest.param("{{folder}}", "{folder}", id="doubled braces"),
        pytest.param('{"a": {"B": {}}}', '{"a": {"B": {}}}', id="JSON"),
        pytest.param("${HOME}", "${HOME}", id="a shell variable"),
    ],
)
def test_facts_take_the_place_of_their_names(text: str, expected: str) -> None:
    assert fill(text, {"folder": "/tmp/a", "secret": "{folder}"}) == expected


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ParityError) as refused:
        fill("{dir}/x", {"folder": "/tmp/a", "secret": "s"})

    assert str(refused.value) == '"{dir}/x" holds {dir}, which is not known here; use {folder}, {secret}.'
