from typing import Any

import pytest

from bridge.tools.description import describe

TEXT = "Look up an order.\n\nOnly those of this year are known."


def google() -> None:
    """Look up an order.

    Only those of this year are known.

    Args:
        number: The order's number,
            as printed.
        name (str): Whose it is.

    Returns:
        What has become of it.

    """


def sphinx() -> None:
    """Look up an order.

    Only those of this year are known.

    :param number: The order's number,
        as printed.
    :param str name: Whose it is.
    :returns: What has become of it.
    """


def numpy() -> None:
    """Look up an order.

    Only those of this year are known.

    Parameters
    ----------
    number : int
        The order's number,
        as printed.
    name : str
        Whose it is.

    Returns
    -------
    str
        What has become of it.

    """


@pytest.mark.parametrize("function", [google, sphinx, numpy])
def test_docstrings_of_all_three_forms_are_read(function: Any) -> None:
    told = describe(function, name="lookup")
    assert told.text == TEXT
    assert told.parameters == {
        "number": "The order's number, as printed.",
        "name": "Whose it is.",
    }


def test_without_a_docstring_the_name_has_to_do() -> None:
    assert describe(lambda: None, name="look_up-order").text == "look up order"
