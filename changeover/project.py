"""A pair of stacks as the parity runner sees it: the folder with `dualstack.toml`, ours or somebody else's."""

import os
from dataclasses import dataclass
from pathlib import Path

from changeover.problems import Problem
from gateway.routes import RouteTable, load_routes
from gateway.tables import ConfigError
from parity.config import CONFIG_FILE, Config, load_config
from parity.routes import Route, RouteBook
from parity.values import ParityError

__all__ = ["Project", "load_project"]


@dataclass(frozen=True)
class Project:
    """The configuration of one pair. `routes` is None for a pair without route groups; `var_dir` is where its runs lie."""

    config: Config
    routes: RouteTable | None
    var_dir: Path

    @property
    def root(self) -> Path:
        return self.config.root

    @property
    def book(self) -> RouteBook:
        if self.routes is None:
            return RouteBook()
        return RouteBook(
            Route(method, match.path, group.id)
            for group in self.routes.groups
            for match in group.matches
            for method in match.methods
        )

    @property
    def kept(self) -> Path:
        """Where `record` and `import` put recordings."""
        return self.var_dir / "recordings"

    @property
    def runs(self) -> Path:
        return self.var_dir / "parity"

    def report_in(self, folder: Path | None) -> Path:
        """Return where a run writes its JSON report: in the folder asked for, else in the project's own."""
        return (folder or self.runs / "report") / "report.json"

    @property
    def certificates(self) -> Path:
        return self.runs / "certificates"

    def groups(self, names: list[str], phase: int | None) -> frozenset[str] | None:
        """Return the route groups asked for, None for all. Raise Problem for an unknown one."""
        if not names and phase is None:
            return None
        if self.routes is None:
            raise Problem(f"{self.root / CONFIG_FILE} names no route groups; leave out --group and --phase.")
        known = [group.id for group in self.routes.groups]
        for name in names:
            if name not in known:
                raise Problem(f'There is no route group "{name}"; there are {", ".join(known)}.')
        wanted = set(names)
        if phase is not None:
            phases = {each.id: each for each in self.routes.phases}
            if phase not in phases:
                raise Problem(f"There is no phase {phase}; there are {min(phases)} to {max(phases)}.")
            wanted |= set(phases[phase].groups)
            if not wanted:
                raise Problem(f"Phase {phase} moves no route group; there is nothing to replay for it.")
        return frozenset(wanted)

    def recordings(self, names: list[str]) -> list[Path]:
        """Return the files named (a path, or a name in the folder of recordings), or the configured ones."""
        if names:
            return [self._recording(name) for name in names]
        patterns = self.config.parity.recordings
        found = self._configured()
        if not found:
            said = (
                f"parity.recordings ({', '.join(patterns)}) finds no file" if patterns else "parity.recordings is empty"
            )
            raise Problem(f"There is no recording to replay: {said} in {self.root}; name a file, or record one.")
        return found

    def _configured(self) -> list[Path]:
        return sorted({path for pattern in self.config.parity.recordings for path in self.root.glob(pattern)})

    def _recording(self, name: str) -> Path:
        named = {path.name.partition(".")[0]: path for path in self._configured()}
        places = [Path(name), self.kept / name, self.kept / f"{name}.jsonl.gz", self.kept / f"{name}.jsonl"]
        places += [named[name]] if name in named else []
        for place in places:
            if place.is_file():
                return place.absolute()
        raise Problem(f'There is no recording "{name}", neither here nor in {self.kept}.')


def load_project(folder: Path | None = None) -> Project:
    """Return the pair of `folder`, else of the nearest folder from here upwards that holds dualstack.toml. Raise Problem."""
    here = Path.cwd()
    found = folder or next((place for place in (here, *here.parents) if (place / CONFIG_FILE).is_file()), None)
    if found is None:
        raise Problem(f"There is no {CONFIG_FILE} in {here} or above; name the pair's folder with --project.")
    root = found.absolute()
    try:
        config = load_config(root)
        routes = load_routes(root / config.routes, config.routes) if config.routes else None
    except (ParityError, ConfigError) as error:
        raise Problem(str(error)) from None
    return Project(config, routes, (root / (os.environ.get("VAR_DIR") or "var")).absolute())
