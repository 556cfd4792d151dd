"""Types every answer is made of, and the base of the answers: no key more than documented."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AnswerModel", "Day", "Identifier", "Instant", "LocalInstant", "RequestModel"]

Identifier = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$", examples=["3f0c2b29-c379-44fd-bb7a-7e2a2f3a9d10"])]
Instant = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        description="UTC, milliseconds",
        examples=["2026-11-22T06:31:17.423Z"],
    ),
]
LocalInstant = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$",
        description="Scheduler zone, with offset",
        examples=["2026-11-23T02:00:00+09:00"],
    ),
]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$", description="Scheduler zone", examples=["2026-12-31"])]


class AnswerModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RequestModel(BaseModel):
    """A body as documented. Unknown keys are ignored, as the contract says nothing of them."""

    model_config = ConfigDict(extra="ignore")
