import pytest

from sip import Answered, Digit, Ended, Headers, LegEvent, MediaNegotiated, Ringing, Trying
from sip.dialog import Dialog, q850_of
from sip.message import Message
from tests.support.fake_stack import describe_audio

OFFER = describe_audio(("PCMU", "PCMA"))
ANSWER = describe_audio(("PCMU",), host="10.0.0.1", port=4000)


def message(
    method: str,
    code: int = 0,
    *,
    reason: str = "",
    sdp: str = "",
    body: str = "",
    headers: dict[str, str] | None = None,
) -> Message:
    fields = dict(headers or {})
    if sdp:
        fields["Content-Type"] = "application/sdp"
    return Message(
        method=method,
        request_uri="",
        code=code,
        reason=reason,
        headers=Headers(fields.items()),
        body=sdp or body,
    )


class Told:
    """A dialog and the events it told."""

    def __init__(self, *, outbound: bool) -> None:
        self.events: list[LegEvent] = []
        self.dialog = Dialog("leg", outbound=outbound, emit=self.events.append)

    @property
    def kinds(self) -> list[type[LegEvent]]:
        return [type(event) for event in self.events]

    @property
    def ended(self) -> Ended:
        last = self.events[-1]
        assert isinstance(last, Ended)
        return last


@pytest.fixture
def inbound() -> Told:
    told = Told(outbound=False)
    told.dialog.received(message("INVITE", sdp=OFFER))
    return told


@pytest.fixture
def outbound() -> Told:
    told = Told(outbound=True)
    told.dialog.sent(message("INVITE", sdp=OFFER))
    return told


def answer(told: Told) -> None:
    told.dialog.media_changed()
    told.dialog.sent(message("INVITE", 200, sdp=ANSWER))
    told.dialog.confirmed()


def test_media_is_told_once_our_answer_is_on_the_wire(inbound: Told) -> None:
    inbound.dialog.media_changed()
    assert inbound.events == []
    inbound.dialog.sent(message("INVITE", 200, sdp=ANSWER))
    assert inbound.kinds == [MediaNegotiated]
    inbound.dialog.confirmed()
    inbound.dialog.confirmed()
    assert inbound.kinds == [MediaNegotiated, Answered]


def test_media_of_an_outbound_call_is_told_before_the_answer(outbound: Told) -> None:
    outbound.dialog.received(message("INVITE", 200, sdp=ANSWER))
    outbound.dialog.media_changed()
    outbound.dialog.confirmed()
    assert outbound.kinds == [MediaNegotiated, Answered]


def test_early_media_is_told_also_when_a_refusal_follows_at_once(outbound: Told) -> None:
    progress = message("INVITE", 183, sdp=ANSWER)
    outbound.dialog.received(progress)
    outbound.dialog.provisional(183, "Progress", early_media=True)
    outbound.dialog.media_changed()
    outbound.dialog.received(progress)
    outbound.dialog.received(message("INVITE", 480, reason="Gone"))
    outbound.dialog.disconnected(487, "")
    assert outbound.kinds == [Ringing, MediaNegotiated, Ended]
    assert (outbound.ended.code, outbound.ended.reason) == (480, "Gone")


def test_a_change_of_media_is_told_before_the_bye_behind_it(inbound: Told) -> None:
    answer(inbound)
    inbound.dialog.received(message("INVITE", sdp=OFFER.replace("sendrecv", "sendonly")))
    inbound.dialog.media_changed()
    inbound.dialog.sent(message("INVITE", 200, sdp=ANSWER.replace("sendrecv", "recvonly")))
    inbound.dialog.received(message("BYE"))
    inbound.dialog.disconnected(487, "")
    assert inbound.kinds == [MediaNegotiated, Answered, MediaNegotiated, Ended]


def test_media_that_cannot_be_used_is_a_fault_and_no_event(inbound: Told) -> None:
    inbound.dialog.media_changed()
    inbound.dialog.sent(message("INVITE", 200, sdp="v=0\r\n"))
    assert inbound.dialog.fault == "no audio stream in common"
    assert inbound.events == []


def test_trying_is_not_ringing_and_ringing_is_told_once(outbound: Told) -> None:
    outbound.dialog.provisional(100, "Trying", early_media=False)
    for _ in range(3):
        outbound.dialog.provisional(180, "Ringing", early_media=False)
    outbound.dialog.provisional(183, "Progress", early_media=False)
    assert [e.code for e in outbound.events if isinstance(e, Ringing)] == [180, 183]


