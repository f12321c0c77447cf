import json
from dataclasses import dataclass
from typing import Any

from bridge.ultravox.messages import (
    AgentState,
    CallStarted,
    ClientMessage,
    ClientToolInvocation,
    ClientToolResult,
    Debug,
    ForcedAgentMessage,
    HangUp,
    Medium,
    PlaybackClearBuffer,
    Reaction,
    ResponseType,
    Role,
    ServerMessage,
    SetOutputMedium,
    State,
    ToolErrorType,
    Transcript,
    Urgency,
    UserStartedSpeaking,
    UserStoppedSpeaking,
    UserTextMessage,
)
from bridge.ultravox.standin.agents import AGENTS
from bridge.ultravox.standin.bodies import check_call
from bridge.ultravox.standin.conversation import Conversation
from bridge.ultravox.standin.settings import settle
from bridge.ultravox.standin.speech import resample, to_pcm, tones

RATE = 8000
TICK_S = 0.02
FRAME = 2 * round(RATE * TICK_S)
SPEECH_S = 1.0
"""Every text takes so long to say here."""
VOICE = to_pcm(resample(tones("a" * 200), 16000, RATE))
SILENCE = bytes(len(VOICE))
TOOL = {"temporaryTool": {"modelToolName": "look", "client": {}}}


@dataclass(frozen=True)
class Closed:
    reason: str


class Scene:
    """A conversation with its caller, in virtual time; `log` holds what came out and when."""

    def __init__(self, prompt: str = "say: One.\nsay: Two.\nsay: Three.", **body: Any) -> None:
        buffer_ms = body.pop("buffer_ms", 30_000)
        messages = body.pop("messages", {})
        medium = {
            "inputSampleRate": RATE,
            "clientBufferSizeMs": buffer_ms,
            "dataMessages": messages,
        }
        call = check_call({"systemPrompt": prompt, "medium": {"serverWebSocket": medium}, **body})
        self.now = 100.0
        self.log: list[tuple[float, object]] = []
        self.audio_s = 0.0
        self.conversation = Conversation("c1", settle(call, AGENTS["receptionist"]), self)
        self.conversation.start(self.now)

    def audio(self, pcm: bytes) -> None:
        self.log.append((self.now, pcm))
        self.audio_s += len(pcm) / 2 / RATE

    def message(self, message: ServerMessage) -> None:
        self.log.append((self.now, message))

    def synthesize(self, text: str) -> None:
        self.conversation.spoken(text, bytes(round(2 * RATE * SPEECH_S)), self.now)

    def close(self, end_reason: str) -> None:
        self.log.append((self.now, Closed(end_reason)))

    def run(self, seconds: float, *, voice: bool = False) -> None:
        for index in range(round(seconds / TICK_S)):
            start = index * FRAME % (len(VOICE) - FRAME)
            self.conversation.hear((VOICE if voice else SILENCE)[start : start + FRAME], self.now)
            self.conversation.tick(self.now)
            self.now += TICK_S

    def send(self, message: ClientMessage, *, defer: bool = False) -> None:
        self.conversation.receive(message, self.now, defer=defer)

    def reply_to_tool(self, **result: Any) -> None:
        invocation = self.tools[-1].invocation_id
        self.send(ClientToolResult(invocation_id=invocation, **result))

    @property
    def messages(self) -> list[object]:
        return [item for _, item in self.log]

    @property
    def states(self) -> list[AgentState]:
        return [item.state for item in self.messages if isinstance(item, State)]

    @property
    def tools(self) -> list[ClientToolInvocation]:
        return [item for item in self.messages if isinstance(item, ClientToolInvocation)]

    def finals(self, role: Role = Role.AGENT) -> list[str | None]:
        return [
            item.text
            for item in self.messages
            if isinstance(item, Transcript) and item.final and item.role is role
        ]

    @property
    def closed(self) -> list[str]:
        return [item.reason for item in self.messages if isinstance(item, Closed)]


def test_the_first_message_is_call_started() -> None:
    assert Scene().messages[0] == CallStarted(call_id="c1")


