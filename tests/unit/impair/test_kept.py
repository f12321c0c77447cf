from pathlib import Path

import pytest

from tests.impair import kept


def test_what_was_found_of_a_codec_is_kept_with_how_it_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_ROOT", tmp_path)
    tables = [("caller to agent", "| one |"), ("agent to caller", "| two |")]
    path = kept.write("G722", "| target |", tables, utterances=12, seeds=3)
    assert path == tmp_path / "docs/impair/G722.md"
    text = path.read_text()
    assert "12 recorded utterances, 3 seeds" in text
    assert "wide band" in text
    parts = ("| target |", "## Caller to agent", "| one |", "## Agent to caller", "| two |")
    assert [part for part in parts if part in text] == list(parts)


def test_what_two_clocks_did_is_kept_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_ROOT", tmp_path)
    path = kept.write_drift("PCMU", "| hour |")
    assert path == tmp_path / "docs/impair/drift.md"
    assert path.read_text().endswith("| hour |\n")


@pytest.mark.parametrize(
    ("whole", "command"), [(True, "run --keep`"), (False, "--targets --keep`")]
)
def test_a_report_tells_the_command_that_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, whole: bool, command: str
) -> None:
    monkeypatch.setattr(kept, "_ROOT", tmp_path)
    path = kept.write("PCMU", "| target |", [], utterances=12, seeds=3, whole=whole)
    assert command in path.read_text()