def test_our_own_ringing_is_no_event(inbound: Told) -> None:
    inbound.dialog.provisional(180, "Ringing", early_media=False)
    assert inbound.events == []


def test_a_bye_ends_an_answered_call_with_its_reason(inbound: Told) -> None:
    answer(inbound)
    inbound.dialog.received(message("BYE", headers={"Reason": "Q.850;cause=31"}))
    inbound.dialog.disconnected(487, "")
    inbound.dialog.disconnected(487, "")
    assert inbound.kinds.count(Ended) == 1
    assert (inbound.ended.code, inbound.ended.q850, inbound.ended.remote) == (200, 31, True)


def test_a_cancel_ends_it_with_487(inbound: Told) -> None:
    inbound.dialog.received(message("CANCEL"))
    inbound.dialog.disconnected(487, "")
    assert (inbound.ended.code, inbound.ended.remote) == (487, True)


def test_an_end_of_ours_is_ours(inbound: Told) -> None:
    inbound.dialog.leave(404, "Nobody")
    inbound.dialog.leave(500, "late")
    inbound.dialog.disconnected(487, "")
    assert (inbound.ended.code, inbound.ended.reason) == (404, "Nobody")
    assert not inbound.ended.remote


def test_their_bye_wins_over_our_attempt_to_leave(inbound: Told) -> None:
    answer(inbound)
    inbound.dialog.leave(200, "OK")
    inbound.dialog.received(message("BYE"))
    inbound.dialog.disconnected(200, "")
    assert inbound.ended.remote


def test_no_answer_at_all_is_nobodys_end(outbound: Told) -> None:
    outbound.dialog.disconnected(408, "Request Timeout")
    assert (outbound.ended.code, outbound.ended.remote) == (408, False)


def test_a_challenge_that_was_met_is_not_how_it_ended(outbound: Told) -> None:
    outbound.dialog.received(message("INVITE", 407, reason="Prove it"))
    outbound.dialog.sent(message("INVITE", sdp=OFFER))
    outbound.dialog.disconnected(408, "Request Timeout")
    assert (outbound.ended.code, outbound.ended.remote) == (408, False)


def test_a_reinvite_refused_by_them_is_not_how_it_ended(inbound: Told) -> None:
    answer(inbound)
    inbound.dialog.received(message("INVITE", 488, reason="No"))
    inbound.dialog.disconnected(408, "Request Timeout")
    assert (inbound.ended.code, inbound.ended.remote) == (408, False)


@pytest.mark.parametrize(
    ("kind", "body", "digit", "duration_ms"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5", 160),
        ("application/dtmf-relay; x=y", "signal = a\nduration = 80", "A", 80),
        ("application/dtmf-relay", "Signal=*", "*", 100),
        ("application/dtmf-relay", "Signal=10\r\nDuration=90\r\n", "*", 90),
        ("application/dtmf-relay", "Signal=11\r\nDuration=90\r\n", "#", 90),
        ("application/dtmf", "7\r\n", "7", 100),
        ("application/dtmf", "11", "#", 100),
    ],
)
def test_digits_in_info_are_told(
    inbound: Told, kind: str, body: str, digit: str, duration_ms: int
) -> None:
    inbound.dialog.received(message("INFO", body=body, headers={"Content-Type": kind}))
    assert inbound.events == [Digit(leg="leg", digit=digit, duration_ms=duration_ms)]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/dtmf-relay", "Signal=55\r\n"),
        ("application/dtmf-relay", ""),
        ("application/dtmf", "hello"),
        ("application/dtmf", "Z"),
        ("text/plain", "5"),
    ],
)
def test_info_without_a_digit_is_silent(inbound: Told, kind: str, body: str) -> None:
    inbound.dialog.received(message("INFO", body=body, headers={"Content-Type": kind}))
    assert inbound.events == []


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("Q.850;cause=16", 16),
        ('q.850 ; text="a;b" ; cause = 17', 17),
        ("SIP;cause=200, Q.850;cause=31", 31),
        ("SIP;cause=487", None),
        ("Q.850;cause=", None),
    ],
)
def test_a_q850_cause_is_read_from_a_reason(reason: str, cause: int | None) -> None:
    assert q850_of(Headers([("Reason", reason)])) == cause


def test_the_first_word_of_the_other_side_is_told_once(outbound: Told, inbound: Told) -> None:
    for code in (100, 100, 180):
        outbound.dialog.received(message("INVITE", code))
    assert outbound.kinds == [Trying]
    assert inbound.kinds == []
