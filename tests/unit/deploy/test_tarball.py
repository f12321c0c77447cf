"""The source is found through the mirror that apt already uses, and nothing else is trusted."""

import hashlib
from pathlib import Path

import pytest

from deploy.pjsua2 import tarball
from deploy.pjsua2.step import StepFailed

DIGEST = "6860c2f7604b4eee75f38151a9ef69774eb3f0c5286fc1d14bc1db2dc5a9e8aa"
TARGETS = """\
http://deb.example/debian-security/ bookworm-security Packages
http://deb.example/debian/ bookworm Translations
http://deb.example/debian/ bookworm Packages
http://deb.example/other/ bookworm-updates Packages
"""
PRINT_URIS = f"""\
Reading package lists...
'http://deb.example/pool/a/asterisk_22.5~dfsg.dsc' asterisk_22.5~dfsg.dsc 4242 SHA256:{"0" * 64}
'http://deb.example/pool/a/asterisk_22.5~dfsg.orig-Xamr.tar.xz' \
asterisk_22.5~dfsg.orig-Xamr.tar.xz 99 SHA256:{"1" * 64}
'http://deb.example/pool/a/asterisk_22.5~dfsg.orig-Xpjproject.tar.xz' \
asterisk_22.5~dfsg.orig-Xpjproject.tar.xz 6812345 SHA256:{DIGEST}
"""


def test_the_mirror_is_the_one_that_carries_the_release() -> None:
    assert tarball.main_archive(TARGETS, "bookworm") == "http://deb.example/debian/"


@pytest.mark.parametrize("targets", ["", TARGETS.splitlines()[0], "one-word\n"])
def test_security_updates_alone_are_no_mirror(targets: str) -> None:
    with pytest.raises(tarball.Unavailable, match="no mirror of Debian bookworm"):
        tarball.main_archive(targets, "bookworm")


def test_the_component_is_found_among_the_files_of_the_source_package() -> None:
    source = tarball.component(PRINT_URIS)
    assert source.uri.endswith("asterisk_22.5~dfsg.orig-Xpjproject.tar.xz")
    assert source.sha256 == DIGEST


@pytest.mark.parametrize("listing", ["", PRINT_URIS.replace("SHA256", "MD5Sum")])
def test_a_component_without_its_sha256_is_not_used(listing: str) -> None:
    with pytest.raises(tarball.Unavailable):
        tarball.component(listing)


def test_apt_is_shown_one_source_and_keeps_its_own_lists(tmp_path: Path) -> None:
    options = tarball.private_apt(tmp_path, "http://deb.example/debian/")
    line = (tmp_path / "sources.list").read_text()
    assert line.startswith("deb-src [signed-by=")
    assert line.endswith("http://deb.example/debian/ sid main\n")
    assert "-oDir::Etc::sourceparts=/dev/null" in options
    assert f"-oDir::State::lists={tmp_path}/lists" in options


def test_a_tarball_of_ones_own_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "pjproject.tar.gz"
    monkeypatch.setenv("PJPROJECT_TARBALL", str(own))
    with pytest.raises(StepFailed, match="is not a file"):
        tarball.given()
    own.write_bytes(b"source")
    assert tarball.given() == own
    assert tarball.sha256(own) == hashlib.sha256(b"source").hexdigest()


@pytest.mark.parametrize("value", [None, ""])
def test_without_one_the_source_comes_from_debian(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PJPROJECT_TARBALL", raising=False)
    if value is not None:
        monkeypatch.setenv("PJPROJECT_TARBALL", value)
    assert tarball.given() is None
