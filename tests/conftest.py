"""What holds for every test: plain sources, a last moment, and the wait for what takes a minute.

What takes a minute of waiting runs beside the other tests, and is asked for at the end.
"""

import asyncio
import functools
import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
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

LAST_S = 200
"""When a coroutine test has failed. On uvloop pytest-timeout's signal is never seen."""

PATIENT = "patient"
_PROGRAM = (sys.executable, "-m", "tests.support.session_timers")
_begun = pytest.StashKey["subprocess.Popen[str]"]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{PATIENT}: waits for a program begun with the session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _ending(item.obj)
    items.sort(key=lambda item: item.get_closest_marker(PATIENT) is not None)


def _ending(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """`test`, which fails at the place where it waits when `LAST_S` are over."""

    @functools.wraps(test)
    async def within(*given: Any, **named: Any) -> None:
        async with asyncio.timeout(LAST_S):
            await test(*given, **named)

    return within


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
