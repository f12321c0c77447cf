"""What the telephone does in `python -m examples.run function_calling`."""

from examples.stage import Stage


async def tell(stage: Stage) -> None:
    """Ask for the weather, then for the tides, and hear both."""
    async with stage.phone.dial("weather") as call:
        await call.answered()
        await call.hear_speech()
        call.press("1")
        await call.hear_out()
        call.press("2")
        await call.ended()
