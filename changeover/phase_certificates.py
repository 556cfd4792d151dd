"""Whether the certificate of a route group still proves anything: passed, and nothing it was made from has changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from changeover.parity_previous import PREVIOUS
from changeover.problems import Problem
from changeover.project import Project
from parity.certificate import FORMAT, file_of
from parity.certify import code_of
from parity.ledger import load_ledger
from parity.recording import digest
from parity.values import ParityError

__all__ = ["Certificates", "State"]


@dataclass(frozen=True)
class State:
    """What there is for one group. `reason` is "" where it is valid or there is none; `created` is ISO UTC."""

    word: Literal["valid", "none", "failed", "stale"]
    reason: str = ""
    created: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}" if self.reason else self.word


@dataclass(frozen=True)
class Certificates:
    """The certificates of a project, held against what is there now; everything is read once."""

    project: Project

    def state(self, group: str) -> State:
        """Return what the group's certificate is worth. Raise Problem where the ledger cannot be read."""
        path = file_of(self.project.certificates, group)
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return State("none")
        except (OSError, ValueError):
            return State("stale", f"{path} cannot be read")
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            return State("stale", f"{path} is not of the format {FORMAT}")
        created = str(found.get("created", ""))
        if found.get("passed") is not True:
            reasons = [str(reason) for reason in found.get("reasons", [])]
            return State("failed", " ".join(reasons).rstrip("."), created)
        change = self._change(found)
        return State("stale", change, created) if change else State("valid", "", created)

    def _change(self, found: Mapping[str, Any]) -> str:
        """Return what has changed since, "" if nothing."""
        for name, now in self._recordings.items():
            if name not in found["recordings"]:
                return f"recording {name} was not replayed"
            if found["recordings"][name] != now:
                return f"recording {name} changed"
        if found["ledger"] != self._ledger[0]:
            return "the ledger changed"
        if self._ledger[1]:
            return "the ledger holds expired rules"
        # A release that was compared with stays what it was.
        for name in sorted({*found["code"]} - {PREVIOUS} | {*self._code}):
            if found["code"].get(name) != self._code.get(name):
                return f"code of {name} changed" if name in self._code else f"the stack {name} is gone"
        if found["seen"] < self.project.config.parity.coverage * found["wanted"]:
            return f"{found['seen']} of {found['wanted']} routes and statuses were seen, more are required"
        return ""

    @cached_property
    def _recordings(self) -> dict[str, str]:
        try:
            return {path.name: digest(path) for path in self.project.recordings([])}
        except Problem:
            # No recordings are configured: the certificate stands on those that were named for it.
            return {}

    @cached_property
    def _ledger(self) -> tuple[str, bool]:
        name = self.project.config.parity.ledger
        path: Path | None = self.project.root / name if name else None
        try:
            ledger = load_ledger(path)
        except ParityError as error:
            raise Problem(str(error)) from None
        return ledger.digest, bool(ledger.expired(datetime.now(UTC).date()))

    @cached_property
    def _code(self) -> dict[str, str]:
        return {stack.name: code_of(self.project.config, stack) for stack in self.project.config.stacks}
