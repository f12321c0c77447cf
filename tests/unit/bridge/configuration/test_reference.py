from pathlib import Path

import pytest

from bridge.configuration.reference import BadReference, find, split


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)


def complaint(reference: str, folder: Path) -> str:
    with pytest.raises(BadReference) as caught:
        find(reference, folder)
    return str(caught.value)


def test_a_module_beside_the_configuration_is_found(folder: Path) -> None:
    write(
        folder, "beside_it", "class Desk:\n    @staticmethod\n    def ring() -> str:\n        'x'\n"
    )
    assert find("beside_it:Desk.ring", folder).__name__ == "ring"


def test_what_python_finds_itself_comes_first(folder: Path) -> None:
    write(folder, "colorsys", "mine = 1\n")
    assert "no mine in colorsys" in complaint("colorsys:mine", folder)


@pytest.mark.parametrize("reference", ["tools", "a:", ":b", "a b:c", "../x:y", "a:b:c", "a.:b"])
def test_a_name_of_another_form_is_told(reference: str) -> None:
    with pytest.raises(BadReference, match=r"should be package\.module:name"):
        split(reference)


def test_what_is_not_there_is_told_with_what_is_most_like_it(folder: Path) -> None:
    write(folder, "orders_here", "def lookup_order(): ...\n")
    assert complaint("no_such.module:f", folder) == "there is no module no_such"
    assert complaint("orders_here:look_up_order", folder).endswith("did you mean lookup_order?")


def test_a_module_that_fails_says_how_and_on_which_line(folder: Path) -> None:
    write(folder, "failing", "\nraise RuntimeError('no database')\n")
    told = complaint("failing:f", folder)
    assert told == "module failing cannot be imported: RuntimeError: no database, line 2"
    write(folder, "leaving", "import sys\nsys.exit(3)\n")
    assert "SystemExit: 3" in complaint("leaving:f", folder)
    write(folder, "misspelt", "def f(:\n")
    assert "is not Python" in complaint("misspelt:f", folder)
    write(folder, "lacking", "import no_such_library\n")
    assert "no_such_library" in complaint("lacking:f", folder)
