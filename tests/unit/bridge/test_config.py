import contextlib
import itertools
import json
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import (
    Config,
    ConfigError,
    JournalConfig,
    LogConfig,
    MediaConfig,
    SipConfig,
    ToolsConfig,
    UltravoxConfig,
    load,
    parse,
)
from bridge.configuration.complaints import key_paths
from bridge.configuration.endpoints import ListenUrl, PortRange
from bridge.configuration.trunks import TrunkConfig
from tests.support.wavs import write_wav

DATA = Path(__file__).parents[2] / "data" / "config"
MANUAL = Path(__file__).parents[3] / "deploy" / "bridge.yaml"
ENV = {
    "ULTRAVOX_API_KEY": "abcdefgh.key",
    "CARRIER_PASSWORD": "p: #{[%",
    "RECEPTION_AGENT": "a-1",
    "BRIDGE_TOKEN": "token",
}
WORKING = """
ultravox: {api_key: k}
trunks: {pbx: {hosts: [192.0.2.0/24]}}
agents: {echo: {agent_id: echo}}
routes: [{agent: echo}]
control: {token: t}
"""


@pytest.fixture(autouse=True)
def kernel(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel with Linux's usual port range, whatever this machine has."""
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "range").write_text("32768\t60999\n")
    (folder / "reserved").write_text("\n")
    monkeypatch.setattr("bridge.configuration.doubts.EPHEMERAL_PORTS", folder / "range")
    monkeypatch.setattr("bridge.configuration.doubts.RESERVED_PORTS", folder / "reserved")
    return folder


def mistakes(text: str, **env: str) -> dict[str, str]:
    """What is wrong with `text`, by path."""
    with pytest.raises(ConfigError) as caught:
        parse(text, env)
    return {mistake.path: str(mistake) for mistake in caught.value.mistakes}


def working(**sections: str) -> str:
    """A configuration that holds, with whole sections replaced."""
    lines = [
        line for line in WORKING.splitlines() if line.partition(":")[0] not in sections and line
    ]
    return "\n".join(lines + [f"{key}: {value}" for key, value in sections.items()])


def warnings(text: str) -> dict[str, str]:
    return {warning.path: str(warning) for warning in parse(text, {}).warnings}


def test_the_example_of_the_design_loads_as_it_stands() -> None:
    config = load(DATA / "design.yaml", ENV)
    assert config.sip.listen == (ListenUrl("udp", "0.0.0.0", 5060),)
    assert config.media.ports == PortRange(20000, 20999)
    assert config.media.codecs == ("opus", "G722", "PCMU", "PCMA")
    assert config.trunks["pbx"].hosts == (IPv4Network("192.0.2.0/24"),)
    assert config.agents["reception"].agent_id == "a-1"
    assert [route.agent for route in config.routes] == ["reception", "helpdesk"]
    assert config.control.token is not None
    assert config.control.token.get_secret_value() == "token"


def test_the_reference_manual_loads_without_a_warning() -> None:
    assert load(MANUAL, ENV).warnings == ()


def test_the_reference_manual_names_every_key() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    missing = [path for path in key_paths(Config) if f"{path.rpartition('.')[2]}:" not in text]
    assert missing == []


def test_the_reference_manual_shows_the_defaults() -> None:
    config = load(MANUAL, ENV)
    assert config.sip == SipConfig()
    assert config.media == MediaConfig()
    assert config.journal == JournalConfig()
    assert config.log == LogConfig()
    assert config.tools == ToolsConfig()
    assert config.ultravox.model_copy(update={"api_key": None}) == UltravoxConfig()
    own = {"registrar", "username", "password"}
    assert config.trunks["carrier"].model_dump(exclude=own) == TrunkConfig().model_dump(exclude=own)


