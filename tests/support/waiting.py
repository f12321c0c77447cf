"""Waiting for something to come about that nobody announces."""

import asyncio
from collections.abc import Callable

__all__ = ["PATIENCE_S", "until"]

PATIENCE_S = 30.0
"""After which what is waited for never comes: many times what it takes on a busy machine."""


async def until(true: Callable[[], bool], *, timeout_s: float = PATIENCE_S) -> None:
    """Wait for a condition; fails when it does not come about."""
    async with asyncio.timeout(timeout_s):
        while not true():  # noqa: ASYNC110 - the point of it
            await asyncio.sleep(0.005)
