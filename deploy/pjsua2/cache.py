"""Where finished wheels are kept, outside the tree: by recipe, system, Python and source."""

import hashlib
import os
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path

from deploy.pjsua2.recipe import INTERFACES
from deploy.pjsua2.tarball import os_release, sha256

DISTRIBUTION = "pjsua2-python"  # the name uvbridge requires, so that pip sees it met
# A change in one of these asks for a new wheel.
RECIPE = ("config_site.h", "recipe.py", "setup.py", *INTERFACES)


def recipe() -> str:
    """Eight hex digits that change with the recipe of the build."""
    digest = hashlib.sha256()
    for name in RECIPE:
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()[:8]


def local_version() -> str:
    """What a wheel of this recipe carries after the + of its version."""
    return f"uvbridge.{recipe()}"


def installed() -> str:
    """The local version of the installed binding; "" for PyPI's wheel or none."""
    try:
        return metadata.version(DISTRIBUTION).partition("+")[2]
    except metadata.PackageNotFoundError:
        return ""


def directory() -> Path:
    """The wheels of this recipe for this system and Python, a directory for each source."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    release = os_release()
    system = f"{release.get('ID', 'unknown')}{release.get('VERSION_ID', '')}"
    abi = sysconfig.get_config_var("SOABI")
    return Path(base) / "uvbridge" / "pjsua2" / f"{recipe()}-{abi}-{system}"


def find(source: Path | None) -> Path | None:
    """The newest wheel kept for a source, or for any source when none is given."""
    pattern = sha256(source) if source else "*"
    wheels = sorted(directory().glob(f"{pattern}/*.whl"), key=lambda path: path.stat().st_mtime)
    return wheels[-1] if wheels else None


def keep(wheel: Path, source: Path) -> Path:
    """Move a wheel to its place in one step, whoever else may be building; return the place."""
    place = directory() / sha256(source)
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place, suffix=".part", delete=False) as part:
        part.write(wheel.read_bytes())
    return Path(part.name).replace(place / wheel.name)
