"""What a recorder process is told when it starts: one JSON file, read once and checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from parity.config import one_line
from parity.routes import Route
from parity.values import ParityError

__all__ = ["RecordedStack", "RecorderSettings", "load_settings"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecordedStack(_Strict):
    """A stack and the unix socket that leads to it past the recorder."""

    name: str
    host: str
    port: int
    prefix: str
    socket: Path


class RecorderSettings(_Strict):
    """One recording. `file` gets the entries, `status` says how it goes, `key` makes pseudonyms (64 hexadecimal digits).

    `routes` are method, template and group. `gateway_headers` are added to each request by the gateway, so they are no
    part of the recording; among them are the client's address and the request's id.
    """

    name: str
    file: Path
    status: Path
    stacks: tuple[RecordedStack, ...]
    key: str
    header: Mapping[str, Any] = {}
    secret_names: tuple[str, ...] = ()
    public_names: tuple[str, ...] = ()
    routes: tuple[tuple[str, str, str], ...] = ()
    gateway_headers: tuple[str, ...] = ()
    # A header by which the gateway answers what it answers for a stack that hung up; "" hangs up on the gateway.
    hung_up_header: str = ""
    address_header: str = "x-real-ip"
    id_header: str = "x-request-id"
    clock_offset_s: float = 0.0
    # A larger body is noted, not kept.
    body_bytes: int = 10 * 1024 * 1024
    # What may wait to be written; beyond it exchanges are counted and dropped.
    queue_bytes: int = 64 * 1024 * 1024
    connect_s: float = 2.0
    # How long requests in flight are waited for at the end.
    drain_s: float = 10.0

    def route_table(self) -> list[Route]:
        return [Route(method, template, group) for method, template, group in self.routes]


def load_settings(path: Path) -> RecorderSettings:
    """Return the settings in the file. Raise ParityError (one line) when it cannot be used."""
    try:
        return RecorderSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ParityError(f"{path}: cannot be read ({error.strerror}); start the recording again.") from None
    except ValidationError as error:
        raise ParityError(f"{path}: {one_line(error)}") from None
