"""What the agent of this example can look up: two functions, and nothing of telephony in them."""

import time
from typing import Annotated

from pydantic import Field

from bridge.tools import ToolContext, ToolError, tool

SKY = {"lisbon": ("sunny", 27), "bergen": ("rain", 11), "vienna": ("cloudy", 19)}
HIGH_WATER = {"porto": "04:10 and 16:35", "bergen": "01:50 and 14:15"}


async def forecast(
    call: ToolContext, city: str, days: Annotated[int, Field(ge=1, le=7)] = 1
) -> dict[str, str | int]:
    """Tell the weather of the coming days.

    Args:
        call: Given by the bridge; the agent does not see it.
        city: Where, in English.
        days: How many days ahead.

    """
    print(f"{call.caller} asks for the weather of {city}, {days} days ahead", flush=True)
    if city.lower() not in SKY:
        raise ToolError(f"Nothing is known of {city}. Ask for another city.")
    sky, degrees = SKY[city.lower()]
    return {"sky": sky, "degrees": degrees - days}


@tool(late="The harbour office is being asked.", timeout_s=30)
def tides(harbour: str) -> str:
    """Tell when it is high water.

    Args:
        harbour: The town.

    """
    print(f"asking the harbour office of {harbour}", flush=True)
    time.sleep(2)  # it is slow, and nobody hears it
    return f"High water at {harbour}: {HIGH_WATER.get(harbour.lower(), 'unknown')}."
