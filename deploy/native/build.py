r"""Compile the packets' path with mypyc, and install it beside the packages.

    python -m deploy.native.build        from the root of the checkout

    sources ──> mypyc ──> C ──> gcc ──> try it ──> cache ──> site-packages/uvbridge_native
                     our C ──'

It is the same code, only faster: where it cannot be compiled, all works without. A build that
fails says why and leaves nothing behind; what of our own C cannot be compiled is left out.
"""

import hashlib
import os
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from deploy.native.recipe import EXTENSIONS, MODULES, MYPY, OPTIMIZATION
from deploy.pjsua2.step import StepFailed, run, stop_on_sigterm

ROOT = Path(__file__).parents[2]
PACKAGE = "uvbridge_native"
PACKAGES = ("bridge", "rtp", "sip")
COMPILER = ("mypy", "setuptools")
"""What compiles; installed where it is missing."""

ADOPT: Final = ROOT / "deploy/native/adopt.py"
MANIFEST: Final = "sources.py"
TRIAL: Final = """
import rtp.stream, bridge.agents.talk as talk, bridge.ultravox.session as session
assert all(each.__file__.endswith(".so") for each in (rtp.stream, talk, session))
"""


def main() -> int:
    """Install the compiled modules, built now or before. Returns the exit status."""
    stop_on_sigterm()
    sources = digests()
    try:
        if installed() == sources:
            return 0
        install(cached(sources) or build(sources))
    except StepFailed as failure:
        print(f"native: {failure}", file=sys.stderr)
        print("native: not compiled; the audio runs as plain Python, at a higher cost", flush=True)
        return 0
    return 0


def digests() -> dict[str, str]:
    """The SHA-256 of each source, by its path from the root."""
    names = (*MODULES, *EXTENSIONS)
    return {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in names}


def installed() -> dict[str, str]:
    """The sources of the build that is installed; empty where there is none."""
    manifest, adopted = place() / MANIFEST, place() / "__init__.py"
    if not manifest.exists() or adopted.read_bytes() != ADOPT.read_bytes():
        return {}
    names: dict[str, dict[str, str]] = {}
    exec(manifest.read_text(), names)  # noqa: S102  we wrote it
    return names["SOURCES"]


def place() -> Path:
    """Where the compiled modules are installed."""
    return Path(sysconfig.get_path("platlib")) / PACKAGE


def cache(sources: Mapping[str, str]) -> Path:
    """Where a build of these sources is kept, by all that goes into it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    recipe = [(ROOT / "deploy/native" / name).read_bytes() for name in ("adopt.py", "recipe.py")]
    parts = [*sources.items(), *recipe, sysconfig.get_config_var("SOABI"), OPTIMIZATION]
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    return Path(base) / "uvbridge" / "native" / key


def cached(sources: Mapping[str, str]) -> Path | None:
    """A build of these sources made before."""
    found = cache(sources)
    return found if (found / MANIFEST).exists() else None


def build(sources: Mapping[str, str]) -> Path:
    """Compile in a temporary directory; what was tried goes to the cache. Returns its place."""
    print("native: compiling the audio's path (once, about a minute) …", end=" ", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="uvbridge-native-") as directory:
        work = Path(directory)
        try:
            get_compiler(work / "log")
            made = compile_all(work, sources)
            trial(made, work / "log")
        except BaseException:
            print("failed", flush=True)
            raise
        kept = keep(made, cache(sources))
    print(f"{time.monotonic() - started:.0f} s", flush=True)
    return kept


def get_compiler(log: Path) -> None:
    """Install mypyc where it is missing. Raises StepFailed."""
    missing = [name for name in COMPILER if not _has(name)]
    if missing:
        run([sys.executable, "-m", "pip", "install", *missing], name="get mypyc", log=log)


def compile_all(work: Path, sources: Mapping[str, str]) -> Path:
    """Compile a copy of the sources; returns the package's directory. Raises StepFailed."""
    tree = work / "tree"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("*.so"))
    (tree / "mypy.ini").write_text(MYPY)
    extensions = [
        f"Extension({_module(name)!r}, [{name!r}], libraries={list(libraries)!r}, optional=True)"
        for name, libraries in EXTENSIONS.items()
    ]
    (tree / "setup.py").write_text(
        "from setuptools import Extension, setup\n"
        "from mypyc.build import mypycify\n"
        f"modules = mypycify({['--config-file=mypy.ini', *MODULES]!r}, "
        f"opt_level={OPTIMIZATION!r}, debug_level='0', multi_file=True)\n"
        f"modules += [{', '.join(extensions)}]\n"
        f"setup(name={PACKAGE!r}, ext_modules=modules, packages=[])\n"
    )
    jobs = f"-j{os.cpu_count() or 1}"
    command = [sys.executable, "setup.py", "build_ext", "--build-lib=made", jobs]
    run(command, name="compile", log=work / "log", cwd=tree)
    made = tree / "made"
    for name in EXTENSIONS:
        if not any(made.glob(name.removesuffix(".c") + ".*.so")):
            print(f"without {name} (libssl-dev?),", end=" ", flush=True)
    shutil.copy(ADOPT, made / "__init__.py")
    (made / MANIFEST).write_text(f"SOURCES = {dict(sources)!r}\n")
    return made


def _module(source: str) -> str:
    return source.removesuffix(".c").replace("/", ".")


def trial(made: Path, log: Path) -> None:
    """Import what was made, in a process of its own. Raises StepFailed."""
    home = made.parent / "trial"
    shutil.copytree(made, home / PACKAGE)
    env = {"PYTHONPATH": os.pathsep.join([str(home), str(ROOT)]), "UVBRIDGE_PURE": ""}
    run([sys.executable, "-c", TRIAL], name="try it", log=log, cwd=home, env=env)


def keep(made: Path, home: Path) -> Path:
    """Move a build to its place in one step, whoever else may be building; return the place."""
    home.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=home.parent, suffix=".part"))
    shutil.copytree(made, part, dirs_exist_ok=True)
    if home.exists():
        shutil.rmtree(home)
    return part.rename(home)


def install(made: Path) -> None:
    """Put a build in the place of the one that is installed."""
    home = place()
    part = Path(tempfile.mkdtemp(dir=home.parent, prefix=f"{PACKAGE}-"))
    shutil.copytree(made, part, dirs_exist_ok=True)
    part.chmod(0o755)
    shutil.rmtree(home, ignore_errors=True)
    part.rename(home)
    print("native: the audio's path is compiled", flush=True)


def _has(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
