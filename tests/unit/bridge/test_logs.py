import json
import logging
from collections.abc import Iterator

import pytest

from bridge import logs

INFO = """<- INFO sip:a@b SIP/2.0\r
Content-Type: application/{kind}\r
Content-Length: 3\r
\r
{body}\r
"""


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What went to standard error so far."""
    for handler in logging.getLogger().handlers:
        handler.flush()
    return capsys.readouterr().err


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize(
    ("message", "secret", "kept"),
    [
        ("X-Join-URL: wss://a.b/calls/c/ws?token=Geheim&x=1\r\nFrom: d", "Geheim", "From: d"),
        ('"url": "ws://a.b:80/c?Geheim", next', "Geheim", ", next"),
        (INFO.format(kind="dtmf-relay", body="Signal=7777\r\nDuration=9"), "7777", "Duration"),
        (INFO.format(kind="dtmf", body="7777"), "7777", "Content-Length"),
    ],
)
def test_what_others_put_into_sip_is_masked(
    capsys: pytest.CaptureFixture[str], message: str, secret: str, kept: str, style: logs.LogFormat
) -> None:
    logs.start("debug", style)
    logging.getLogger("sip.pjsua").debug("%% %s", message)
    line = said(capsys)
    assert secret not in line
    assert kept in line
    assert "…" in line


def test_a_message_without_secrets_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start("info", "json")
    logging.getLogger("bridge").info("= call %s ended: %s", "c-1", "signal lost")
    line = json.loads(said(capsys))
    assert line["message"] == "= call c-1 ended: signal lost"
    assert (line["level"], line["logger"]) == ("info", "bridge")


def test_json_lines_carry_fields_and_exceptions(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start("info", "json")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("bridge").exception("= broken", extra={"fields": {"call": "c-1"}})
    line = json.loads(said(capsys))
    assert line["call"] == "c-1"
    assert "ValueError: why" in line["exception"]


def test_below_the_level_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start("warning")
    logging.getLogger("bridge").info("= ready")
    assert said(capsys) == ""


def test_what_others_put_into_a_line_begins_none_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.start("info")
    logging.getLogger("bridge").info("< call from %s", "ann\r\n2026-01-01 INFO forged\x1b[2J\0\x9b")
    first, second = said(capsys).splitlines()
    assert first.endswith("< call from ann")
    assert second == "    2026-01-01 INFO forged\\x1b[2J\\x00\\x9b"


def test_json_lines_stay_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start("info", "json")
    logging.getLogger("bridge").info("< call from %s", "ann\r\nforged\x1b[2J")
    assert len(said(capsys).splitlines()) == 1


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_storm_of_warnings_does_not_fill_the_log(
    capsys: pytest.CaptureFixture[str], style: logs.LogFormat
) -> None:
    logs.start("info", style)
    for number in range(5000):
        logging.getLogger("bridge.tools").warning("< tool %d is not one of ours", number)
    assert len(said(capsys).splitlines()) <= 100
