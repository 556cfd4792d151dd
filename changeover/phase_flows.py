"""What the checks of phases are told about an app: `flows.toml` beside the route groups, read once and checked.

Only shapes live here; which requests they hold is the file's business, and sending them is `phase_player`'s.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from changeover.problems import Problem
from parity.config import Stack, one_line

__all__ = ["FLOWS_FILE", "Flow", "Flows", "ImportCheck", "Operations", "Retired", "Step", "Tests", "load_flows"]

FLOWS_FILE = "flows.toml"
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Strict):
    """One request and what must come back. Texts may hold `{name}`."""

    send: Annotated[str, Field(pattern=r"^(GET|POST|PUT|PATCH|DELETE) /\S*$")]
    status: int
    # To the second stack of the flow instead of the first.
    there: bool = False
    token: str = ""
    # An object of JSON; TOML's dates and times are none.
    json_body: Annotated[Mapping[str, Any] | None, Field(alias="json")] = None
    form: Mapping[str, str] | None = None
    capture: Mapping[str, str] = {}
    expect: Mapping[str, Any] = {}

    @model_validator(mode="after")
    def _one_body(self) -> "Step":
        if self.json_body is not None and self.form is not None:
            raise ValueError("must have json or form, not both")
        return self


class Flow(_Strict):
    """Requests one after the other, and on which stacks."""

    name: Name
    title: str
    runs: Literal["alone", "each", "across", "everywhere"]
    step: Annotated[tuple[Step, ...], Field(min_length=1)]

    def pairs(self, stacks: Sequence[Stack]) -> list[tuple[Stack, Stack]]:
        """Return the (first, second) stacks of every time it runs; alone it runs on the last of them."""
        each = [(stack, stack) for stack in stacks]
        across = [(one, other) for one in stacks for other in stacks if one is not other]
        return {"alone": each[-1:], "each": each, "across": across, "everywhere": each + across}[self.runs]


class ImportCheck(_Strict):
    """`tables` is the import string of a mapping of the tables by name: module:attribute."""

    tables: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")]


class Operations(_Strict):
    """Where the OpenAPI document is, outside the prefix, and how a path that is not there is answered."""

    document: Annotated[str, Field(pattern="^/")]
    absent: Annotated[Mapping[str, Any], Field(min_length=1)]
    # The flow that gets a token, and what it captures it as; "" where none is needed.
    sign_in: str = ""
    token: str = ""


class Retired(_Strict):
    """What must be gone: folders, and modules that nothing may import."""

    folders: tuple[str, ...]
    imports: tuple[str, ...]


class Tests(_Strict):
    """The command that runs all tests."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]


class Flows(_Strict):
    """The whole file."""

    flow: tuple[Flow, ...] = ()
    import_check: Annotated[ImportCheck | None, Field(alias="import")] = None
    operations: Operations | None = None
    retired: Retired | None = None
    tests: Tests | None = None

    @field_validator("flow")
    @classmethod
    def _one_of_each_name(cls, flows: tuple[Flow, ...]) -> tuple[Flow, ...]:
        names = [flow.name for flow in flows]
        if len(set(names)) < len(names):
            raise ValueError("must give every flow a name of its own")
        return flows

    @model_validator(mode="after")
    def _sign_in_is_a_flow(self) -> "Flows":
        if self.operations and self.operations.sign_in not in ("", *self.by_name):
            raise ValueError(f"must have the flow that operations.sign_in names, {self.operations.sign_in}")
        return self

    @property
    def by_name(self) -> dict[str, Flow]:
        return {flow.name: flow for flow in self.flow}


def load_flows(path: Path) -> Flows:
    """Return what the file says; nothing where there is no file. Raise Problem on the first thing that cannot be used."""
    if not path.exists():
        return Flows()
    try:
        return Flows(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Problem(f"{path.name}: cannot be read: {error}.") from None
    except ValidationError as error:
        raise Problem(f"{path.name}: {one_line(error)}") from None
