"""One copy of the system as its settings and `dualstack.toml` describe it: groups, ports, addresses to ask."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from changeover.containers import by_name
from changeover.place import Place
from changeover.ports import PortUse
from changeover.problems import Problem
from changeover.supervision import Group
from gateway.config import CONFIG_FILE, Config, ConfigError, load
from gateway.tables import load_toml
from shared_rules.settings import BadSetting, Settings, load_settings

__all__ = ["GATEWAY", "ROOT", "WATCH", "Probe", "System", "load_system"]

ROOT = Path(__file__).resolve().parents[1]
GATEWAY = "gateway"
WATCH = "watch"
# What to connect to where a server listens everywhere.
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Probe:
    """An address that answers 200 while `stack` is up; `via` names the group whose port is asked."""

    via: str
    stack: str
    url: str


@dataclass(frozen=True)
class System:
    """Settings, configuration and place of one copy. `environ` is what its processes get: `.env` below the environment."""

    root: Path
    environ: Mapping[str, str]
    settings: Settings
    config: Config

    @property
    def place(self) -> Place:
        return Place(self.settings.var_dir)

    @property
    def gateway_url(self) -> str:
        host = _ANY_HOST.get(self.config.host, self.config.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.config.port}"

    @property
    def group_names(self) -> list[str]:
        watched = [WATCH] if self.config.candidate else []
        return [*(stack.name for stack in self.config.stacks), GATEWAY, *watched]

    def groups(self, gateway_command: Sequence[str]) -> list[Group]:
        """Return the stacks, the gateway, which finishes what it is answering, and who watches two of them.

        Started in this order and stopped in the other, so that no stack is missed because all are being stopped.
        """
        stacks = [Group(stack.name, tuple(stack.command), self.root, order=10) for stack in self.config.stacks]
        gateway = Group(GATEWAY, tuple(gateway_command), self.root, order=20, stop_signal="QUIT")
        if self.config.candidate is None:
            return [*stacks, gateway]
        # From this checkout, whatever folder the project is in.
        watcher = (sys.executable, "-m", "changeover.watcher", str(self.root))
        return [*stacks, gateway, Group(WATCH, watcher, ROOT, order=30)]

    def ports(self) -> list[PortUse]:
        declared = load_toml(self.root / CONFIG_FILE, CONFIG_FILE).data
        uses = [
            PortUse(declared["stacks"][stack.name].get("port_env", f"{stack.name} port"), stack.host, stack.port)
            for stack in self.config.stacks
        ]
        return [*uses, PortUse(declared["gateway"].get("port_env", "gateway port"), self.config.host, self.config.port)]

    def probes(self) -> list[Probe]:
        """Return the liveness of every stack, by its own port and through the gateway."""
        own = [Probe(stack.name, stack.name, f"{stack.url}{stack.live}") for stack in self.config.stacks]
        through = [
            Probe(GATEWAY, stack.name, f"{self.gateway_url}{stack.prefix}{stack.live}") for stack in self.config.stacks
        ]
        return [*own, *through]

    def fingerprint(self) -> str:
        """Return a digest of all that running processes were started with, so that a change does not go unnoticed."""
        settings = self.settings.model_dump(mode="json", exclude={"admin_username", "admin_email", "admin_password"})
        commands = [(stack.name, stack.command) for stack in self.config.stacks]
        facts = [str(self.root), settings, commands, self.config.listen, str(self.config.frontend)]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def load_system(root: Path = ROOT) -> System:
    """Return the copy that environment and `.env` describe. Raise Problem on anything unusable.

    Works from `root` from then on, whatever folder the command was called in: relative paths of settings are its own.
    """
    os.chdir(root)
    try:
        settings = load_settings()
        environ = _environ(settings)
        config = load(root, environ)
        return System(root, environ, settings, by_name(config) if environ.get("STACK_HOSTS") == "names" else config)
    except (BadSetting, ConfigError) as error:
        raise Problem(str(error)) from None


def _environ(settings: Settings) -> dict[str, str]:
    """Return the environment of every process of the copy: the virtual environment's programs come first."""
    given = {name: value for name, value in os.environ.items() if value}
    written = {name: value for name, value in dotenv_values(".env").items() if value}
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), given.get("PATH", os.defpath)])
    return written | given | {"PATH": path, "VAR_DIR": str(settings.var_dir), "PYTHONUNBUFFERED": "1"}
