"""Speech through a bad network, judged: what was lost, how it sounds, how much later it is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rtp.format import Format
from tests.impair.formats import FORMATS
from tests.impair.listening import opinions
from tests.impair.network import Network
from tests.impair.receiver import decoded, receive
from tests.impair.senders import Sent, agent, telephone
from tests.impair.speech import Speech, in_one_call, recordings

__all__ = ["AGENT_TO_CALLER", "CALLER_TO_AGENT", "Call", "Verdict", "listen", "together"]

CALLER_TO_AGENT = "caller to agent"
AGENT_TO_CALLER = "agent to caller"
"""Heard by a telephone that conceals as we do."""

_SENDERS: dict[str, Callable[[Speech, Format], list[Sent]]] = {
    CALLER_TO_AGENT: telephone,
    AGENT_TO_CALLER: agent,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One way of one call: every utterance once, by one codec, one seed of the network."""

    way: str
    encoding: str
    utterances: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of calls through one network. Counts are of packets or frames."""

    network: Network
    sent: int
    network_lost: int
    lost: int
    late: int
    concealed: int
    filled: int
    exact: bool
    """Every sample was handed up as it was sent."""
    silenced: tuple[float, ...]
    """Opinion of each utterance with silence for each packet the network lost, no other harm."""
    heard: tuple[float, ...]
    """Opinion of each utterance as it was handed up."""
    delays: tuple[float, ...]
    """For each frame, seconds beyond the network's base."""

    @property
    def opinion_silenced(self) -> float:
        return float(np.mean(self.silenced))

    @property
    def opinion(self) -> float:
        return float(np.mean(self.heard))

    def delay_ms(self, percent: float) -> float:
        """Percentile of the delay added."""
        return round(float(np.percentile(self.delays, percent)) * 1000, 3) + 0.0


def listen(call: Call, networks: Iterable[Network]) -> list[Verdict]:
    """The same call through several networks.

    Raises FileNotFoundError when the recordings are not installed.
    """
    audio = FORMATS[call.encoding]
    speech, sent = _sent(call.way, call.encoding, call.utterances)
    whole = decoded(sent, audio, Network(), seed=call.seed)
    silenced: dict[tuple[float, float], tuple[float, ...]] = {}
    verdicts = []
    for network in networks:
        fate = (network.loss, network.burst)
        if fate not in silenced:
            quiet = decoded(sent, audio, network, seed=call.seed)
            silenced[fate] = tuple(opinions(speech, quiet))
        heard = receive(sent, audio, network, seed=call.seed)
        verdicts.append(
            Verdict(
                network=network,
                sent=len(sent),
                network_lost=heard.network_lost,
                lost=heard.stats.lost,
                late=heard.stats.late,
                concealed=heard.stats.concealed,
                filled=heard.filled,
                exact=heard.pcm.startswith(whole),
                silenced=silenced[fate],
                heard=tuple(opinions(speech, heard.pcm)),
                delays=tuple(heard.delays),
            )
        )
    return verdicts


@lru_cache(maxsize=8)
def _sent(way: str, encoding: str, utterances: int) -> tuple[Speech, list[Sent]]:
    audio = FORMATS[encoding]
    speech = in_one_call(recordings(utterances, audio.sample_rate))
    return speech, _SENDERS[way](speech, audio)


def together(verdicts: list[Verdict]) -> Verdict:
    """The verdicts of several seeds of one network as one."""
    return Verdict(
        network=verdicts[0].network,
        sent=sum(each.sent for each in verdicts),
        network_lost=sum(each.network_lost for each in verdicts),
        lost=sum(each.lost for each in verdicts),
        late=sum(each.late for each in verdicts),
        concealed=sum(each.concealed for each in verdicts),
        filled=sum(each.filled for each in verdicts),
        exact=all(each.exact for each in verdicts),
        silenced=sum((each.silenced for each in verdicts), ()),
        heard=sum((each.heard for each in verdicts), ()),
        delays=sum((each.delays for each in verdicts), ()),
    )
