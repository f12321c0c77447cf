"""A wheel is built once, and a build that fails leaves things as they were."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from deploy.pjsua2 import cache, recipe

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A tarball that unpacks, but configures no further than an error of its own."""
    tree = tmp_path / "pjproject"
    for directory in ("pjlib/include/pj", "pjmedia/src/pjmedia-audiodev", "pjsip-apps/src/swig"):
        (tree / directory).mkdir(parents=True)
    (tree / "aconfigure").write_text("#!/bin/sh\necho no compiler here\nexit 77\n")
    (tree / "aconfigure").chmod(0o755)
    path = tmp_path / "pjproject.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tree, arcname="pjproject")
    return path


def test_a_kept_wheel_is_found_again_by_its_source(tmp_path: Path) -> None:
    source, other, wheel = (tmp_path / name for name in ("source", "other", "a-1-b.whl"))
    for path in (source, other, wheel):
        path.write_text(path.name)
    assert cache.find(source) is None
    place = cache.keep(wheel, source)
    assert place.read_text() == "a-1-b.whl"
    assert cache.find(source) == cache.find(None) == place
    assert cache.find(other) is None


def test_a_wheel_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    wheel = tmp_path / "a-1-b.whl"
    wheel.write_text("wheel")
    place = cache.keep(wheel, wheel)
    assert cache.keep(wheel, wheel) == place
    assert [path.name for path in place.parent.iterdir()] == ["a-1-b.whl"]


def test_another_recipe_asks_for_another_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cache.recipe(), cache.directory()
    monkeypatch.setattr(cache, "RECIPE", cache.RECIPE[:-1])
    assert before != (cache.recipe(), cache.directory())
    assert len(cache.recipe()) == 8


def test_a_failed_build_shows_why_and_leaves_nothing(
    tmp_path: Path, kept: Path, source: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {"PJPROJECT_TARBALL": str(source), "TMPDIR": str(scratch)}
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.pjsua2.build"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "configure: ./aconfigure exits with 77" in ended.stderr
    assert "no compiler here" in ended.stderr
    assert "nothing was installed" in ended.stderr
    assert list(scratch.iterdir()) == []
    assert not kept.exists()


def test_the_ceiling_is_the_one_compiled_in() -> None:
    site = (ROOT / "deploy/pjsua2/config_site.h").read_text()
    assert f"#define PJSUA_MAX_CALLS {recipe.MAX_CALLS}\n" in site
