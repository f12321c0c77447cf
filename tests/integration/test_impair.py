"""A small part of `make impair`, the same each time: fails when concealment breaks."""

import pytest

from tests.impair.formats import FORMATS
from tests.impair.judge import AGENT_TO_CALLER, CALLER_TO_AGENT, Call, listen
from tests.impair.network import Network
from tests.impair.speech import recordings

UTTERANCES = 4


def _has_speech() -> bool:
    try:
        return bool(recordings(UTTERANCES))
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(
    not _has_speech(), reason="needs asterisk-core-sounds-en-wav in /usr/share"
)


@pytest.mark.parametrize("way", [CALLER_TO_AGENT, AGENT_TO_CALLER])
@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
def test_without_loss_g711_comes_through_bit_by_bit(encoding: str, way: str) -> None:
    call = Call(way=way, encoding=encoding, utterances=UTTERANCES, seed=1)
    for verdict in listen(call, [Network(), Network(jitter_ms=40.0, duplicate=0.05)]):
        assert verdict.exact
        assert verdict.opinion > 4.0
        assert verdict.late == verdict.concealed == verdict.filled == 0


@pytest.mark.parametrize("ordered", [True, False])
def test_three_percent_loss_is_concealed_one_for_one_and_well(*, ordered: bool) -> None:
    call = Call(way=CALLER_TO_AGENT, encoding="PCMU", utterances=UTTERANCES, seed=2)
    (verdict,) = listen(call, [Network(loss=0.03, jitter_ms=40.0, ordered=ordered)])
    assert verdict.network_lost > 10
    assert verdict.concealed == verdict.lost == verdict.network_lost + verdict.late
    assert verdict.late <= 1  # until it is known how late packets come here
    assert verdict.opinion >= verdict.opinion_silenced + 0.3
    assert verdict.opinion >= 3.3
    assert verdict.delay_ms(95) < 45.0


@pytest.mark.parametrize("encoding", sorted(set(FORMATS) & {"G722", "opus"}))
def test_every_codec_sounds_better_than_with_silence_in_its_gaps(encoding: str) -> None:
    try:
        recordings(UTTERANCES, FORMATS[encoding].sample_rate)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    call = Call(way=CALLER_TO_AGENT, encoding=encoding, utterances=UTTERANCES, seed=2)
    (verdict,) = listen(call, [Network(loss=0.03, jitter_ms=40.0)])
    assert verdict.concealed == verdict.lost == verdict.network_lost
    assert verdict.opinion >= verdict.opinion_silenced + 0.3
