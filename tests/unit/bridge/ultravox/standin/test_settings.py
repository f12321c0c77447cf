import pytest

from bridge.ultravox.messages import Medium
from bridge.ultravox.standin.agents import AGENTS, Say
from bridge.ultravox.standin.bodies import BadBody, check_agent_call, check_call
from bridge.ultravox.standin.settings import Opening, settle

RECEPTIONIST = AGENTS["receptionist"]


def medium(**extra: object) -> dict[str, object]:
    return {"serverWebSocket": {"inputSampleRate": 8000, **extra}}


def test_the_documented_defaults_hold() -> None:
    settings = settle(check_call({"medium": medium()}), RECEPTIONIST)
    assert settings.output_rate == settings.input_rate == 8000
    assert settings.buffer_s == 0.06
    assert settings.join_timeout_s == 30
    assert settings.max_duration_s == 3600
    assert settings.media_idle_s is None
    assert settings.endpoint_s == 0.384
    assert settings.minimum_interruption_s == 0.09
    assert settings.medium is Medium.VOICE
    assert settings.opening == Opening()


def test_only_the_web_socket_is_served() -> None:
    with pytest.raises(BadBody):
        settle(check_call({"medium": {"sip": {"incoming": {}}}}), RECEPTIONIST)
    with pytest.raises(BadBody):
        settle(check_call({}), RECEPTIONIST)


def test_a_short_media_idle_timeout_counts_as_ten_seconds() -> None:
    body = check_call({"medium": medium(mediaIdleTimeout="2s")})
    assert settle(body, RECEPTIONIST).media_idle_s == 10.0


def test_client_tools_have_their_timeouts() -> None:
    def tool(name: str, **extra: object) -> dict[str, object]:
        return {"temporaryTool": {"modelToolName": name, **extra}}

    body = check_call(
        {
            "medium": medium(),
            "selectedTools": [
                tool("quick", client={}),
                tool("slow", client={}, timeout="90s"),
                tool("web", http={}),
                {**tool("renamed", client={}), "nameOverride": "other"},
            ],
        }
    )
    assert settle(body, RECEPTIONIST).tools == {"quick": 2.5, "slow": 40.0, "other": 2.5}


def test_an_agents_script_is_filled_from_the_template_context() -> None:
    body = check_agent_call({"medium": medium(), "templateContext": {"name": "Ann"}})
    settings = settle(body, RECEPTIONIST)
    assert settings.script[0] == RECEPTIONIST.script[0]
    assert isinstance(settings.script[0][0], Say)


def test_the_older_first_speaker_field_is_obeyed() -> None:
    body = check_call({"medium": medium(), "firstSpeaker": "FIRST_SPEAKER_USER"})
    assert settle(body, RECEPTIONIST).opening == Opening(agent=False, delay_s=None)
