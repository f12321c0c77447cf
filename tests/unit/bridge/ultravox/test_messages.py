import json

import pytest

from bridge.ultravox.messages import (
    AgentState,
    CallStarted,
    ClientToolInvocation,
    ClientToolResult,
    DataConnectionToolInvocation,
    DataConnectionToolResult,
    Debug,
    ForcedAgentMessage,
    HangUp,
    Medium,
    Message,
    Ping,
    PlaybackClearBuffer,
    Pong,
    Reaction,
    ResponseType,
    Role,
    SetOutputMedium,
    SideGenerationCompleted,
    SideGenerationDelta,
    SpawnThread,
    State,
    ThreadRejected,
    ThreadSpawned,
    ThreadTerminated,
    ToolErrorType,
    Transcript,
    Unknown,
    Urgency,
    UserStartedSpeaking,
    UserStoppedSpeaking,
    UserTextMessage,
    parse,
    serialize,
)

# The documentation's own examples (reference: docs.ultravox.ai, page "data messages").
DOCUMENTED: list[tuple[str, Message]] = [
    ('{"type":"call_started","callId":"550e8400"}', CallStarted(call_id="550e8400")),
    ('{"type":"state","state":"listening"}', State(state=AgentState.LISTENING)),
    (
        '{"type":"transcript","role":"agent","medium":"voice","text":null,"delta":"Hello ",'
        '"final":false,"ordinal":1}',
        Transcript(
            role=Role.AGENT,
            medium=Medium.VOICE,
            text=None,
            delta="Hello ",
            final=False,
            ordinal=1,
        ),
    ),
    (
        '{"type":"client_tool_invocation","toolName":"get_weather","invocationId":"u1",'
        '"parameters":{"location":"Seattle"}}',
        ClientToolInvocation(
            tool_name="get_weather", invocation_id="u1", parameters={"location": "Seattle"}
        ),
    ),
    (
        '{"type":"data_connection_tool_invocation","toolName":"t","invocationId":"u1","parameters":{}}',
        DataConnectionToolInvocation(tool_name="t", invocation_id="u1"),
    ),
    ('{"type":"playback_clear_buffer"}', PlaybackClearBuffer()),
    ('{"type":"pong","timestamp":1234567890.123}', Pong(timestamp=1234567890.123)),
    ('{"type":"debug","message":"..."}', Debug(message="...")),
    ('{"type":"thread_spawned","threadId":"t1"}', ThreadSpawned(thread_id="t1")),
    (
        '{"type":"thread_rejected","threadId":"t1","reason":"full"}',
        ThreadRejected(thread_id="t1", reason="full"),
    ),
    (
        '{"type":"thread_terminated","threadId":"t1","reason":"limit reached"}',
        ThreadTerminated(thread_id="t1", reason="limit reached"),
    ),
    (
        '{"type":"side_generation_delta","threadId":"t1","delta":"x"}',
        SideGenerationDelta(thread_id="t1", delta="x"),
    ),
    (
        '{"type":"side_generation_completed","threadId":"t1","text":"x","toolCalls":[]}',
        SideGenerationCompleted(thread_id="t1", text="x"),
    ),
    ('{"type":"user_started_speaking"}', UserStartedSpeaking()),
    ('{"type":"user_stopped_speaking"}', UserStoppedSpeaking()),
    ('{"type":"ping","timestamp":1234567890.123}', Ping(timestamp=1234567890.123)),
    (
        '{"type":"user_text_message","text":"hi","urgency":"soon","threadId":"UI"}',
        UserTextMessage(text="hi", urgency=Urgency.SOON, thread_id="UI"),
    ),
    ('{"type":"set_output_medium","medium":"voice"}', SetOutputMedium(medium=Medium.VOICE)),
    (
        '{"type":"client_tool_result","invocationId":"u1","result":"{}",'
        '"responseType":"tool-response","agentReaction":"speaks","updateCallState":{"k":"v"}}',
        ClientToolResult(
            invocation_id="u1",
            result="{}",
            response_type=ResponseType.TOOL_RESPONSE,
            agent_reaction=Reaction.SPEAKS,
            update_call_state={"k": "v"},
        ),
    ),
    (
        '{"type":"client_tool_result","invocationId":"u1","errorType":"implementation-error",'
        '"errorMessage":"for logs"}',
        ClientToolResult(
            invocation_id="u1",
            error_type=ToolErrorType.IMPLEMENTATION_ERROR,
            error_message="for logs",
        ),
    ),
    (
        '{"type":"data_connection_tool_result","invocationId":"u1","result":"x"}',
        DataConnectionToolResult(invocation_id="u1", result="x"),
    ),
    (
        '{"type":"forced_agent_message","content":"Please hold.",'
        '"toolCalls":[{"id":"x1","name":"tool","arguments":{"a":1}}],'
        '"knownToolResults":[{"invocationId":"x1","result":"y"}],'
        '"uninterruptible":true,"urgency":"immediate","threadId":"UI"}',
        ForcedAgentMessage(
            content="Please hold.",
            tool_calls=({"id": "x1", "name": "tool", "arguments": {"a": 1}},),
            known_tool_results=({"invocationId": "x1", "result": "y"},),
            uninterruptible=True,
            urgency=Urgency.IMMEDIATE,
            thread_id="UI",
        ),
    ),
    ('{"type":"hang_up","message":"Goodbye!"}', HangUp(message="Goodbye!")),
    (
        '{"type":"spawn_thread","newThreadId":"t1","parentThreadId":"UI","ifExists":"reject",'
        '"additionalMessages":[{"type":"user_text_message","text":"x"}],'
        '"toolFilter":{"allowedTools":[]},"limits":{"generationLimit":5}}',
        SpawnThread(
            new_thread_id="t1",
            parent_thread_id="UI",
            if_exists="reject",
            additional_messages=({"type": "user_text_message", "text": "x"},),
            tool_filter={"allowedTools": []},
            limits={"generationLimit": 5},
        ),
    ),
]
_IDS = [message.type for _, message in DOCUMENTED]