def test_the_agent_greets_when_it_speaks_first() -> None:
    scene = Scene()
    scene.run(2.0)
    assert scene.states == [
        AgentState.LISTENING,
        AgentState.THINKING,
        AgentState.SPEAKING,
        AgentState.LISTENING,
    ]
    assert scene.finals() == ["One."]
    assert scene.audio_s == SPEECH_S


def test_the_greeting_waits_for_its_delay() -> None:
    scene = Scene(firstSpeakerSettings={"agent": {"delay": "0.5s"}})
    scene.run(0.4)
    assert scene.audio_s == 0
    scene.run(0.4)
    assert scene.audio_s > 0


def test_a_greeting_may_be_given_in_words() -> None:
    scene = Scene(firstSpeakerSettings={"agent": {"text": "Ahoy."}})
    scene.run(2.0)
    assert scene.finals() == ["Ahoy."]


def test_the_agent_waits_when_the_user_speaks_first() -> None:
    scene = Scene(firstSpeakerSettings={"user": {}})
    scene.run(5.0)
    assert scene.finals() == []
    scene.run(0.6, voice=True)
    scene.run(2.0)
    assert scene.finals() == ["One."]


def test_the_agent_falls_back_when_the_user_does_not_begin() -> None:
    scene = Scene(firstSpeakerSettings={"user": {"fallback": {"delay": "1s", "text": "Anyone?"}}})
    scene.run(3.0)
    assert scene.finals() == ["Anyone?"]


def test_each_turn_of_the_caller_is_answered_with_the_next_line() -> None:
    scene = Scene()
    scene.run(2.0)
    for _ in range(2):
        scene.run(0.6, voice=True)
        scene.run(2.0)
    assert scene.finals() == ["One.", "Two.", "Three."]
    assert scene.finals(Role.USER) == ["(speech, 0.6 s)", "(speech, 0.6 s)"]


def test_a_turn_ends_after_the_endpoint_delay() -> None:
    scene = Scene(vadSettings={"turnEndpointDelay": "0.96s"})
    scene.run(2.0)
    scene.run(0.6, voice=True)
    scene.run(0.8)
    assert scene.finals(Role.USER) == []
    scene.run(0.3)
    assert scene.finals(Role.USER) == ["(speech, 0.6 s)"]


def test_a_click_is_no_turn() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.run(0.02, voice=True)
    scene.run(2.0)
    assert scene.finals() == ["One."]


def test_audio_runs_ahead_of_real_time_by_the_client_buffer_only() -> None:
    scene = Scene(buffer_ms=60)
    scene.run(0.5)
    assert 0.48 <= scene.audio_s <= 0.58


def test_a_deep_client_buffer_gets_the_speech_at_once() -> None:
    scene = Scene(buffer_ms=30_000)
    scene.run(0.1)
    assert scene.audio_s == SPEECH_S


def test_talking_over_the_agent_clears_then_truncates_then_changes_state() -> None:
    scene = Scene("say: One two three four five six.\nsay: Yes?")
    scene.run(0.5)
    scene.run(0.2, voice=True)
    clear = scene.messages.index(PlaybackClearBuffer())
    final, state = scene.messages[clear + 1], scene.messages[clear + 2]
    assert isinstance(final, Transcript)
    assert (final.text, final.final) == ("One two three", True)
    assert state == State(state=AgentState.LISTENING)
    assert scene.conversation.interruptions == 1


def test_no_audio_follows_the_clear_until_the_next_utterance() -> None:
    scene = Scene(buffer_ms=60)
    scene.run(0.5)
    scene.run(1.0, voice=True)
    clear = scene.messages.index(PlaybackClearBuffer())
    assert not [item for item in scene.messages[clear:] if isinstance(item, bytes)]


def test_the_deltas_heard_make_the_truncated_text() -> None:
    scene = Scene("say: One two three four five six.")
    scene.run(0.5)
    scene.run(0.2, voice=True)
    deltas = [item.delta for item in scene.messages if isinstance(item, Transcript) and item.delta]
    assert "".join(deltas).startswith("One two ")
    assert scene.finals()[0] == "".join(deltas).rstrip()


