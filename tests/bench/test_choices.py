from pathlib import Path

from tests.bench.choices.table import Choice, keep


def test_a_choice_takes_the_place_of_its_own_section_and_no_other(tmp_path: Path) -> None:
    report = tmp_path / "choices.md"
    for title, text in (("A", "first"), ("B", "second"), ("A", "third")):
        keep(report, title, f"## {title}\n\n{text}\n")
    assert report.read_text().startswith("# Choices, side by side\n")
    assert report.read_text().endswith("core.\n\n## A\n\nthird\n\n## B\n\nsecond\n")


def test_a_table_shows_each_case_beside_the_first() -> None:
    choice = Choice(title="A", text="words", cases={})
    lines = choice.lines({"one": {"us": 2.0, "ms": 1.0}, "two": {"us": 3.0, "ms": 0.5}})
    assert lines[:3] == ["## A", "", "words"]
    assert "|  | us | ms | beside the first |" in lines
    assert "| two | 3.00 | 0.50 | +50% |" in lines
