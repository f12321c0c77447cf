"""Find and fetch PJSIP's source: Debian's asterisk source package (suite sid) carries it.

The mirror is the one this machine's apt already uses, asked through a private apt configuration
so that the machine's own lists and sources stay as they are.
"""

import hashlib
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from deploy.pjsua2.step import StepFailed, run

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
APT_HELPER = "/usr/lib/apt/apt-helper"
ARCHIVE_SUITES = ("stable", "oldstable", "testing", "unstable", "sid")
COMPONENT = re.compile(r"^'(\S+)' \S+orig-Xpjproject\.tar\.\w+ \d+ SHA256:([0-9a-f]{64})$", re.M)


class Unavailable(Exception):
    """Debian's source cannot be had on this system; the message says why."""


class Source(NamedTuple):
    """Where the tarball lies and what it must hash to (SHA-256, hex)."""

    uri: str
    sha256: str


def given() -> Path | None:
    """The tarball named by PJPROJECT_TARBALL, if any. Raises StepFailed when it is not a file."""
    name = os.environ.get("PJPROJECT_TARBALL")
    if not name:
        return None
    path = Path(name).expanduser().resolve()
    if not path.is_file():
        raise StepFailed(f"PJPROJECT_TARBALL: {path} is not a file")
    return path


def fetch(directory: Path, *, log: Path) -> Path:
    """Download the tarball into a directory and verify it. Raises Unavailable or StepFailed."""
    options = private_apt(directory, debian_mirror())
    update_index(options, log)
    listing = subprocess.run(
        ["apt-get", *options, "source", "--print-uris", "asterisk"],
        capture_output=True,
        text=True,
        check=False,
    )
    source = component(listing.stdout)
    path = directory / "pjproject.tar"
    run(
        [APT_HELPER, "download-file", source.uri, path, f"SHA256:{source.sha256}"],
        name="download",
        log=log,
    )
    if sha256(path) != source.sha256:
        raise StepFailed("download: the tarball's SHA-256 is not the one Debian signed")
    return path


def update_index(options: list[str], log: Path) -> None:
    """Read the mirror's list of sources; a mirror that is just being updated gets a second try."""
    command = ["apt-get", *options, "update"]
    try:
        run(command, name="read Debian's list of sources", log=log)
    except StepFailed:
        try:
            run(command, name="read Debian's list of sources", log=log)
        except StepFailed as failure:
            raise Unavailable(
                f"apt's mirror does not give Debian sid's sources\n{failure}"
            ) from failure


def debian_mirror() -> str:
    """The base URI of the Debian archive that this machine's apt uses. Raises Unavailable."""
    try:
        release = os_release()
        targets = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(CREATED_BY)"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable("this system has no working apt-get") from error
    if release.get("ID") != "debian" or not Path(KEYRING).exists():
        raise Unavailable("this system is not Debian")
    return main_archive(targets, release.get("VERSION_CODENAME", ""))


def main_archive(targets: str, codename: str) -> str:
    """Of apt's index targets (`URI suite maker` a line), the archive that carries the release.

    Raises Unavailable when there is none, as with sources for security updates only.
    """
    for line in targets.splitlines():
        uri, suite, maker = (*line.split(), "", "", "")[:3]
        if maker == "Packages" and suite in {codename, *ARCHIVE_SUITES}:
            return uri
    raise Unavailable(f"apt knows no mirror of Debian {codename}")


def private_apt(directory: Path, mirror: str) -> list[str]:
    """Options that make apt-get see one source only: the given mirror's sid, in `directory`."""
    sources = directory / "sources.list"
    lists = directory / "lists"
    cache = directory / "cache"
    for folder in (lists, cache):
        (folder / "partial").mkdir(parents=True)
    sources.write_text(f"deb-src [signed-by={KEYRING}] {mirror} sid main\n")
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": lists,
        "Dir::Cache": cache,
        "Acquire::Languages": "none",
        "Acquire::Check-Valid-Until": "false",  # an old signed list serves us as well as today's
        "APT::Update::Error-Mode": "any",  # else a mirror out of reach is only a warning
        "APT::Sandbox::User": "root",  # the download user may not enter our private directory
    }
    return [f"-o{key}={value}" for key, value in settings.items()]


def component(print_uris: str) -> Source:
    """PJSIP's line in the output of `apt-get source --print-uris asterisk`. Raises Unavailable."""
    found = COMPONENT.search(print_uris)
    if found is None:
        raise Unavailable("Debian's asterisk source package has no pjproject component")
    return Source(*found.groups())


def os_release() -> dict[str, str]:
    """/etc/os-release as a mapping; empty where there is none."""
    path = Path("/etc/os-release")
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines())
    return {key: value.strip("\"'") for key, separator, value in pairs if separator}


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
