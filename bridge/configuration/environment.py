"""References to the environment in a text: ``${NAME}``, filled in once its YAML has been read.

``${NAME}`` takes the environment variable NAME; ``${NAME:-text}`` takes the text where NAME is
unset or empty; ``$${NAME}`` stands for the characters ``${NAME}``. ``${NAME`` without its brace is
a mistake. What a variable holds is never read as YAML, so no password can break the file.
"""

import re
from collections.abc import Callable, Mapping

__all__ = ["UNSET", "References"]

UNSET = "the environment variable "
"""How the mistake begins that one is not there."""

_REFERENCE = re.compile(
    r"\$?\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<end>(?P<default>:-[^}\n]*)?\})?"
)
_STAND_IN = re.compile("([\U000f0000-\U000ffffd])\uf8ff+")
_FIRST_STAND_IN = 0xF0000


class References:
    """Those of one text, and what they stand for in `env`.

    Braces cannot stand in a plain YAML scalar inside ``{…}``; private-use characters can, so each
    has a stand-in of them. Equal length keeps the columns in error messages true.
    """

    def __init__(self, text: str, env: Mapping[str, str]) -> None:
        self._found: list[re.Match[str]] = []
        self._env = env
        self.text = _REFERENCE.sub(self._stand_in, text)
        """The text with a stand-in for each."""

    def expand(self, text: str, note: Callable[[str], None]) -> str:
        """Put the environment's values where the stand-ins are; `note` is told of mistakes."""

        def value(match: re.Match[str]) -> str:
            position = ord(match[1]) - _FIRST_STAND_IN
            if position >= len(self._found):
                return match[0]
            return self._look_up(self._found[position], note)

        return _STAND_IN.sub(value, text)

    def _stand_in(self, match: re.Match[str]) -> str:
        self._found.append(match)
        return chr(_FIRST_STAND_IN + len(self._found) - 1) + "\uf8ff" * (len(match[0]) - 1)

    def _look_up(self, reference: re.Match[str], note: Callable[[str], None]) -> str:
        if reference[0].startswith("$$"):
            return reference[0][1:]
        if reference["end"] is None:
            note(f"{reference[0]} is not closed; $${{ stands for the characters")
            return reference[0]
        name, default = reference["name"], reference["default"]
        if default is not None:
            return self._env.get(name) or default.removeprefix(":-")
        if name not in self._env:
            note(f"{UNSET}{name} is not set")
            return reference[0]
        return self._env[name]
