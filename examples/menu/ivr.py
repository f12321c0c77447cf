"""A menu before the agent: the caller chooses whom to talk with."""

from pathlib import Path

from bridge.scenario import Call

MENU = Path(__file__).with_name("menu.wav")
"""Put your own voice here: "press one for sales, two for support"."""
CHOICES = {"1": "sales", "2": "support"}
TRIES = 3


async def menu(call: Call) -> None:
    """Answer, ask for a digit, connect with the agent that it stands for."""
    await call.ring()
    await call.answer()
    for _ in range(TRIES):
        digit = await call.collect_digits(1, prompt=MENU, timeout_s=5)
        print(f"pressed: {digit or 'nothing'}", flush=True)
        if digit in CHOICES:
            break
    name = CHOICES.get(digit, "support")
    agent = await call.create_agent(name)
    print(f"connected with {name}", flush=True)
    call.bridge(call.leg, agent)
    await call.converse(agent)
