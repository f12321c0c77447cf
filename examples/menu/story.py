"""What the telephone does in `python -m examples.run menu`."""

from examples.stage import Stage


async def tell(stage: Stage) -> None:
    """Choose something that is not there, then sales."""
    async with stage.phone.dial("menu") as call:
        await call.answered()
        await call.hear_speech()
        call.press("9")
        await call.hear_speech()
        call.press("1")
        await call.hear_out()
        await call.speak(1.5)
        await call.ended()