def test_a_short_noise_does_not_interrupt() -> None:
    scene = Scene(vadSettings={"minimumInterruptionDuration": "0.48s"})
    scene.run(0.3)
    scene.run(0.3, voice=True)
    scene.run(1.0)
    assert PlaybackClearBuffer() not in scene.messages


def test_an_uninterruptible_greeting_is_not_cut() -> None:
    scene = Scene(firstSpeakerSettings={"agent": {"text": "Mind this.", "uninterruptible": True}})
    scene.run(0.3)
    scene.run(0.5, voice=True)
    scene.run(0.5)
    assert PlaybackClearBuffer() not in scene.messages
    assert scene.finals() == ["Mind this."]


def test_voice_activity_is_told() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.run(0.3, voice=True)
    scene.run(1.0)
    assert UserStartedSpeaking() in scene.messages
    assert UserStoppedSpeaking() in scene.messages


def test_a_turn_and_an_interruption_are_told_to_the_developer() -> None:
    scene = Scene()
    scene.run(0.5)
    scene.run(0.6, voice=True)
    scene.run(2.0)
    told = [item.message for item in scene.messages if isinstance(item, Debug)]
    assert [text.split()[0] for text in told] == ["interrupted", "turn"]


def test_a_tool_is_called_after_the_speech_and_its_answer_is_spoken() -> None:
    scene = Scene('say: Wait.\ntool: look {"n": 5}', selectedTools=[TOOL])
    scene.run(0.5)
    assert scene.tools == []
    scene.run(1.0)
    assert [(tool.tool_name, tool.parameters) for tool in scene.tools] == [("look", {"n": 5})]
    scene.reply_to_tool(result="found")
    scene.run(2.0)
    assert scene.finals() == ["Wait.", "The tool answered: found"]


def test_a_tool_that_does_not_answer_times_out_after_two_and_a_half_seconds() -> None:
    scene = Scene("say: Wait.\ntool: look", selectedTools=[TOOL])
    scene.run(SPEECH_S + 2.4)
    assert scene.conversation.state is AgentState.THINKING
    scene.run(1.5)
    assert scene.finals()[-1] == "The tool look did not answer in time."


def test_a_tool_may_ask_for_more_time() -> None:
    slow = {"temporaryTool": {"modelToolName": "look", "client": {}, "timeout": "10s"}}
    scene = Scene("say: Wait.\ntool: look", selectedTools=[slow])
    scene.run(SPEECH_S + 9.0)
    assert scene.conversation.state is AgentState.THINKING


def test_a_failed_tool_is_spoken_of() -> None:
    scene = Scene("say: Wait.\ntool: look", selectedTools=[TOOL])
    scene.run(1.5)
    scene.reply_to_tool(error_type=ToolErrorType.UNDEFINED, error_message="none")
    scene.run(2.0)
    assert scene.finals()[-1] == "The tool look failed."


def test_a_result_for_another_invocation_changes_nothing() -> None:
    scene = Scene("say: Wait.\ntool: look", selectedTools=[TOOL])
    scene.run(1.5)
    scene.send(ClientToolResult(invocation_id="other", result="x"))
    scene.run(0.5)
    assert scene.conversation.state is AgentState.THINKING


def test_a_listening_reaction_says_nothing() -> None:
    scene = Scene("say: Wait.\ntool: look", selectedTools=[TOOL])
    scene.run(1.5)
    scene.reply_to_tool(result="x", agent_reaction=Reaction.LISTENS)
    scene.run(1.0)
    assert scene.finals() == ["Wait."]
    assert scene.conversation.state is AgentState.LISTENING


def test_a_hang_up_result_says_its_message_and_closes() -> None:
    scene = Scene("say: Bye.\ntool: look", selectedTools=[TOOL])
    scene.run(1.5)
    scene.reply_to_tool(
        result='{"strict":true,"message":"Goodbye."}', response_type=ResponseType.HANG_UP
    )
    scene.run(2.0)
    assert scene.finals()[-1] == "Goodbye."
    assert scene.closed == ["agent_hangup"]


