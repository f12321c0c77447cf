from bridge.ultravox.answers import Created
from bridge.ultravox.api import with_medium


def test_the_medium_runs_at_the_codecs_rate_with_a_deep_buffer() -> None:
    body = with_medium({"systemPrompt": "x"}, sample_rate=8000)
    assert body["systemPrompt"] == "x"
    assert body["medium"] == {
        "serverWebSocket": {
            "inputSampleRate": 8000,
            "outputSampleRate": 8000,
            "clientBufferSizeMs": 30000,
            "mediaIdleTimeout": "30s",
            "dataMessages": {"playbackClearBuffer": True, "clientToolInvocation": True},
        }
    }


def test_what_the_user_says_of_the_medium_is_kept() -> None:
    own = {"mediaIdleTimeout": "60s", "dataMessages": {"debug": True}, "tomorrow": 1}
    body = with_medium({"medium": {"serverWebSocket": own}}, sample_rate=16000)
    medium = body["medium"]["serverWebSocket"]
    assert medium["mediaIdleTimeout"] == "60s"
    assert medium["tomorrow"] == 1
    assert medium["dataMessages"]["debug"] is True


def test_the_media_path_does_not_depend_on_the_users_taste() -> None:
    own = {
        "inputSampleRate": 48000,
        "outputSampleRate": 24000,
        "clientBufferSizeMs": 60,
        "dataMessages": {"playbackClearBuffer": False, "clientToolInvocation": False},
    }
    body = with_medium({"medium": {"serverWebSocket": own}}, sample_rate=8000)
    medium = body["medium"]["serverWebSocket"]
    assert medium["inputSampleRate"] == medium["outputSampleRate"] == 8000
    assert medium["clientBufferSizeMs"] == 30000
    assert all(medium["dataMessages"].values())


def test_the_users_body_is_not_changed() -> None:
    body: dict[str, object] = {"medium": {"serverWebSocket": {"dataMessages": {}}}}
    with_medium(body, sample_rate=8000)
    assert body == {"medium": {"serverWebSocket": {"dataMessages": {}}}}


def test_a_created_call_does_not_show_its_join_url() -> None:
    created = Created(call_id="c1", join_url="wss://secret", raw={"joinUrl": "wss://secret"})
    assert "secret" not in repr(created)
