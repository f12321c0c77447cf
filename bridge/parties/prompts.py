"""What legs hear besides each other and agents, and what they press."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.errors import NotNow
from bridge.media import wav
from bridge.media.player import Player
from bridge.parties.party import Party

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["beep", "collect_digits", "hold", "play", "resume", "silence"]

BEEP_HZ, BEEP_S, BEEP_EVERY_S, BEEP_LEVEL = 440.0, 0.2, 2.0, 3000.0
"""A tone that says that something is still going on."""
DRAIN_S = 5.0
"""How much longer than its length a file may take to be heard."""


async def play(call: "Call", party: Party, file: Path | str, *, loop: bool = False) -> None:
    """Play a WAV file to a party, and nothing else meanwhile; a former one ends.

    What was being said to it goes on afterwards. Raises BadSound, NotNow where it has no media yet.
    """
    if party.media is None:
        raise NotNow("no media has been agreed on yet")
    pcm = await wav.load(file, party.rate)
    playing = _begin(call, party, Player(pcm, rate=party.rate, loop=loop))
    if not loop:
        try:
            await asyncio.wait([playing])
        finally:
            playing.cancel()


def beep(call: "Call", party: Party) -> None:
    """Sound a short tone every few seconds, until `silence`."""
    at = np.arange(int(party.rate * BEEP_S)) / party.rate
    tone = (BEEP_LEVEL * np.sin(2 * np.pi * BEEP_HZ * at)).astype("<i2").tobytes()
    pause = bytes(2 * int(party.rate * BEEP_EVERY_S) - len(tone))
    _begin(call, party, Player(tone + pause, rate=party.rate, loop=True))


def silence(party: Party) -> None:
    """End what is played to a party."""
    if party.playing is not None:
        party.playing.cancel()
        party.playing = None


def _begin(call: "Call", party: Party, player: Player) -> asyncio.Task[None]:
    """Play to a party from now on; what was played before ends."""
    silence(party)
    party.playing = call.spawn(_play(call, party, player), name=f"{party.name} player")
    return party.playing


async def _play(call: "Call", party: Party, player: Player) -> None:
    party.set_aside()
    call.patchbay.play_instead(player, party)
    try:
        await player.play()
        await party.stream.drain(DRAIN_S)
    finally:
        call.patchbay.restore(player, party)
        withheld = party.take_up()
        if withheld and call.patchbay.sources(party):
            party.inlet(live=False)(withheld)


async def collect_digits(
    call: "Call",
    party: Party,
    count: int,
    *,
    end: str,
    timeout_s: float,
    interdigit_s: float,
    prompt: Path | str | None = None,
) -> str:
    """Gather digits of a party; see `Call.collect_digits`."""
    pressed: asyncio.Queue[str] = asyncio.Queue()
    began = asyncio.Event()

    def take(digit: str) -> None:
        pressed.put_nowait(digit)
        began.set()

    digits, wait_s = "", timeout_s
    with party.digits.diverted(take):
        if prompt is not None:
            await _play_until(call, party, prompt, began)
        while len(digits) < count:
            try:
                digit = await asyncio.wait_for(pressed.get(), wait_s)
            except TimeoutError:
                break
            if digit == end:
                break
            digits, wait_s = digits + digit, interdigit_s
    return digits


async def _play_until(call: "Call", party: Party, prompt: Path | str, over: asyncio.Event) -> None:
    """Play a prompt to its end, or until `over`."""
    playing = asyncio.ensure_future(play(call, party, prompt))
    waiting = asyncio.ensure_future(over.wait())
    both: list[asyncio.Future[Any]] = [playing, waiting]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            playing.result()
    finally:
        playing.cancel()
        waiting.cancel()
        silence(party)


async def hold(call: "Call", party: Party, *, music: Path | str | None = None) -> None:
    """Hold a party; with `music` it hears that, over and over. Raises SipError, BadSound."""
    if music is not None:
        await wav.load(music, party.rate)
    await party.hold(music=music is not None)
    if music is not None:
        await play(call, party, music, loop=True)


async def resume(party: Party) -> None:
    """Take a party back."""
    silence(party)
    await party.resume()