def test_every_mistake_is_told_at_once_with_its_line_and_the_nearest_right_word() -> None:
    with pytest.raises(ConfigError) as caught:
        load(DATA / "mistakes.yaml", {"SET": ""})
    told = str(caught.value).replace(str(DATA), "DATA")
    assert told.splitlines() == (DATA / "mistakes.txt").read_text().splitlines()


def test_a_file_that_is_not_there_is_one_plain_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"bridge\.yaml: cannot be read: No such file"):
        load(tmp_path / "bridge.yaml")


def test_a_file_that_is_not_utf_8_is_one_plain_line(tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_bytes(b"log: {level: caf\xe9}")
    with pytest.raises(ConfigError, match="is not UTF-8 text: byte 16 is 0xe9"):
        load(path)


def test_webhooks_need_a_place_to_be_kept_and_one_address_each() -> None:
    hook = "{url: 'https://example.org/x', secret: s}"
    found = mistakes(working(webhooks=f"[{hook}, {hook}]"))
    assert list(found) == ["journal.database", "webhooks.2.url"]
    kept = working(webhooks=f"[{hook}]", journal="{database: calls.db}")
    (webhook,) = parse(kept, {}).webhooks
    assert len(webhook.events) == 6
    assert warnings(kept) == {}
    assert list(warnings(kept.replace("https", "http"))) == ["webhooks.1.url"]
    found = mistakes(kept.replace("secret: s", "secret: s, events: [call.end]"))
    assert "call.ended" in found["webhooks.1.events.1"]


def test_a_misspelt_key_is_not_also_reported_missing() -> None:
    found = mistakes(working(trunks="{pbx: {registar: 'sip:example.net', username: u}}"))
    assert list(found) == ["trunks.pbx.registar"]
    assert found["trunks.pbx.registar"].endswith("did you mean registrar?")


def test_a_list_whose_only_entry_is_wrong_is_not_also_called_empty() -> None:
    assert list(mistakes(working(sip="{listen: [udp://0.0.0.0:99999]}"))) == ["sip.listen.1"]


def test_a_key_of_another_section_is_pointed_to() -> None:
    found = mistakes(working(log="{rtp_timeout_s: 3}"))
    assert found["log.rtp_timeout_s"].endswith("did you mean media.rtp_timeout_s?")


@pytest.mark.parametrize(
    ("section", "value", "path", "says"),
    [
        ("sip", "{listen: [udp://0.0.0.0, udp://0.0.0.0:5060]}", "sip.listen", "twice"),
        ("sip", "{listen: []}", "sip.listen", "at least one"),
        ("sip", "{listen: [udp://example.net]}", "sip.listen.1", "not an IP address"),
        ("sip", "{listen: ['udp://0.0.0.0:70000']}", "sip.listen.1", "not a port"),
        ("sip", "{listen: ['ws://0.0.0.0']}", "sip.listen.1", "udp://, tcp:// or tls://"),
        ("sip", "{listen: ['tls://0.0.0.0']}", "sip.tls.certificate", "required to listen"),
        ("sip", "{tls: {certificate: nowhere.pem}}", "sip.tls.certificate", "no file"),
        ("sip", "{tls: {private_key: .}}", "sip.tls.private_key", "is a directory"),
        ("sip", "{public_address: example.net}", "sip.public_address", "stun:host:port"),
        ("sip", "{max_calls: 0}", "sip.max_calls", "greater than or equal to 1"),
        ("sip", "{max_calls: many}", "sip.max_calls", "whole number"),
        ("sip", "{session_expires_s: 30}", "sip.session_expires_s", "90"),
        ("media", "{ports: 20000-20099}\nsip: {max_calls: 51}", "media.ports", "50 pairs"),
        ("media", "{ports: 5000-5999}", "media.ports", "5060"),
        ("media", "{ports: 20001-20999}", "media.ports", "even port"),
        ("media", "{ports: 20000-21000}", "media.ports", "odd number"),
        ("media", "{ports: 21000-20000}", "media.ports", "ends before"),
        ("media", "{ports: 20000}", "media.ports", "hyphen"),
        ("media", "{ports: 80-99}", "media.ports", "1024"),
        ("media", "{ports: 65000-65537}", "media.ports", "65535"),
        ("media", "{codecs: [PCM]}", "media.codecs.1", "did you mean PCMU?"),
        ("media", "{codecs: [PCMA, pcma]}", "media.codecs", "twice"),
        ("media", "{bind_address: eth0}", "media.bind_address", "not an IP address"),
        ("media", "{rtp_timeout_s: -1}", "media.rtp_timeout_s", "greater than or equal to 0"),
        ("ultravox", "{api_url: ftp://x, api_key: k}", "ultravox.api_url", "https://"),
        ("ultravox", "{}", "ultravox.api_key", "agent echo creates calls"),
        ("ultravox", "{api_key: ''}", "ultravox.api_key", "is empty"),
        ("trunks", "{a b: {hosts: [192.0.2.1]}}", "trunks.a b", "letters, digits"),
        ("trunks", "{pbx: {}}", "trunks.pbx", "needs a registrar, or hosts"),
        ("trunks", "{pbx: {registrar: 'sip:a.b'}}", "trunks.pbx", "needs a username"),
        ("trunks", "{pbx: {hosts: [192.0.2.9/24]}}", "trunks.pbx.hosts.1", "write 192.0.2.0/24"),
        ("trunks", "{pbx: {hosts: ['a b']}}", "trunks.pbx.hosts.1", "neither"),
        ("trunks", "{pbx: {hosts: [1.2.3]}}", "trunks.pbx.hosts.1", "neither"),
        ("trunks", "{pbx: {hosts: 192.0.2.1}}", "trunks.pbx.hosts", "should be a list"),
        ("trunks", "{pbx: {address: 'sip:u@a.b', hosts: [a.b]}}", "trunks.pbx.address", "no user"),
        ("trunks", "{pbx: {address: 'sip:a:0', hosts: [a.b]}}", "trunks.pbx.address", "not a port"),
        (
            "trunks",
            "{pbx: {address: 'sip:a;transport=sctp', hosts: [a.b]}}",
            "trunks.pbx.address",
            "udp, tcp, tls, not sctp",
        ),
        (
            "trunks",
            "{pbx: {address: 'sip:a', hosts: [a.b], tls: {verify: true}}}",
            "trunks.pbx.tls",
            "transport=tls only",
        ),
        (
            "trunks",
            "{pbx: {address: 'sip:a;transport=tls', hosts: [a.b], tls: {certificate: c}}}",
            "trunks.pbx.tls.private_key",
            "required with certificate",
        ),
        ("trunks", "{pbx: {username: true, hosts: [a.b]}}", "trunks.pbx.username", "quotes"),
        ("trunks", "{pbx: {username: 1.50, hosts: [a.b]}}", "trunks.pbx.username", "quotes"),
        ("agents", "{}", "agents", "at least one"),
        ("agents", "{echo: {}}", "agents.echo", "has none of them"),
        ("agents", "{echo: {agent_id: a, call: {}}}", "agents.echo", "has agent_id and call"),
        ("agents", "{echo: {call: {}, body: {a: 1}}}", "agents.echo.body", "write it in call"),
        (
            "agents",
            "{echo: {join_url: 'wss://x', query: {throttle: x}}}",
            "agents.echo.query",
            "create",
        ),
        (
            "agents",
            "{echo: {agent_id: a, tools: [fly]}}",
            "agents.echo.tools.1",
            "fly is no tool of the bridge",
        ),
        (
            "agents",
            "{echo: {agent_id: a, metadata: {ultravox.x: y}}}",
            "agents.echo.metadata.ultravox.x",
            "Ultravox's own",
        ),
        ("routes", "[{agent: ecco}]", "routes.1.agent", "did you mean echo?"),
        ("routes", "[{agent: echo, trunk: pdx}]", "routes.1.trunk", "did you mean pbx?"),
        ("routes", "[{}]", "routes.1.agent", "is required"),
        ("control", "{listen: 0.0.0.0:8080}", "control.token", "open to other machines"),
        ("control", "{listen: '[::1:8080'}", "control.listen", "IPv6 host in brackets"),
        ("control", "{listen: example.net:80}", "control.listen", "not an IP address"),
        ("control", "{listen: 8080}", "control.listen", "host:port"),
        ("log", "{level: loud}", "log.level", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_wrong_value_is_told_where_it_is(section: str, value: str, path: str, says: str) -> None:
    found = mistakes(working(**{section: value}))
    assert says in found[path]


def test_the_api_key_may_be_absent_when_every_agent_joins_a_given_call() -> None:
    text = working(ultravox="{}", agents="{echo: {join_url: 'wss://x/y'}}")
    assert parse(text, {}).ultravox.api_key is None


def test_a_token_is_not_asked_for_on_loopback() -> None:
    config = parse(working(control="{listen: '[::1]:8080'}"), {})
    assert str(config.control.listen) == "[::1]:8080"


def test_null_turns_the_control_api_off() -> None:
    assert parse(working(control="{listen: null}"), {}).control.listen is None


def test_a_section_left_empty_has_its_defaults() -> None:
    assert parse(working(sip="", journal=""), {}).sip == SipConfig()


def test_telephone_numbers_need_no_quotes() -> None:
    text = working(
        trunks="{pbx: {hosts: [a.b], username: 1001, caller_id: 020}}",
        routes="[{to: +442071838750, from: 0123, agent: echo}]",
    )
    config = parse(text, {})
    assert config.trunks["pbx"].username == "1001"
    assert config.trunks["pbx"].caller_id == "020"
    assert (config.routes[0].to, config.routes[0].from_) == ("+442071838750", "0123")


def test_a_secret_is_read_from_its_file_without_the_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    config = parse(working(ultravox="{api_key: file:key}"), {}, folder=tmp_path)
    assert config.ultravox.api_key is not None
    assert config.ultravox.api_key.get_secret_value() == "from a file"


def test_a_secret_whose_file_cannot_be_read_is_a_mistake_that_names_the_file() -> None:
    found = mistakes(working(ultravox="{api_key: file:/nowhere/key}"))
    assert "cannot read /nowhere/key: No such file" in found["ultravox.api_key"]


def test_a_secret_that_is_not_text_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    found = mistakes(working(ultravox=f"{{api_key: 'file:{tmp_path}/key'}}"))
    assert found["ultravox.api_key"].endswith("key: not UTF-8 text")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("auto", "auto"),
        ("203.0.113.7", "203.0.113.7"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("stun:stun.example.net", "stun:stun.example.net:3478"),
        ("stun:[2001:db8::1]:3479", "stun:[2001:db8::1]:3479"),
    ],
)
def test_the_public_address_may_be_found_out_given_or_asked_for(written: str, read: str) -> None:
    assert parse(working(sip=f"{{public_address: '{written}'}}"), {}).sip.public_address == read


def test_no_secret_is_ever_shown() -> None:
    secret = "hunter2-hunter2"
    text = f"""
ultravox: {{api_key: {secret}}}
trunks: {{pbx: {{hosts: [a.b], password: {secret}}}}}
agents: {{echo: {{agent_id: e}}, join: {{join_url: 'wss://x/{secret}'}}}}
control: {{token: {secret}}}
"""
    assert secret not in repr(parse(text, {}))
    wrong = text.replace(secret, f"[{secret}]").replace("password:", "pasword:")
    assert not [line for line in mistakes(wrong).values() if secret in line]


def test_the_configuration_cannot_be_changed() -> None:
    config = parse(WORKING, {})
    with pytest.raises(ValueError, match="frozen"):
        config.sip.max_calls = 3


def test_a_certificate_is_sought_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    config = parse(working(sip="{tls: {certificate: cert.pem}}"), {}, folder=tmp_path)
    assert config.sip.tls.certificate == tmp_path / "cert.pem"


def test_a_working_configuration_warns_of_nothing() -> None:
    assert warnings(WORKING) == {}


@pytest.mark.parametrize(
    ("section", "value", "path", "says"),
    [
        ("trunks", "{}", "trunks", "no call can come in"),
        ("routes", "[]", "routes", "answered 404"),
        ("routes", "[{agent: echo}, {to: '1', agent: echo}]", "routes.2", "route 1 takes"),
        ("routes", "[{to: '*', agent: echo}, {agent: echo}]", "routes.2", ""),
        ("sip", "{listen: ['udp://[::]']}", "media.bind_address", ":: has both"),
        ("trunks", "{pbx: {hosts: [0.0.0.0/0]}}", "trunks.pbx.hosts.1", "trusts everybody"),
        (
            "trunks",
            "{pbx: {hosts: [192.0.2.0/24]}, b: {hosts: [192.0.2.7]}}",
            "trunks.b.hosts.1",
            "overlaps 192.0.2.0/24 of trunk pbx",
        ),
        ("ultravox", "{api_url: 'http://example.net', api_key: k}", "ultravox.api_url", "unencr"),
        ("sip", "{tls: {verify: false}}", "sip.tls.verify", "any certificate"),
        (
            "trunks",
            "{b: {hosts: [a.b], address: 'sip:a;transport=tls', tls: {verify: false}}}",
            "trunks.b.tls.verify",
            "any certificate",
        ),
        (
            "trunks",
            "{b: {hosts: [192.0.2.1], srtp: optional}}",
            "trunks.b.srtp",
            "keys unencrypted",
        ),
        (
            "trunks",
            "{b: {hosts: [192.0.2.1], address: 'sip:a.example;transport=tcp', srtp: required}}",
            "trunks.b.srtp",
            "keys unencrypted",
        ),
        ("control", "{}", "control.token", "not placed or ended"),
        (
            "agents",
            "{echo: {agent_id: e, variables: {a: [{b: 'for {calee}'}]}}}",
            "agents.echo.variables.a.1.b",
            "{calee} is no placeholder; did you mean {callee}?",
        ),
    ],
)
def test_what_is_probably_not_meant_is_warned_of(
    section: str, value: str, path: str, says: str
) -> None:
    assert says in warnings(working(**{section: value})).get(path, "no warning")


@pytest.mark.parametrize(
    "trunk",
    [
        "{registrar: 'sip:a.example;transport=tls', username: u, srtp: required}",
        "{hosts: [192.0.2.1], outbound_proxy: 'sips:b.example', srtp: optional}",
        "{hosts: [192.0.2.1], srtp: off}",
    ],
)
def test_keys_that_go_over_tls_are_no_cause_for_a_warning(trunk: str) -> None:
    assert "trunks.b.srtp" not in warnings(working(trunks=f"{{b: {trunk}}}"))


def test_a_route_is_no_shadow_of_one_that_asks_for_more() -> None:
    routes = [
        "{trunk: pbx, agent: echo}",
        "{to: '1*', agent: echo}",
        "{header: {X-A: b}, agent: echo}",
        "{from: '2', header: {x-a: '*'}, agent: echo}",
        "{agent: echo}",
    ]
    for pair in itertools.pairwise(routes):
        assert warnings(working(routes=f"[{', '.join(pair)}]")) == {}


def test_a_system_without_proc_is_not_warned_about_its_ports(kernel: Path) -> None:
    (kernel / "range").unlink()
    assert warnings(WORKING) == {}


@pytest.mark.parametrize(
    ("ephemeral", "reserved", "warned"),
    [
        ("32768 60999", "", False),
        ("20998 60999", "", True),
        ("10000 60999", "20000-20999", False),
        ("10000 60999", "8080,20001-20999", True),
    ],
)
def test_ports_that_the_kernel_gives_away_are_warned_of(
    kernel: Path, ephemeral: str, reserved: str, warned: bool
) -> None:
    (kernel / "range").write_text(f"{ephemeral}\n")
    (kernel / "reserved").write_text(f"{reserved}\n")
    assert ("media.ports" in warnings(WORKING)) is warned


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 70_000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "echo", "*", "sip:a.b;transport=tls", "0.0.0.0:1", "tls://[::]", "file:"]),
)
KEYS = st.sampled_from(sorted({key for path in key_paths(Config) for key in path.split(".")}))
SHAPES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(Config.model_fields)), SHAPES))
def test_whatever_shape_a_file_has_it_loads_or_its_mistakes_are_told(data: object) -> None:
    with contextlib.suppress(ConfigError):
        parse(json.dumps(data), {})


