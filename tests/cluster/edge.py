"""Kamailio as `deploy/kamailio` configures it, with this cluster's addresses in it."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["EDGE", "command", "furnish", "states"]

EDGE = Path(__file__).parents[2] / "deploy" / "kamailio"
"""The configuration that operators are given."""


def furnish(
    folder: Path,
    *,
    address: str,
    port: int,
    bridges: Sequence[tuple[str, int]],
    carriers: Sequence[tuple[str, int]],
    attributes: Mapping[int, str] | None = None,
    asked: bool = True,
    way: str = "",
    addresses: Sequence[str] = (),
    change: Mapping[str, str] | None = None,
    more: str = "",
) -> Path:
    """Write a site's files into `folder`, and return the one that Kamailio is given.

    `attributes` are added to those of the bridges, by their position, `addresses` to the lines of
    address.list, `more` to edge.cfg, in which `change` has words replaced. Bridges are `asked` how
    they fare, and reached by a `way` (`;transport=tls`).
    """
    shutil.copy(EDGE / "kamailio.cfg", folder)
    site = (EDGE / "edge.cfg").read_text()
    site = site.replace("listen=udp:192.0.2.5:5060", f"listen=udp:{_at(address)}:{port}")
    site = site.replace("listen=tcp:192.0.2.5:5060", f"listen=tcp:{_at(address)}:{port}")
    site = site.replace("!/etc/kamailio!", f"!{folder}!").replace("!/run/kamailio!", f"!{folder}!")
    site = site.replace("children=4", "children=2").replace("PING_S 2", "PING_S 1")
    for word, other in (change or {}).items():
        assert word in site, word
        site = site.replace(word, other)
    (folder / "edge.cfg").write_text(f"{site}\n{more}")
    own, flags = attributes or {}, 8 if asked else 0
    lines = [
        f"1 sip:{_at(host)}:{port}{way} {flags} 0 duid=bridge-{position}{own.get(position - 1, '')}"
        for position, (host, port) in enumerate(bridges, 1)
    ]
    lines += [f"2 sip:{_at(host)}:{number} 0 {10 - i}" for i, (host, number) in enumerate(carriers)]
    (folder / "dispatcher.list").write_text("\n".join(lines) + "\n")
    trusted = [
        f"1 {host} {128 if ':' in host else 32} 0 acme"
        for host in dict.fromkeys(host for host, _ in carriers)
    ]
    (folder / "address.list").write_text("\n".join([*trusted, *addresses]) + "\n")
    return folder / "kamailio.cfg"


def _at(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def command(config: Path, *, memory_mb: int = 32) -> tuple[str, ...]:
    """What runs it, in the foreground, with its log on standard error."""
    folder = str(config.parent)
    return (
        "kamailio",
        "-DD",
        "-E",
        "-m",
        str(memory_mb),
        "-M",
        "4",
        "-f",
        str(config),
        "-Y",
        folder,
    )


def states(listing: str) -> dict[str, str]:
    """Of `kamcmd dispatcher.list`: each destination's flags by its URI, `AP` is well and asked."""
    found, uri = {}, ""
    for line in map(str.strip, listing.splitlines()):
        if line.startswith("URI: "):
            uri = line.removeprefix("URI: ")
        elif line.startswith("FLAGS: "):
            found[uri] = line.removeprefix("FLAGS: ")
    return found
