"""The image's and the compose file's parts are there. No engine is needed to see that."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from bridge.config import load
from deploy.native.recipe import EXTENSIONS, MODULES

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
COPIED = [
    source
    for words in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M)
    for source in words.split()[:-1]
]
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())


@pytest.mark.parametrize("source", COPIED)
def test_what_the_image_copies_is_there_and_not_ignored(source: str) -> None:
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M)
    assert (ROOT / source).exists()
    assert any(fnmatch(source, each) for each in allowed)


def test_all_that_is_allowed_is_copied() -> None:
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M)
    assert sorted(allowed) == sorted(COPIED)


def test_a_wheel_holds_all_sources_that_what_is_compiled_is_compared_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    for name in (*MODULES, *EXTENSIONS):
        file = Path(name)
        assert file.suffix == ".py" or any(fnmatch(file.name, each) for each in patterns), name


def test_the_container_is_told_to_drain_and_given_the_time() -> None:
    assert "\nSTOPSIGNAL SIGTERM\n" in DOCKERFILE
    settings = load(ROOT / "deploy/compose/try.yaml", env={})
    minutes = COMPOSE["services"]["bridge"]["stop_grace_period"].removesuffix("m")
    assert 60 * int(minutes) > settings.sip.drain_timeout_s + 30


def test_the_compose_file_mounts_what_there_is() -> None:
    mounts = [
        mount.rsplit(":", 2)[0] if mount.endswith(":ro") else mount.split(":")[0]
        for service in COMPOSE["services"].values()
        for mount in service.get("volumes", ())
    ]
    for mount in mounts:
        path = re.sub(r"^\$\{\w+:-(.+)\}$", r"\1", mount)
        assert path in COMPOSE["volumes"] or (ROOT / "deploy" / path).exists(), path
    assert (ROOT / "deploy" / COMPOSE["services"]["bridge"]["build"]["context"]).samefile(ROOT)
