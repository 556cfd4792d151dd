"""Filling `{name}` in settings that become commands, addresses and environments. Nothing here knows what the names mean."""

import re
from collections.abc import Mapping

from parity.values import ParityError

__all__ = ["fill"]

_PLACEHOLDER = re.compile(r"\{(\{[a-z][a-z0-9_]*\})\}|\{([a-z][a-z0-9_]*)\}")


def fill(text: str, facts: Mapping[str, str]) -> str:
    """Return the text with every `{name}` replaced by its fact; `{{name}}` stands for `{name}` itself.

    Only lower-case names are placeholders, so JSON and shell text pass as they are. Raise ParityError for a name that
    is not among the facts.
    """

    def replacement(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        name = match[2]
        if name not in facts:
            raise ParityError(f'"{text}" holds {{{name}}}, which is not known here; use {_listed(facts)}.')
        return facts[name]

    return _PLACEHOLDER.sub(replacement, text)


def _listed(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(facts)) or "no placeholders"
