"""What is told of an MCP server that cannot be joined."""

import errno
import os

import pytest

from bridge.tools.mcp import _reason


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TimeoutError(), "no answer in time"),
        (OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)), "Connection refused"),
        (ExceptionGroup("", [ExceptionGroup("", [TimeoutError()])]), "no answer in time"),
        (ValueError("with a secret in it"), "ValueError"),
    ],
)
def test_the_innermost_reason_is_told_without_what_it_quotes(error: Exception, told: str) -> None:
    assert _reason(error) == told