def test_a_new_stage_brings_its_own_script() -> None:
    scene = Scene("say: Wait.\ntool: look", selectedTools=[TOOL])
    scene.run(1.5)
    scene.reply_to_tool(
        result='{"systemPrompt":"say: New stage."}', response_type=ResponseType.NEW_STAGE
    )
    scene.run(2.0)
    assert scene.finals()[-1] == "New stage."


def test_without_the_clients_tool_the_agent_hangs_up_by_itself() -> None:
    scene = Scene("say: Bye.\ntool: hang_up")
    scene.run(2.0)
    assert scene.tools == []
    assert scene.closed == ["agent_hangup"]


def test_a_turn_whose_tool_was_talked_over_is_taken_again() -> None:
    scene = Scene("say: Wait.\ntool: look", selectedTools=[TOOL])
    scene.run(0.5)
    scene.run(0.5, voice=True)
    scene.run(3.0)
    assert len(scene.tools) == 1
    assert scene.finals()[-1] == "Wait."


def test_text_is_answered_and_comes_back_as_a_transcript() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.send(UserTextMessage(text="five"))
    scene.run(2.0)
    assert scene.finals(Role.USER) == ["five"]
    assert scene.finals() == ["One.", "Two."]


def test_soon_text_waits_for_the_speech_to_end() -> None:
    scene = Scene()
    scene.run(0.5)
    scene.send(UserTextMessage(text="five", urgency=Urgency.SOON))
    scene.run(3.0)
    assert PlaybackClearBuffer() not in scene.messages
    assert scene.finals() == ["One.", "Two."]


def test_immediate_text_interrupts() -> None:
    scene = Scene()
    scene.run(0.5)
    scene.send(UserTextMessage(text="five", urgency=Urgency.IMMEDIATE))
    scene.run(2.0)
    assert PlaybackClearBuffer() in scene.messages
    assert scene.finals()[-1] == "Two."


def test_later_text_is_only_noted() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.send(UserTextMessage(text="by the way", urgency=Urgency.LATER))
    scene.run(2.0)
    assert scene.finals() == ["One."]


def test_a_deferred_immediate_text_interrupts_without_an_answer() -> None:
    scene = Scene()
    scene.run(0.5)
    scene.send(UserTextMessage(text="", urgency=Urgency.IMMEDIATE), defer=True)
    scene.run(2.0)
    assert PlaybackClearBuffer() in scene.messages
    assert scene.finals(Role.USER) == []
    assert scene.conversation.state is AgentState.LISTENING


def test_a_forced_message_is_said_word_for_word() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.send(ForcedAgentMessage(content="Please hold.", uninterruptible=True))
    scene.run(0.3)
    scene.run(0.5, voice=True)
    scene.run(1.0)
    assert scene.finals()[1] == "Please hold."
    assert PlaybackClearBuffer() not in scene.messages


def test_a_forced_message_may_call_a_tool() -> None:
    scene = Scene(selectedTools=[TOOL])
    scene.run(2.0)
    scene.send(ForcedAgentMessage(tool_calls=({"name": "look", "arguments": {"a": 1}},)))
    assert [(tool.tool_name, tool.parameters) for tool in scene.tools] == [("look", {"a": 1})]


def test_text_output_has_no_audio() -> None:
    scene = Scene(initialOutputMedium="MESSAGE_MEDIUM_TEXT")
    scene.run(2.0)
    assert scene.audio_s == 0
    assert scene.finals() == ["One."]


def test_the_output_medium_changes_with_the_next_utterance() -> None:
    scene = Scene()
    scene.run(0.5)
    scene.send(SetOutputMedium(medium=Medium.TEXT))
    scene.run(2.0)
    scene.send(UserTextMessage(text="x"))
    scene.run(1.0)
    assert scene.audio_s == SPEECH_S
    assert scene.finals() == ["One.", "Two."]


def test_hang_up_says_its_message_first() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.send(HangUp(message="So long."))
    scene.run(0.5)
    assert scene.closed == []
    scene.run(1.0)
    assert scene.finals()[-1] == "So long."
    assert scene.closed == ["agent_hangup"]


