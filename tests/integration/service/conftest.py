"""Fixtures of the tests of the whole service. They run on uvloop, as the service itself does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import pytest_asyncio
import uvloop

from tests.support.caller import Phone
from tests.support.carriers import FIRST, PORT, SECOND
from tests.support.service import Bridge, running


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bridge]:
    """One service for a module's tests; a module's CHANGES are laid over its configuration."""
    change: dict[str, Any] = getattr(request.module, "CHANGES", {})
    async with running(tmp_path_factory.mktemp("service"), change) as bridge:
        yield bridge


@pytest_asyncio.fixture(loop_scope="module")
async def bridge(shared: Bridge) -> AsyncIterator[Bridge]:
    """The module's service, idle before each test and after it: nothing may be left of a call."""
    await shared.clear()
    yield shared
    await shared.idle()


@pytest_asyncio.fixture(loop_scope="module")
async def phone() -> AsyncIterator[Phone]:
    """A telephone that the service's trunk knows."""
    async with Phone() as each:
        yield each


@pytest_asyncio.fixture(loop_scope="module")
async def first() -> AsyncIterator[Phone]:
    """The first of two carriers."""
    async with Phone(host=FIRST, port=PORT) as each:
        yield each


@pytest_asyncio.fixture(loop_scope="module")
async def second() -> AsyncIterator[Phone]:
    """The second of two carriers."""
    async with Phone(host=SECOND, port=PORT) as each:
        yield each
