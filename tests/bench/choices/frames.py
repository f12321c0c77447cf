"""How many frames of 20 ms go in each message to the agent."""

import functools

import uvloop

from tests.bench.choices.table import Choice, Figures
from tests.bench.choices.talk import agent, join_picows, talk


def measured(frames: int) -> Figures:
    with agent(tls=True) as (url, trust):
        figures = uvloop.run(talk(url, trust, join_picows, frames=frames))
    return {**figures, "ms the first sample waits": 20.0 * frames}


CHOICE = Choice(
    title="Frames per message",
    text="50 calls over TLS by picows on uvloop. The agent echoes message for message.",
    cases={str(count): functools.partial(measured, count) for count in (1, 2, 3)},
)

if __name__ == "__main__":
    CHOICE.main()
