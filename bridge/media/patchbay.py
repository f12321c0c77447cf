"""Who hears whom: the media of one call, connected at will while it lives.

    leg ──────────────> agent     one source: handed on as it comes, nothing between
    leg ──┬── mixer ──> agent     several: added up
    leg ──'
    nobody ── mixer ──> agent     silence: an agent wants a second of audio each second
    player ── mixer ──> agent     no more of what runs ahead than that
    agent ────────────> leg       a leg that hears nobody needs nothing: its stream sends silence
    leg ──────────────> leg       alone: packets may go on as they are, not as sound

All audio is s16le mono PCM. Every node has one rate; where two differ, what passes is resampled.
The callbacks of the nodes are swapped when connections change, and cost nothing in between.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.media.mixer import Mixer
from rtp.resample import Resampler

__all__ = ["Node", "Patchbay", "Relaying", "Sink", "Source", "Take"]

Take = Callable[[bytes], None]
"""Somewhere for PCM to go."""


class Source(Protocol):
    """What can be heard: a leg, an agent, a player."""

    @property
    def rate(self) -> int:
        """Hz of its PCM."""

    @property
    def live(self) -> bool:
        """Its audio comes as it is spoken, and not ahead of time."""

    def feed(self, take: Take | None) -> None:
        """Give its audio to `take` from now on; nobody listens where that is None."""


class Sink(Protocol):
    """What can hear: a leg, an agent, a tape."""

    @property
    def rate(self) -> int:
        """Hz of the PCM that it takes."""

    @property
    def steady(self) -> bool:
        """It wants a second of audio each second, of silence where there is nothing else."""

    def inlet(self, *, live: bool) -> Take:
        """Where audio for it goes, of a source that is `live` or one that runs ahead."""

    def clear(self) -> float:
        """Drop what is queued for it; returns how many milliseconds that was."""

    def withdraw(self) -> bytes:
        """Take back what is queued for it."""


class Node(Source, Sink, Protocol):
    """What both hears and is heard."""


class Relaying(ABC):
    """A node, by inheritance, whose sound travels in packets, which another one may send on."""

    @abstractmethod
    def relay(self, sink: "Relaying | None", *, alone: bool) -> None:
        """Have `sink` send its packets on where it can, in place of the audio that it is fed.

        `alone`: nobody else is fed with it.
        """


@dataclass(frozen=True, slots=True)
class _Link:
    take: Take
    mixed: bool


class Patchbay:
    """The connections of one call. `close` ends what they run."""

    def __init__(self) -> None:
        self._wires: dict[Sink, list[Source]] = {}
        self._instead: dict[Sink, Source] = {}
        self._links: dict[Sink, dict[Source, _Link]] = {}
        self._mixers: dict[Sink, Mixer] = {}

    def connect(self, source: Source, sink: Sink) -> None:
        """Let `sink` hear `source` too; again does nothing."""
        wires = self._wires.setdefault(sink, [])
        if source not in wires:
            wires.append(source)
            self._settle(sink)

    def disconnect(self, source: Source, sink: Sink) -> None:
        """Let `sink` hear `source` no more. What is queued already is still heard."""
        wires = self._wires.get(sink, [])
        if source in wires:
            wires.remove(source)
            self._settle(sink)

    def play_instead(self, source: Source, sink: Sink) -> None:
        """Let `sink` hear `source` and nothing else, until `restore`."""
        self._instead[sink] = source
        self._wires.setdefault(sink, [])
        self._settle(sink)

    def restore(self, source: Source, sink: Sink) -> None:
        """End what `play_instead` began with this source; what it had queued is dropped."""
        if self._instead.get(sink) is source:
            del self._instead[sink]
            sink.clear()
            self._settle(sink)

    def remove(self, node: Source | Sink) -> None:
        """Disconnect a node from all others."""
        for sink, wires in list(self._wires.items()):
            if self._instead.get(sink) is node:
                del self._instead[sink]
            if node in wires:
                wires.remove(node)
            if sink is node:
                wires.clear()
                self._instead.pop(sink, None)
            self._settle(sink, leaving=sink is node)
            if sink is node:
                del self._wires[sink], self._links[sink]

    def hand_over(self, old: Node, new: Node) -> None:
        """Let `new` hear and be heard by all that `old` was connected with; `old` is removed."""
        for source in tuple(self._wires.get(old, ())):
            if source is not new:
                self.connect(source, new)
        for sink, wires in list(self._wires.items()):
            if old in wires and sink is not new:
                self.connect(new, sink)
        self.remove(old)

    def sources(self, sink: Sink) -> Sequence[Source]:
        """Whom `sink` hears now."""
        instead = self._instead.get(sink)
        return self._wires.get(sink, ()) if instead is None else (instead,)

    def hears(self, sink: Sink, source: Source) -> bool:
        """Whether they are connected, though something else may be played instead just now."""
        return source in self._wires.get(sink, ())

    def clear(self, source: Source) -> float:
        """Drop what `source` has said and nobody has heard; returns the most milliseconds."""
        dropped = 0.0
        for sink, links in self._links.items():
            if source in links:
                mixer = self._mixers.get(sink)
                dropped = max(dropped, sink.clear() if mixer is None else mixer.clear(source))
        return dropped

    def close(self) -> None:
        """Disconnect everything."""
        for node in list(self._wires):
            self.remove(node)

    def _settle(self, sink: Sink, *, leaving: bool = False) -> None:
        """Make what `sink` hears what it should hear."""
        wanted = self.sources(sink)
        links = self._links.setdefault(sink, {})
        mixer = self._mixer_for(sink, wanted, links, leaving=leaving)
        gone = [source for source in links if source not in wanted]
        for source in gone:
            del links[source]
        for source in wanted:
            link = links.get(source)
            if link is None or link.mixed is not (mixer is not None):
                inlet = sink.inlet(live=source.live) if mixer is None else mixer.inlet(source)
                take = _resampled(inlet, source.rate, sink.rate)
                links[source] = _Link(take, mixed=mixer is not None)
        for source in (*gone, *wanted):  # whoever goes has its packets sent on no more
            self._feed(source)

    def _mixer_for(
        self, sink: Sink, wanted: Sequence[Source], links: dict[Source, _Link], *, leaving: bool
    ) -> Mixer | None:
        """The mixer that `sink` needs, if any; what waited where it is not needed goes on."""
        ahead = any(not source.live for source in wanted)
        needed = len(wanted) > 1 or (sink.steady and not leaving and (ahead or not wanted))
        mixer = self._mixers.get(sink)
        if needed and mixer is None:
            mixer = self._mixers[sink] = Mixer(
                sink.inlet(live=True), rate=sink.rate, steady=sink.steady
            )
            for source in links:  # the only one so far
                mixer.queue(source, sink.withdraw())
            mixer.start(asyncio.get_running_loop())
        elif not needed and mixer is not None:
            del self._mixers[sink]
            mixer.close()
            for source in wanted:
                if left := mixer.withdraw(source):
                    sink.inlet(live=False)(left)
            mixer = None
        if mixer is not None:
            mixer.keep(wanted)
        return mixer

    def _feed(self, source: Source) -> None:
        links = [(sink, links[source]) for sink, links in self._links.items() if source in links]
        takes = [link.take for _, link in links]
        if len(takes) > 1:

            def take_all(pcm: bytes) -> None:
                for take in takes:
                    take(pcm)

            source.feed(take_all)
        else:
            source.feed(takes[0] if takes else None)
        if isinstance(source, Relaying):
            legs = [sink for sink, link in links if not link.mixed and isinstance(sink, Relaying)]
            source.relay(legs[0] if len(legs) == 1 else None, alone=len(links) == 1)


def _resampled(take: Take, from_rate: int, to_rate: int) -> Take:
    """`take`, for audio of another rate."""
    if from_rate == to_rate:
        return take
    resampler = Resampler(from_rate, to_rate)
    convert, whole, rest = resampler.convert, 2 * max(1, from_rate // to_rate), b""

    def converted(pcm: bytes) -> None:
        nonlocal rest
        if rest:
            pcm = rest + pcm
        size = len(pcm) - len(pcm) % whole
        rest = pcm[size:]
        if size:
            take(convert(pcm[:size]))

    return converted