def test_the_maximum_duration_ends_the_call_with_its_message() -> None:
    scene = Scene(maxDuration="10s", timeExceededMessage="Time is up.")
    scene.run(12.0)
    assert scene.finals()[-1] == "Time is up."
    assert scene.closed == ["timeout"]


def test_inactivity_is_spoken_of_and_then_ends_the_call() -> None:
    scene = Scene(
        inactivityMessages=[
            {"duration": "5s", "message": "Are you there?"},
            {"duration": "5s", "message": "Bye.", "endBehavior": "END_BEHAVIOR_HANG_UP_SOFT"},
        ]
    )
    scene.run(8.0)
    assert scene.finals() == ["One.", "Are you there?"]
    scene.run(8.0)
    assert scene.finals()[-1] == "Bye."
    assert scene.closed == ["agent_hangup"]


def test_activity_starts_the_inactivity_messages_anew() -> None:
    scene = Scene(inactivityMessages=[{"duration": "5s", "message": "Are you there?"}])
    scene.run(4.0)
    scene.run(0.5, voice=True)
    scene.run(4.0)
    assert "Are you there?" not in scene.finals()


def test_a_farewell_may_leave_as_soon_as_it_is_sent() -> None:
    scene = Scene()
    farewell = AGENTS["farewell"]
    call = check_call(
        {"medium": {"serverWebSocket": {"inputSampleRate": RATE, "clientBufferSizeMs": 30000}}}
    )
    scene.conversation = Conversation("c2", settle(call, farewell), scene)
    scene.conversation.start(scene.now)
    scene.run(0.2)
    assert scene.closed == ["agent_hangup"]
    assert scene.audio_s == SPEECH_S


CUED = """
say: Hello.
on Weather: tool: look {"city": "Lisbon"}
on weather: say: That was the weather.
on 9: hang up
say: Two.
"""


def test_a_word_that_the_caller_writes_has_the_agent_use_a_tool() -> None:
    scene = Scene(CUED, selectedTools=[TOOL])
    scene.run(2)
    scene.send(UserTextMessage(text="How is the WEATHER?"))
    scene.run(0.1)
    assert [(tool.tool_name, tool.parameters) for tool in scene.tools] == [
        ("look", {"city": "Lisbon"})
    ]
    scene.reply_to_tool(result="sunny")
    scene.run(2)
    scene.send(UserTextMessage(text="And then?"))
    scene.run(2)
    scene.send(UserTextMessage(text="The caller pressed 9 on the telephone."))
    scene.run(1)
    assert scene.finals() == ["Hello.", "That was the weather.", "Two."]
    assert scene.messages[-1] == Closed("agent_hangup")


def test_a_new_stage_brings_its_own_script_tools_and_cues() -> None:
    scene = Scene(
        "say: One.\ntool: look\non word: say: Never.",
        selectedTools=[TOOL],
    )
    scene.run(2)
    sell = {"temporaryTool": {"modelToolName": "sell", "client": {}}}
    stage = {"systemPrompt": "say: Next.\ntool: look\ntool: sell", "selectedTools": [sell]}
    scene.reply_to_tool(result=json.dumps(stage), response_type=ResponseType.NEW_STAGE)
    scene.run(4)
    assert scene.finals() == ["One.", "Next.", "I have no tool look."]
    assert [tool.tool_name for tool in scene.tools] == ["look", "sell"]
    scene.reply_to_tool(result="sold", agent_reaction=Reaction.LISTENS)
    scene.send(UserTextMessage(text="word"))
    scene.run(2)
    assert scene.finals()[-1] == "I have nothing more to say."


def test_a_new_stage_that_cannot_be_is_told() -> None:
    scene = Scene("say: One.\ntool: look", selectedTools=[TOOL])
    scene.run(2)
    scene.reply_to_tool(result='{"selectedTools": [{}]}', response_type=ResponseType.NEW_STAGE)
    scene.run(2)
    assert scene.finals()[-1] == "The stage of look cannot be."
