"""What every section of the configuration is."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Seconds", "Section", "distinct"]

Item = TypeVar("Item")

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def distinct(values: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return `values` as they are. Raises ValueError where one comes twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ValueError(f"has {value} twice")
    return values


class Section(BaseModel):
    """Part of the configuration: frozen, and every key known."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )
