from itertools import islice
from pathlib import Path

import pytest

from bridge.facts import Direction, Facts
from bridge.recording.names import check, paths

FACTS = Facts(
    direction=Direction.INBOUND,
    trunk="pbx",
    caller="../../etc/passwd",
    callee="+4420",
    agent="echo",
    id="c-1",
    started=1_700_000_000.0,
)


def test_a_name_is_made_of_the_calls_facts() -> None:
    found = paths(Path("/r"), "{direction}/{agent}-{trunk}-{callee}-{id}", FACTS, "wav")
    assert list(islice(found, 2)) == [
        Path("/r/inbound/echo-pbx-+4420-c-1.wav"),
        Path("/r/inbound/echo-pbx-+4420-c-1-2.wav"),
    ]
    dated = next(paths(Path("/r"), "{date}/{time}", FACTS, "opus"))
    assert dated.parent.name.startswith("2023-11-1")
    assert dated.suffix == ".opus"


def test_a_stranger_does_not_choose_where_a_recording_goes() -> None:
    assert next(paths(Path("/r"), "{caller}", FACTS, "wav")).parent == Path("/r")


@pytest.mark.parametrize("template", ["/x", "../x", "a//b", "", "a/", "{nonsense}", "{caller}/.x"])
def test_a_template_that_leads_nowhere_good_is_refused(template: str) -> None:
    with pytest.raises(ValueError):
        check(template)
