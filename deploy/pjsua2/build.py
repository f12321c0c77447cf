r"""Build PJSIP and its Python binding for 1024 calls, and install the wheel in this environment.

    python -m deploy.pjsua2.build        from the root of the checkout

    Debian's source --> configure --> make lib ----.
                              \-----> swig --> g++ -+--> wheel --> try it --> cache --> pip

PJPROJECT_TARBALL names a tarball to use instead of Debian's. Where the build cannot be done (no
apt, another system) PyPI's wheel is installed, which holds 4 calls. A build that fails installs
nothing and leaves nothing behind.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.pjsua2 import cache, tarball
from deploy.pjsua2.recipe import (
    CFLAGS,
    CONFIGURE,
    INCLUDES,
    INTERFACES,
    MAX_CALLS,
    PACKAGES,
    QUIET_START,
)
from deploy.pjsua2.step import StepFailed, run, step, stop_on_sigterm

HERE = Path(__file__).parent
APT_INSTALL = HERE.parent / "apt-install.sh"
CANNOT_INSTALL = 3  # its exit status: not on this system, or not by this user
# Set by the make that calls us and meant for our own Makefile: PJSIP's would change its manners.
MAKE_VARIABLES = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")

TRIAL = f"""
import pjsua2
config = pjsua2.EpConfig()
assert config.uaConfig.maxCalls == {MAX_CALLS}, config.uaConfig.maxCalls
config.logConfig.level = 0
endpoint = pjsua2.Endpoint()
endpoint.libCreate()
endpoint.libInit(config)
endpoint.libDestroy()
"""


def main() -> int:
    """Install the wheel, built now or before. Returns the exit status."""
    stop_on_sigterm()
    for name in MAKE_VARIABLES:
        os.environ.pop(name, None)
    try:
        source = tarball.given()
        if source is None and cache.installed() == cache.local_version():
            return 0
        install(cache.find(source) or build(source))
    except tarball.Unavailable as why:
        return fall_back(str(why))
    except StepFailed as failure:
        print(f"pjsip: {failure}\npjsip: nothing was installed", file=sys.stderr)
        return 1
    return 0


def build(source: Path | None) -> Path:
    """Build in a temporary directory; the tried wheel goes to the cache. Returns its place."""
    print(f"building PJSIP for {MAX_CALLS} calls (once, about 2 minutes)", flush=True)
    with scratch_directory() as work:
        log = work / "log"
        tree = work / "source"
        tree.mkdir()
        with step("install what the build needs"):
            install_packages(log, required=source is None)
        with step("fetch the source from Debian" if source is None else "unpack the tarball"):
            source = source or tarball.fetch(work, log=log)
            run(["tar", "-xf", source, "-C", tree, "--strip-components=1"], name="unpack", log=log)
        with step("configure"):
            configure(tree, log)
        with step("compile"):
            compile_all(tree, log)
        with step("make the wheel"):
            wheel = package(tree, log)
        with step("try it"):
            trial(wheel, work / "trial", log)
        return cache.keep(wheel, source)


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A temporary directory, also for what the programs run in it leave behind when killed."""
    before = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="uvbridge-pjsip-") as name:
        os.environ["TMPDIR"] = name
        try:
            yield Path(name)
        finally:
            del os.environ["TMPDIR"]
            if before is not None:
                os.environ["TMPDIR"] = before


def install_packages(log: Path, *, required: bool) -> None:
    """Install compilers and libraries from Debian.

    Raises Unavailable where that cannot be done, unless it is not required: with a tarball of
    their own, users may also have the libraries from elsewhere.
    """
    packages = PACKAGES.split()
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        packages.append(f"python{sysconfig.get_python_version()}-dev")
    try:
        run([APT_INSTALL, *packages], name="install what the build needs", log=log)
    except StepFailed as failure:
        if failure.status != CANNOT_INSTALL:
            raise
        if required:
            raise tarball.Unavailable(log.read_text().splitlines()[-1]) from failure


