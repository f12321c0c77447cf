"""What the telephones do in `python -m examples.run transfer`."""

import asyncio

from examples.stage import Stage


async def tell(stage: Stage) -> None:
    """Ask for a person: the first declines, the second accepts."""
    async with stage.phone.dial("helpdesk") as call:
        await call.answered()
        await call.hear_speech()
        call.press("0")
        async with stage.phone.called() as anna:
            await anna.decline()
        async with stage.phone.called() as ben:
            await ben.answer()
            await ben.hear_speech()
            ben.press("1")
            await asyncio.gather(call.hear_speech(), ben.speak(3))
            await ben.hang_up()
            await call.ended()
