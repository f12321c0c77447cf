"""What takes a minute of waiting runs beside the other tests, and is asked for at the end."""

import importlib
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# What runs within pytest is the plain sources, which coverage can see and tests can subclass;
# services started as processes run what was compiled. UVBRIDGE_PURE set to nothing asks for it
# here too (tests/integration/test_native.py does).
if "UVBRIDGE_PURE" not in os.environ:
    os.environ["UVBRIDGE_PURE"] = "1"
    for _package in ("rtp", "bridge.agents", "bridge.ultravox"):
        importlib.import_module(_package)
    del os.environ["UVBRIDGE_PURE"]

# A property is no less true of a machine that is busy.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

PATIENT = "patient"
_PROGRAM = (sys.executable, "-m", "tests.support.session_timers")
_begun = pytest.StashKey["subprocess.Popen[str]"]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{PATIENT}: waits for a program begun with the session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker(PATIENT) is not None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    if not session.config.option.collectonly and any(
        item.get_closest_marker(PATIENT) for item in session.items
    ):
        session.config.stash[_begun] = subprocess.Popen(
            _PROGRAM, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture(scope="session")
def session_timers(request: pytest.FixtureRequest) -> str:
    """What `tests.support.session_timers` printed."""
    process: Any = request.config.stash[_begun]
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return str(out)


def pytest_unconfigure(config: pytest.Config) -> None:
    process = config.stash.get(_begun, None)
    if process is not None and process.poll() is None:
        process.kill()
        process.communicate()
