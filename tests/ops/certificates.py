"""Certificates as a passed replay of the committed recordings would leave them, made without the replay."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from changeover.project import load_project
from changeover.system import ROOT
from parity.certificate import Certificate, write_certificate
from parity.certify import code_of
from parity.ledger import load_ledger
from parity.recording import digest

__all__ = ["certify"]


def certify(var_dir: Path, *groups: str, passed: bool = True) -> None:
    """Write what says that these groups were proven on the code that is here now."""
    for group in groups:
        certificate = Certificate(
            group=group,
            passed=passed,
            reasons=() if passed else ("1 unexplained difference.",),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            database="sqlite",
            exchanges=1,
            accepted=0,
            unexplained=0 if passed else 1,
            wanted=1,
            seen=1,
            **proven_on(),
        )
        write_certificate(var_dir / "parity/certificates", certificate)


@cache
def proven_on() -> dict[str, Any]:
    """Return the digests of what is here now; nothing of it changes while tests run."""
    project = load_project(ROOT)
    return {
        "recordings": {path.name: digest(path) for path in project.recordings([])},
        "ledger": load_ledger(ROOT / project.config.parity.ledger).digest,
        "code": {stack.name: code_of(project.config, stack) for stack in project.config.stacks},
    }
