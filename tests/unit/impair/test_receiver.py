"""The judge of the uplink is judged itself: by tones, of which the right answer is known."""

import pytest

from tests.impair.formats import FORMATS
from tests.impair.network import Network
from tests.impair.receiver import decoded, receive
from tests.impair.senders import agent, telephone
from tests.impair.speech import Recording, in_one_call
from tests.support.tones import tone

PCMU = FORMATS["PCMU"]
SPEECH = in_one_call([Recording(name="tone", sample_rate=8000, pcm=tone(440, 3.0))])
CLEAN = Network()


def test_a_clean_network_hands_up_what_was_sent_without_delay() -> None:
    sent = telephone(SPEECH, PCMU)
    heard = receive(sent, PCMU, CLEAN, seed=1)
    assert heard.pcm.startswith(decoded(sent, PCMU, CLEAN, seed=1))
    assert len(heard.delays) == len(sent)
    assert max(heard.delays) == pytest.approx(0.0, abs=1e-9)
    assert heard.filled == 0


def test_the_delay_of_a_network_is_seen_frame_by_frame() -> None:
    heard = receive(telephone(SPEECH, PCMU), PCMU, Network(jitter_ms=40.0), seed=1)
    assert 0.0 <= min(heard.delays) < 0.005
    assert 0.035 < max(heard.delays) <= 0.040 + 1e-9


def test_what_the_network_lost_is_counted_and_takes_its_time_in_the_sound() -> None:
    sent = telephone(SPEECH, PCMU)
    network = Network(loss=0.05)
    heard = receive(sent, PCMU, network, seed=1)
    silenced = decoded(sent, PCMU, network, seed=1)
    whole = decoded(sent, PCMU, CLEAN, seed=1)
    assert heard.network_lost == heard.stats.lost > 0
    assert len(silenced) == len(whole)
    frames = range(0, len(whole), PCMU.frame_bytes)
    gone = [at for at in frames if silenced[at : at + 320] != whole[at : at + 320]]
    spoken = [at for at in frames if any(whole[at : at + 320])]
    assert set(gone) <= set(spoken)
    assert all(heard.pcm[at : at + 320] != silenced[at : at + 320] for at in gone)


def test_the_agent_is_heard_frame_for_frame_by_a_telephone() -> None:
    sent = agent(SPEECH, PCMU)
    heard = receive(sent, PCMU, CLEAN, seed=1)
    said = decoded(telephone(SPEECH, PCMU), PCMU, CLEAN, seed=1)
    assert said[: len(said) // 320 * 320].strip(b"\0") in heard.pcm
