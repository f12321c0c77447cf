"""The sections of the configuration that say how calls are placed."""

from typing import Annotated

from pydantic import AfterValidator, Field

from bridge.configuration.fields import Text
from bridge.configuration.section import Section, distinct
from bridge.outbound.failover import check_codes

__all__ = ["Codes", "OutboundRoute"]

Codes = Annotated[tuple[Text, ...], AfterValidator(check_codes)]


class OutboundRoute(Section):
    """Through which trunks a number is called, where the order names none."""

    to: Text
    """`*` stands for any text, `?` for one character; spaces and the like are left out before."""
    trunks: Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(distinct)]
    """The next is tried where one fails."""
    failover_codes: Codes | None = None
    """Instead of the trunks' own."""
