"""`changeover import`: a file of somebody else's becomes a recording, redacted, and it is said what was left out."""

import os
from pathlib import Path

from changeover.problems import Problem
from changeover.project import Project
from parity.recording import Writer, read
from parity.redaction import Redactor, load_key
from parity.sources import Imported, Options, import_file
from parity.values import ParityError

__all__ = ["as_recording", "import_recording", "name_of"]


def import_recording(
    project: Project, file: Path, target: Path, *, emails: bool = False, variables: dict[str, str] | None = None
) -> Imported:
    """Write the file as a recording to `target` and return what came of it. Raise Problem; then nothing was written."""
    parity = project.config.parity
    try:
        project.kept.mkdir(parents=True, exist_ok=True)
        redactor = Redactor(load_key(project.var_dir), parity.secrets, public=parity.public, emails=emails)
        imported = import_file(
            file,
            Options(
                redactor=redactor,
                prefixes=list(dict.fromkeys(stack.prefix for stack in project.config.stacks)),
                accounts=parity.accounts,
                login=parity.login,
                environ={**parity.env, **os.environ},
                variables=variables or {},
            ),
        )
        if not imported.entries:
            reasons = "; ".join(f"{left.count} {left.reason}" for left in imported.left_out)
            raise Problem(f"{file}: holds no request to replay{f' ({reasons})' if reasons else ''}.")
        _write(imported, target)
        return imported
    except ParityError as error:
        raise Problem(str(error)) from None


def as_recording(project: Project, file: Path, folder: Path) -> tuple[Path, Imported | None]:
    """Return the file itself if it is a recording, else one imported from it into `folder`, and what came of that."""
    try:
        read(file)
        return file, None
    except ParityError:
        target = folder / f"{name_of(file)}.jsonl"
        return target, import_recording(project, file, target)


def name_of(file: Path) -> str:
    """Return the file's name without its extensions."""
    return file.name.partition(".")[0]


def _write(imported: Imported, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        with Writer(draft, imported.header) as writer:
            for entry in imported.entries:
                writer.write(entry)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
