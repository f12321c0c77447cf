"""The packages import in one direction, and each foreign library comes in by one door."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bridge", "sip", "rtp")

# What only one place may import: a file, or a package with all that is in it.
DOORS = [
    ("pjsua2", "sip/pjsua"),
    ("picows", "bridge/ultravox"),
    ("pylibsrtp", "rtp/libsrtp"),
    ("dns", "sip/servers"),
    ("mcp", "bridge/tools/mcp"),
    ("redis", "bridge/shared/store"),
]
# The rest of rtp takes bytes and a time, and is tested without a socket or a clock.
RTP_SOCKETS = ["control.py", "datagrams.py", "ports.py", "pydatagrams.py", "stream.py"]


def sources(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def modules_imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, by its full name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def files_importing(name: str, paths: Iterable[Path]) -> list[str]:
    """The files among these that import a top-level package, by their path from the root."""
    return [
        str(path.relative_to(ROOT))
        for path in paths
        if any(module.partition(".")[0] == name for module in modules_imported(path))
    ]


# Where a date is told, kept or compared with one; whatever waits goes by a clock that nobody sets.
DATES = [
    "bridge/api/history.py",
    "bridge/commands/check.py",
    "bridge/commands/lookup.py",
    "bridge/commands/servers.py",
    "bridge/facts.py",
    "bridge/papers/journal.py",
    "bridge/recording/recordings.py",
    "bridge/ultravox/answers.py",
    "bridge/webhooks/clock.py",
    "bridge/webhooks/courier.py",
    "bridge/webhooks/desk.py",
    "rtp/control.py",
]


def test_nothing_waits_by_a_clock_that_may_be_set() -> None:
    reading = [path for path in sources(*PACKAGES) if "standin" not in path.parts]
    found = [
        str(path.relative_to(ROOT))
        for path in reading
        if re.search(
            r"\btime\.time\b|import time\b.*\btime\(|datetime\.now|utcnow", path.read_text()
        )
    ]
    assert found == DATES


def test_the_scan_sees_imports_inside_functions(tmp_path: Path) -> None:
    path = tmp_path / "late.py"
    path.write_text("def f():\n    import a.b\n    from c.d import e\n    from . import g\n")
    assert list(modules_imported(path)) == ["a.b", "c.d", "."]


@pytest.mark.parametrize(
    ("package", "stranger"),
    [("sip", "bridge"), ("sip", "rtp"), ("rtp", "bridge"), ("rtp", "sip")],
)
def test_sip_and_rtp_know_neither_each_other_nor_the_bridge(package: str, stranger: str) -> None:
    assert sources(package)
    assert files_importing(stranger, sources(package)) == []


def modules_needed(path: Path) -> Iterator[str]:
    """What has to be imported before a file's module is: names of modules, and of what is in them.

    What is imported for the type checker alone, or within a function, is not.
    """
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def circle(needs: Mapping[str, set[str]]) -> set[str]:
    """Those that need each other, or somebody who does."""
    left = dict(needs)
    while ready := {name for name, needed in left.items() if not needed & left.keys()}:
        left = {name: needed for name, needed in left.items() if name not in ready}
    return set(left)


def test_no_module_is_imported_before_what_it_needs() -> None:
    assert circle({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": set()}) == {"a", "b"}
    needs = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): set(modules_needed(path))
        for path in sources(*PACKAGES)
        if path.name != "__init__.py"
    }
    assert circle(needs) == set()


@pytest.mark.parametrize(("library", "door"), DOORS)
def test_a_library_comes_in_by_one_door(library: str, door: str) -> None:
    elsewhere = [
        name
        for name in files_importing(library, sources(*PACKAGES))
        if not name.startswith((f"{door}/", f"{door}.py"))
    ]
    assert elsewhere == []


def test_only_the_skin_of_rtp_touches_sockets() -> None:
    others = [path for path in sources("rtp") if path.name not in RTP_SOCKETS]
    assert files_importing("socket", others) == []


def test_no_file_imports_by_relative_path() -> None:
    relative = [
        str(path.relative_to(ROOT))
        for path in sources(*PACKAGES)
        if any(module.startswith(".") for module in modules_imported(path))
    ]
    assert relative == []


def test_the_map_of_the_architecture_names_every_room_once() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    drawn = text[text.index("## Map") :].split("```")[1]
    rooms = {
        path.stem
        for package in PACKAGES
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem[:2] != "__"
    }
    assert rooms - set(re.findall(r"\w+", drawn)) == set()
    for package in re.split(r"^(?=\w)", drawn, flags=re.MULTILINE):
        named = " ".join(re.findall(r"^  (\S.*?)  ", package, re.MULTILINE)).split()
        assert len(named) == len(set(named)), "a merge has doubled lines of the map"
