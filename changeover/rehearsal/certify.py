"""Certificates for the copy: those that are valid already, else a parity run makes them. So no gate has to be overridden."""

import shutil
from collections.abc import Callable, Sequence

from rich.console import Console

from changeover.phase_certificates import Certificates
from changeover.problems import FAILED, Problem
from changeover.project import Project

__all__ = ["certify"]


def certify(owner: Project, copy: Project, groups: Sequence[str], say: Callable[[str], None]) -> None:
    """Put a valid certificate of each group into the copy's VAR_DIR. Raise Problem where parity is not there."""
    theirs = Certificates(owner)
    if all(theirs.state(group).word == "valid" for group in groups):
        shutil.copytree(owner.certificates, copy.certificates, dirs_exist_ok=True)
        say("The certificates of the last parity run are valid.")
        return
    from changeover.parity_run import Wanted, run_parity

    say("Running parity for certificates ...")
    run_parity(copy, Wanted([], []), Console(quiet=True), quiet=True)
    ours = Certificates(copy)
    for group in groups:
        state = ours.state(group)
        if state.word != "valid":
            raise Problem(
                f"Parity is not proven for {group} ({state}); type `make parity`, it says what differs.", FAILED
            )
