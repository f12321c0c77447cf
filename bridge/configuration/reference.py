"""Your own Python code, named in the configuration as ``package.module:name``.

The module is looked for where Python looks, then in the configuration file's folder.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

from bridge.configuration.mistakes import nearest

__all__ = ["BadReference", "find", "split"]


class BadReference(ValueError):
    """The name leads to nothing that can be used; the text says why."""


def split(reference: str) -> tuple[str, str]:
    """Return the module and the name within it. Raises BadReference where the form is wrong."""
    module, colon, name = reference.partition(":")
    words = [*module.split("."), *name.split(".")]
    if not colon or not all(word.isidentifier() for word in words):
        raise BadReference(f"{reference} should be package.module:name")
    return module, name


def find(reference: str, folder: Path) -> Any:
    """Import what `reference` names; `folder` is the configuration file's. Runs its module.

    Raises BadReference.
    """
    module_name, name = split(reference)
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.append(place)
    found: Any = _import(module_name)
    for word in name.split("."):
        try:
            found = getattr(found, word)
        except AttributeError:
            close = nearest(word, [each for each in dir(found) if not each.startswith("_")])
            hint = f"; did you mean {close}?" if close else ""
            raise BadReference(f"there is no {word} in {module_name}{hint}") from None
    return found


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise BadReference(f"there is no module {error.name}") from None
        raise BadReference(_failed(name, error)) from error
    except SyntaxError as error:
        where = f"line {error.lineno}" if error.lineno else "its text"
        raise BadReference(f"module {name} is not Python: {error.msg}, {where}") from error
    except (Exception, SystemExit) as error:
        raise BadReference(_failed(name, error)) from error


def _failed(name: str, error: BaseException) -> str:
    """Say what the module did when it was imported, and where."""
    trace, where = error.__traceback__, ""
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_globals.get("__name__") == name:
            where = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    return f"module {name} cannot be imported: {type(error).__name__}: {error}{where}"
