"""What the telephone does in `python -m examples.run incoming`."""

from examples.stage import Stage


async def tell(stage: Stage) -> None:
    """Call, listen, say something, be told goodbye."""
    async with stage.phone.dial("reception") as call:
        await call.answered()
        await call.hear_out()
        await call.speak(1.5)
        await call.ended()
