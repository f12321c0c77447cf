"""Answers to requests within a call."""

import pytest

from sip.midcall import answer_to
from tests.support.fake_messages import message


def answer(method: str, *, referring: bool = False, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer_to(message(method, headers=named), referring=referring)


@pytest.mark.parametrize("method", ["INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "REFER"])
def test_what_makes_and_ends_calls_is_left_to_pjsip(method: str) -> None:
    assert answer(method) == 0


def test_that_the_call_lives_is_said_to_who_asks() -> None:
    assert (answer("OPTIONS"), answer("INFO")) == (200, 200)


@pytest.mark.parametrize("method", ["MESSAGE", "PUBLISH", "REGISTER", "NEWMETHOD"])
def test_what_we_do_not_do_is_not_implemented(method: str) -> None:
    assert answer(method) == 501


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("application/dtmf-relay", 0),
        ("application/dtmf", 200),
        ("Application/DTMF; charset=utf-8", 200),
        ("application/media_control+xml", 0),
        ("application/vnd.example", 415),
    ],
)
def test_of_infos_digits_are_taken(kind: str, code: int) -> None:
    assert answer("INFO", Content_Type=kind) == code


def test_packages_of_infos_are_none_of_ours() -> None:
    assert answer("INFO", Info_Package="conference") == 469


@pytest.mark.parametrize("method", ["SUBSCRIBE", "NOTIFY"])
def test_nothing_but_transfers_can_be_subscribed_to(method: str) -> None:
    assert answer(method, Event="presence", referring=True) == 489
    assert answer(method) == 489
    assert answer(method, Event="refer;id=7", referring=True) == 0


def test_the_outcome_of_a_transfer_that_nobody_asked_for_belongs_to_nothing() -> None:
    assert (answer("NOTIFY", Event="refer"), answer("SUBSCRIBE", Event="refer")) == (481, 489)