@pytest.mark.parametrize(("text", "message"), DOCUMENTED, ids=_IDS)
def test_a_documented_message_parses(text: str, message: Message) -> None:
    assert parse(text) == message


@pytest.mark.parametrize(("text", "message"), DOCUMENTED, ids=_IDS)
def test_a_message_survives_the_wire(text: str, message: Message) -> None:
    again = json.loads(serialize(message))
    assert parse(serialize(message)) == message
    wanted = json.loads(text)
    empty = {key: value for key, value in wanted.items() if value in ([], {})}
    assert again == {key: value for key, value in wanted.items() if key not in empty}


def test_both_kinds_of_text_stand_in_a_transcript() -> None:
    message = Transcript(
        role=Role.AGENT, medium=Medium.VOICE, text="Hi", delta=None, final=True, ordinal=0
    )
    assert json.loads(serialize(message))["delta"] is None


def test_what_holds_nothing_is_left_out() -> None:
    assert serialize(HangUp()) == '{"type":"hang_up"}'


def test_a_final_transcript_may_come_without_text() -> None:
    message = parse('{"type":"transcript","role":"user","medium":"voice","final":true,"ordinal":3}')
    assert isinstance(message, Transcript)
    assert message.text is None


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"tomorrow","x":1}',
        '{"type":"state","state":"dreaming"}',
        '{"type":"call_event","severity":"warning"}',
        '{"type":"error"}',
    ],
)
def test_what_is_not_documented_parses_as_unknown(text: str) -> None:
    message = parse(text)
    assert isinstance(message, Unknown)
    assert message.raw == json.loads(text)


def test_unknown_fields_are_ignored() -> None:
    assert parse('{"type":"playback_clear_buffer","urgency":9}') == PlaybackClearBuffer()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "5",
        "{}",
        '{"type":5}',
        '{"type":null}',
        '{"type":"state"}',
        '{"type":"state","state":5}',
        '{"type":"transcript","role":"agent","medium":"voice","final":true}',
        '{"type":"transcript","role":"agent","medium":"voice","final":1,"ordinal":1}',
        '{"type":"transcript","role":"agent","medium":"voice","final":true,"ordinal":true}',
        '{"type":"pong","timestamp":"now"}',
        '{"type":"pong","timestamp":1' + "0" * 400 + "}",
        '{"type":"client_tool_invocation","toolName":"t","invocationId":"u","parameters":[]}',
        '{"type":"forced_agent_message","toolCalls":[5]}',
        "[" * 100_000,
    ],
)
def test_a_malformed_message_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_a_lone_surrogate_becomes_writable_text() -> None:
    message = parse(r'{"type":"debug","message":"x\ud800y"}')
    assert isinstance(message, Debug)
    assert message.message.encode() == b"x?y"
