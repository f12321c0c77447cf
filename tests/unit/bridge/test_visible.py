import json

from bridge.visible import visible, visible_json, visible_lines

TEXT = "Zoë\t\x1b[2J\x7f\x9b\r\n"


def test_what_a_terminal_obeys_is_shown() -> None:
    assert visible(TEXT) == r"Zoë\x09\x1b[2J\x7f\x9b\x0d\x0a"


def test_lines_may_stay_lines() -> None:
    assert visible_lines(TEXT) == "Zoë\t\\x1b[2J\\x7f\\x9b\\x0d\n"


def test_json_stays_json() -> None:
    text = visible_json({"caller": TEXT})
    assert json.loads(text) == {"caller": TEXT}
    assert text.isprintable()
    assert "Zoë" in text
