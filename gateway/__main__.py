"""`python -m gateway render`: write the root nginx.conf, check that it is current, or render into a folder."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.config import Config, ConfigError, load
from gateway.render import CONF, files, nginx_conf

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 done or current, 1 stale, 2 a setting that cannot be used."""
    options = parser().parse_args(arguments)
    try:
        return render(options.root, out=options.out, check=options.check)
    except ConfigError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m gateway", description="Render the gateway's nginx configuration.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("render", help="write nginx.conf from dualstack.toml and the route groups")
    command.add_argument("--check", action="store_true", help="write nothing; exit 1 if a rendered file is not current")
    command.add_argument("--out", type=Path, metavar="DIR", help="render all files for the present settings into DIR")
    command.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the project's folder (default: here)"
    )
    return top


def render(root: Path, *, out: Path | None, check: bool) -> int:
    """Write or check. Without `out` it is the root nginx.conf: default ports, every stack, no environment."""
    if out is None:
        wanted = {root / CONF: nginx_conf(load(root, {}, complete=True))}
    else:
        config: Config = load(root, os.environ)
        wanted = {out / name: text for name, text in files(config).items()}
    if check:
        stale = [str(path) for path, text in wanted.items() if not is_current(path, text)]
        if stale:
            sys.stderr.write(
                f"{', '.join(stale)}: not current; run: python -m gateway render{f' --out {out}' if out else ''}\n"
            )
        return 1 if stale else 0
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
