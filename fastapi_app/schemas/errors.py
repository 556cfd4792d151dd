"""The one shape of every refusal."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Refusal"]


class Refusal(BaseModel):
    """`error` names the refusal; people are shown `message` where there is one. Some refusals list fields."""

    model_config = ConfigDict(extra="forbid")

    error: str
    message: str | None = None
    details: dict[str, str] | None = None
    missing: list[str] | None = None
    missing_fields: list[str] | None = None
