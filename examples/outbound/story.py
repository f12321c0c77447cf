"""What happens in `python -m examples.run outbound`."""

from examples.stage import Stage


async def tell(stage: Stage) -> None:
    """Order a call to the telephone, which answers and listens."""
    await stage.order({"to": "ann", "agent": "reminder", "variables": {"name": "Ann"}})
    async with stage.phone.called() as call:
        await call.answer()
        await call.hear_out()
        await call.speak(1.5)
        await call.ended()