def test_codecs_that_are_not_there_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("bridge.configuration.consistency", "bridge.configuration.doubts"):
        monkeypatch.setattr(f"{module}.ENCODINGS", ("PCMU", "PCMA"))
    found = warnings(working(media="{codecs: [opus, PCMU]}"))
    assert "opus is not spoken" in found["media.codecs.1"]
    with pytest.raises(ConfigError, match="none that this version speaks"):
        parse(working(media="{codecs: [opus]}"), {})


def test_a_recording_needs_a_folder_to_be_kept_in() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(
            "agents: {a: {join_url: x, recording: {auto: true}}}\n"
            "routes: [{agent: a, recording: {auto: true, format: wav}}]\n",
            {},
        )
    assert [mistake.path for mistake in caught.value.mistakes] == [
        "agents.a.recording.auto",
        "routes.1.recording.auto",
    ]


@pytest.mark.parametrize("trunk", ["pbxx", "[pbx, pbxx]"])
def test_a_trunk_that_a_transfer_goes_through_has_to_be_there(trunk: str) -> None:
    agent = f"{{agent_id: a, transfer: {{trunk: {trunk}}}, on_agent_failure: []}}"
    found = mistakes(working(agents=f"{{echo: {agent}}}"))
    assert "no trunk named pbxx" in found["agents.echo.transfer"]
    agent = f"{{agent_id: a, on_agent_failure: [{{transfer: '1', trunk: {trunk}}}]}}"
    found = mistakes(working(agents=f"{{echo: {agent}}}"))
    assert "no trunk named pbxx" in str(found)


