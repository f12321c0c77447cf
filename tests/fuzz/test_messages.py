"""Only ValueError may come of a text frame, and what parses can be logged and sent again."""

import json

from hypothesis import given
from hypothesis import strategies as st

from bridge.ultravox.messages import Unknown, parse, serialize

TYPES = ["state", "transcript", "client_tool_invocation", "pong", "forced_agent_message", "later"]
KEYS = ["role", "medium", "text", "delta", "final", "ordinal", "state", "toolName", "parameters"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(KEYS), json_values, max_size=8)


@given(st.text())
def test_any_text_is_a_message_or_a_value_error(text: str) -> None:
    try:
        parse(text)
    except ValueError:
        return


@given(st.binary())
def test_any_bytes_are_a_message_or_a_value_error(data: bytes) -> None:
    try:
        parse(data.decode())
    except ValueError:
        return


@given(st.sampled_from(TYPES), bodies)
def test_any_fields_make_a_message_that_can_be_written(kind: str, body: dict[str, object]) -> None:
    try:
        message = parse(json.dumps({**body, "type": kind}))
    except ValueError:
        return
    repr(message).encode()
    if not isinstance(message, Unknown):
        assert serialize(message)
