from pathlib import Path
from typing import Any

import yaml

from bridge.config import Config, parse
from bridge.lines.signalling import sip_settings

PBX = {"hosts": ["192.0.2.0/24"]}
CARRIER = {"registrar": "sip:192.0.2.9", "username": "u", "password": "p"}


def config(**change: Any) -> Config:
    settings: dict[str, Any] = {
        "trunks": {"pbx": PBX, "carrier": CARRIER},
        "agents": {"a": {"join_url": "wss://example.org/x"}},
        "control": {"listen": None},
        **change,
    }
    return parse(yaml.safe_dump(settings, sort_keys=False), {}, folder=Path())


async def test_the_sip_side_is_told_what_the_configuration_says() -> None:
    sip = {"listen": ["udp://192.0.2.1:5060", "tcp://192.0.2.1:5070"], "user_agent": "house"}
    media = {"codecs": ["PCMA", "PCMU"]}
    settings = await sip_settings(config(sip=sip, media=media), public_address="203.0.113.7")
    assert [str(each) for each in settings.listen] == sip["listen"]
    assert settings.public_address == "203.0.113.7"
    assert settings.user_agent == "house"
    assert settings.codecs == ("PCMA", "PCMU")
    assert [trunk.name for trunk in settings.trunks] == ["pbx", "carrier"]
    assert settings.trunks[1].registrar == "sip:192.0.2.9"


async def test_pjsip_has_calls_to_spare_for_refusing_one_too_many() -> None:
    settings = await sip_settings(config(sip={"max_calls": 7}), public_address=None)
    assert settings.max_calls > 7


async def test_to_place_one_call_it_listens_anywhere_and_registers_nowhere() -> None:
    settings = await sip_settings(config(), public_address=None, inbound=False)
    assert [each.port for each in settings.listen] == [0]
    carrier = settings.trunks[1]
    assert carrier.registrar is None
    assert carrier.address == "sip:192.0.2.9"
    assert (carrier.username, carrier.password) == ("u", "p")
