"""Where the cluster's programs run: each at an address of its own, on loopback or beyond.

Beyond loopback each has a network namespace, and all of them are plugged into a switch that leads
nowhere else:

    carrier   edge   ultravox   bridge-1   bridge-2
       └────────┴───────┴─ switch ─┴──────────┘
"""

import os
import subprocess
from types import TracebackType
from typing import Self

__all__ = ["NAMES", "Loopback", "Namespaces", "Places"]

NAMES = ("carrier", "edge", "ultravox", "bridge-1", "bridge-2")
_HOSTS = (2, 5, 7, 11, 12)
"""The last number of their addresses on loopback."""
_SWITCH = "switch"
_INSIDE = "UVBRIDGE_CLUSTER"
"""The environment variable that tells a program the prefix of the namespaces that it is in."""


class Loopback:
    """All on this machine's loopback, 127.0.0.0/8."""

    def address(self, name: str) -> str:
        """The address of a place."""
        return f"127.0.0.{_HOSTS[NAMES.index(name)]}"

    def at(self, name: str) -> tuple[str, ...]:
        """What stands before a command that is to run there."""
        assert name in NAMES
        return ()


class Namespaces:
    """Network namespaces, made by root and gone at the end: a context manager."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    @classmethod
    def entered(cls) -> "Namespaces | None":
        """Those that this process runs in, as `command` had it."""
        prefix = os.environ.get(_INSIDE)
        return cls(prefix) if prefix else None

    @staticmethod
    def why_not() -> str:
        """Why there can be none on this machine; empty where there can."""
        name = f"uvt-{os.getpid()}"
        try:
            _ip("netns", "add", name)
            try:
                _ip("-n", name, "link", "add", "br0", "type", "bridge")
                _ip("-n", name, "link", "add", "va", "type", "veth", "peer", "name", "vb")
            finally:
                _ip("netns", "delete", name)
        except FileNotFoundError:
            return "iproute2 is not installed"
        except subprocess.CalledProcessError as error:
            return f"no network namespaces here: {error.stderr.strip().splitlines()[-1:]}"
        return ""

    def __enter__(self) -> Self:
        try:
            self._space(_SWITCH)
            _ip("-n", self._named(_SWITCH), "link", "add", "br0", "type", "bridge")
            _ip("-n", self._named(_SWITCH), "link", "set", "br0", "up")
            for number, name in enumerate(NAMES):
                self._space(name)
                self._plug_in(name, f"port{number}")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def address(self, name: str) -> str:
        """The address of a place."""
        return f"10.213.7.{NAMES.index(name) + 1}"

    def at(self, name: str) -> tuple[str, ...]:
        """What stands before a command that is to run there."""
        return ("ip", "netns", "exec", self._named(name))

    def environment(self) -> dict[str, str]:
        """By which a program that is run there finds out where it is."""
        return {**os.environ, _INSIDE: self._prefix}

    def _named(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def _space(self, name: str) -> None:
        _ip("netns", "add", self._named(name))
        _ip("-n", self._named(name), "link", "set", "lo", "up")

    def _plug_in(self, name: str, port: str) -> None:
        switch, space = self._named(_SWITCH), self._named(name)
        _ip(
            "-n",
            switch,
            "link",
            "add",
            port,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            space,
        )
        _ip("-n", switch, "link", "set", port, "master", "br0", "up")
        _ip("-n", space, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")

    def _remove(self) -> None:
        known = subprocess.run(("ip", "netns"), capture_output=True, text=True, check=False).stdout
        for line in known.splitlines():
            if (name := line.split()[0]).startswith(f"{self._prefix}-"):
                _ip("netns", "delete", name)


Places = Loopback | Namespaces


def _ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, capture_output=True, text=True)