def configure(tree: Path, log: Path) -> None:
    """Size the library for a softswitch, configure it, and write the binding's source."""
    site = tree / "pjlib/include/pj/config_site.h"
    site.write_bytes((HERE / "config_site.h").read_bytes())
    # Debian strips this file, which its makefile still names.
    (tree / "pjmedia/src/pjmedia-audiodev/bdimad_dev.c").touch()
    with (tree / "pjsip-apps/src/swig/pjsua2.i").open("a") as interface:
        interface.write(QUIET_START)
        interface.writelines((HERE / name).read_text() for name in INTERFACES)
    flags = {"CFLAGS": CFLAGS, "CXXFLAGS": CFLAGS, "LIBS": "-lspeexdsp"}
    run(["./aconfigure", *CONFIGURE.split()], name="configure", log=log, cwd=tree, env=flags)
    swig = ["swig", "-c++", "-python", "-threads", "-w312", *INCLUDES, "-outdir", "."]
    binding = ["-o", "pjsua2_wrap.cpp", "pjsip-apps/src/swig/pjsua2.i"]
    run([*swig, *binding], name="write the binding", log=log, cwd=tree)


def compile_all(tree: Path, log: Path) -> None:
    """Compile the libraries and, beside them, the binding: one huge file, so little optimized."""
    flags = [*make_variable(tree, "PJ_CXXFLAGS").split(), "-O1"]
    include = f"-I{sysconfig.get_path('include')}"
    run(
        ["g++", *flags, include, "-c", "pjsua2_wrap.cpp", "-o", "pjsua2_wrap.o"],
        ["make", f"-j{os.cpu_count() or 2}", "lib"],
        name="compile",
        log=log,
        cwd=tree,
    )


def make_variable(tree: Path, name: str) -> str:
    """A variable of PJSIP's build.mak, which tells other programs how to compile and link."""
    shown = subprocess.run(
        ["make", "-s", "-f", "-", "show"],
        input=f"include build.mak\nshow: ; @echo '$({name})'\n",
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode != 0:
        raise StepFailed(f"read build.mak: {shown.stderr}")
    return shown.stdout.strip()


def package(tree: Path, log: Path) -> Path:
    """Link the binding with the static libraries and make a wheel of it."""
    (tree / "setup.py").write_bytes((HERE / "setup.py").read_bytes())
    link = f"{make_variable(tree, 'PJ_LDXXFLAGS')} {make_variable(tree, 'PJ_LDXXLIBS')}"
    env = {
        "PJSUA2_VERSION": f"{make_variable(tree, 'PJ_VERSION')}+{cache.local_version()}",
        "PJSUA2_LINK": f"-Wl,-s {link}",
    }
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--use-pep517"]
    run([*pip, "--wheel-dir", "dist", "."], name="make the wheel", log=log, cwd=tree, env=env)
    return next((tree / "dist").glob("*.whl"))


def trial(wheel: Path, target: Path, log: Path) -> None:
    """Start and stop an Endpoint of the new wheel, in a process of its own."""
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", f"--target={target}", str(wheel)]
    run(pip, name="try it", log=log)
    env = {"PYTHONPATH": str(target)}
    run([sys.executable, "-c", TRIAL], name="try it", log=log, env=env)


def install(wheel: Path) -> None:
    """Install a wheel of ours over whatever build of the binding is there."""
    pip_install(str(wheel), "--force-reinstall")
    version = wheel.name.split("-")[1].partition("+")[0]
    print(f"pjsip: {version} installed, up to {MAX_CALLS} calls", flush=True)


def fall_back(why: str) -> int:
    """Install PyPI's wheel and say what it cannot do. Returns the exit status."""
    print(f"pjsip: cannot be built here: {why}", file=sys.stderr)
    if cache.installed():
        print("pjsip: keeping the build that is installed", file=sys.stderr)
        return 0
    try:
        pip_install(cache.DISTRIBUTION)
    except StepFailed as failure:
        print(f"pjsip: nor is there a wheel of it on PyPI: {failure}", file=sys.stderr)
        return 1
    print("pjsip: installed PyPI's wheel instead: THIS BUILD HOLDS 4 CALLS", file=sys.stderr)
    return 0


def pip_install(*arguments: str) -> None:
    """Install in this environment, touching nothing else. Raises StepFailed."""
    command = [sys.executable, "-m", "pip", "install", "--no-deps", *arguments]
    with tempfile.TemporaryDirectory() as directory:
        run(command, name="pip install", log=Path(directory) / "log")


if __name__ == "__main__":
    sys.exit(main())