def test_what_bridges_share_has_to_be_there_and_kept_somewhere() -> None:
    found = mistakes(working(shared="{trunks: {pbx: 5}, agents: {ecco: 3}}"))
    assert "needs shared.redis" in found["shared.trunks.pbx"]
    assert "echo" in found["shared.agents.ecco"]
    found = mistakes(working(shared="{redis: 'http://cache'}"))
    assert "redis://" in found["shared.redis"]
    config = parse(working(shared="{redis: 'redis://:secret@cache/1', agents: {echo: 3}}"), {})
    assert config.shared.agents == {"echo": 3}
    assert "secret" not in repr(config.shared)


def test_a_sound_that_cannot_be_played_is_a_mistake(tmp_path: Path) -> None:
    file = write_wav(tmp_path / "sorry.wav", 440, seconds=0.1)
    agent = f"{{echo: {{agent_id: a, on_agent_failure: [{{play: {file}}}]}}}}"
    assert warnings(working(agents=agent)) == {}
    law = bytearray(file.read_bytes())
    law[20] = 7  # WAVE_FORMAT_MULAW
    file.write_bytes(law)
    found = mistakes(working(agents=agent))
    assert "unknown format: 7" in found["agents.echo.on_agent_failure.1.play"]


def test_an_authority_file_without_a_certificate_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "junk.pem").write_text("junk")
    found = mistakes(working(ultravox=f"{{api_key: k, ca_file: {tmp_path}/junk.pem}}"))
    assert found["ultravox.ca_file"].endswith("junk.pem holds no certificate in PEM form")
