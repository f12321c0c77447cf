"""Where samples of a profile belong: the stage of a packet's way that each was taken in."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Frame", "samples", "stage", "stages"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One function on a stack, and the file that it is in."""

    function: str
    file: str


_KERNEL = (
    ("kernel: receivers' part of what is sent", r"softirq|process_backlog|net_rx_action"),
    ("kernel: UDP out", r"udp.*send|inet_dgram"),
    ("kernel: UDP in", r"udp.*recv"),
    ("kernel: TCP out", r"tcp.*send"),
    ("kernel: TCP in", r"tcp.*recv"),
    ("kernel: resting and waking", r"nanosleep"),
    ("kernel: epoll", r"epoll|ep_poll"),
)
_FILES = (
    ("TLS", r"libssl|libcrypto|ssl_transport|ssl_engine"),
    ("WebSocket (picows)", r"picows"),
    ("event loop and transports", r"uvloop|/loop\.cpython|aiofastnet|/transport\.cpython|/utils\."),
    ("codecs", r"audioop|libopus|G722|multiarray"),
    ("the packets' path, compiled", r"__mypyc|uvbridge_native"),
    ("sockets of Python", r"/(_socket|select|_struct)\."),
    ("signalling (PJSIP)", r"pjsua"),
)
_OBJECTS = re.compile(
    r"alloc|free|Free|_Del\b|GC_New|gc_|New(Reference|Ref)?\b|FromStringAndSize|FromLong|FromDouble"
)
_COPYING = re.compile(r"mem(move|cpy|set|cmp|chr)")
_INTERPRETING = re.compile(r"_PyEval|_PyFunction_Vectorcall|_PyFrame")
_KERNEL_FILE = re.compile(r"^\[kernel|^\[guest|\.ko$")
_FRAME = re.compile(r"^\s*[0-9a-f]+ (.*) \(([^()]*)\)$")


def samples(script: Iterable[str]) -> Iterator[list[Frame]]:
    """The stacks in the output of `perf script`, innermost function first."""
    stack: list[Frame] = []
    for line in script:
        found = _FRAME.match(line)
        if found:
            function, _, _ = found[1].partition("+0x")
            stack.append(Frame(function, found[2]))
        elif stack:
            yield stack
            stack = []
    if stack:
        yield stack


def stage(stack: Sequence[Frame]) -> str:
    """The stage that a sample was taken in: by its system call, else by its file and function."""
    leaf = stack[0]
    if _KERNEL_FILE.search(leaf.file):
        functions = [frame.function for frame in stack if _KERNEL_FILE.search(frame.file)]
        return _first(_KERNEL, " ".join(functions), "kernel: all else")
    found = _first(_FILES, leaf.file, "")
    if found:
        return found
    if _COPYING.search(leaf.function):
        return "copying"
    if _OBJECTS.search(leaf.function):
        return "objects made and freed"
    if "libpython" in leaf.file or "/python3" in leaf.file:
        interpreting = _INTERPRETING.search(leaf.function)
        return "Python interpreted" if interpreting else "Python calls and attributes"
    return "all else"


def _first(rules: Sequence[tuple[str, str]], text: str, otherwise: str) -> str:
    return next((name for name, pattern in rules if re.search(pattern, text)), otherwise)


def stages(stacks: Iterable[Sequence[Frame]]) -> Counter[str]:
    """How many samples fell in each stage."""
    return Counter(map(stage, stacks))
