"""baresip and SIPp on the whole service: over UDP, TCP, TLS and IPv6, calling and being called."""

import wave
from pathlib import Path
from typing import Any

import pytest

from tests.support.baresip import Baresip, needs_baresip
from tests.support.caller import Phone
from tests.support.certificates import self_signed
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.scenario import (
    BYE,
    ack,
    ack_failure,
    audio,
    invite,
    pause,
    recv,
    request,
    scenario,
    send,
)
from tests.support.service import HOME, Bridge, running
from tests.support.sipp import Sipp, needs_sipp
from tests.support.waiting import until

pytestmark = pytest.mark.interop

TONE = 1050
ANYWHERE = {"pbx": {"hosts": ["127.0.0.0/8", "::1"]}}
PCMU = ("PCMU/8000/1",)


def sound(folder: Path) -> bytes:
    """The last second of what the telephone heard, s16le at 8 kHz."""
    (path,) = folder.glob("dump*dec.wav")
    with wave.open(str(path)) as file:
        assert file.getframerate() == 8000
        assert file.getnchannels() == 1
        file.setpos(max(0, file.getnframes() - 8000))
        return bytes(file.readframes(8000))


def tls_files(folder: Path) -> tuple[dict[str, Any], Path]:
    """The bridge's TLS section, and the telephone's certificate and key in one file."""
    ours = self_signed(folder, name="bridge")
    phone = self_signed(folder, name="phone")
    both = folder / "both.pem"
    both.write_text(phone.certificate.read_text() + phone.private_key.read_text())
    section = {
        "certificate": str(ours.certificate),
        "private_key": str(ours.private_key),
        "ca_file": str(phone.certificate),
    }
    return section, both


async def talk(bridge: Bridge, phone: Baresip, number: str) -> dict[str, Any]:
    """Dial, talk for a second and hang up; the journal's record."""
    host, port = bridge.address
    await phone.command("dial", f"sip:{number}@{host}:{port}")
    await phone.event("CALL_ESTABLISHED")
    call = await bridge.call()
    await until(lambda: call.first.stream.stats.received > 60)
    await phone.command("hangup")
    await phone.event("CALL_CLOSED")
    return await bridge.record()


@needs_baresip
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_telephone_calls_and_hears_itself_over_every_transport(
    tmp_path: Path, transport: str
) -> None:
    section, both = tls_files(tmp_path)
    change = {
        "sip": {"listen": [f"{transport}://{HOME}:0"], "tls": section},
        "trunks": ANYWHERE,
    }
    certificate = both if transport == "tls" else None
    phone = Baresip(
        transport=transport,
        codecs=PCMU,
        source=f"ausine,{TONE}",
        heard=tmp_path,
        certificate=certificate,
    )
    async with running(tmp_path, change) as bridge:
        async with phone:
            record = await talk(bridge, phone, "echo")
        await bridge.idle()
    assert record["outcome"]["cause"] == "caller-hung-up"
    assert heard(sound(tmp_path), TONE, 700) == {TONE}


@needs_baresip
@pytest.mark.parametrize("transport", ["udp", "tls"])
async def test_a_telephone_is_called_and_hears_itself(tmp_path: Path, transport: str) -> None:
    section, both = tls_files(tmp_path)
    phone = Baresip(
        host=HOME,  # which its certificate vouches for
        transport=transport,
        codecs=PCMU,
        source=f"ausine,{TONE}",
        heard=tmp_path,
        certificate=both if transport == "tls" else None,
    )
    address = f"sip:{phone.host}:{phone.port};transport={transport}"
    trunks = {"pbx": {"hosts": ["127.0.0.0/8"], "address": address}}
    change = {"sip": {"tls": section}, "trunks": trunks}
    async with phone, running(tmp_path, change) as bridge:
        call_id = (await bridge.post("/v1/calls", {"to": "phone", "agent": "echo"}))["id"]
        await phone.event("CALL_ESTABLISHED")
        call = await bridge.call()
        await until(lambda: call.first.stream.stats.received > 60)
        await bridge.post(f"/v1/calls/{call_id}/hangup")
        await phone.event("CALL_CLOSED")
        record = await bridge.record()
        await bridge.idle()
    assert record["outcome"]["cause"] == "operator-hung-up"
    assert heard(sound(tmp_path), TONE, 700) == {TONE}


@needs_baresip
async def test_a_telephone_whose_certificate_names_somebody_else_is_not_called(
    tmp_path: Path,
) -> None:
    section, both = tls_files(tmp_path)
    async with Baresip(host="127.0.0.2", transport="tls", certificate=both) as phone:
        address = f"sip:{phone.host}:{phone.port};transport=tls"
        trunks = {"pbx": {"hosts": ["127.0.0.0/8"], "address": address}}
        async with running(tmp_path, {"sip": {"tls": section}, "trunks": trunks}) as bridge:
            await bridge.post("/v1/calls", {"to": "phone", "agent": "echo"})
            outcome = (await bridge.record())["outcome"]
            await bridge.idle()
    assert outcome["cause"] == "unreachable"
    assert outcome["detail"]


@needs_baresip
async def test_a_telephone_holds_the_agent_and_takes_it_back(tmp_path: Path) -> None:
    async with (
        running(tmp_path, {"trunks": ANYWHERE}) as bridge,
        Baresip(codecs=PCMU, source=f"ausine,{TONE}") as phone,
    ):
        host, port = bridge.address
        await phone.command("dial", f"sip:silent@{host}:{port}")
        await phone.event("CALL_ESTABLISHED")
        call, agent = await bridge.call(), await bridge.agent()
        await until(lambda: call.first.stream.stats.received > 10)
        await phone.command("hold")
        await until(lambda: call.current.held)
        await phone.command("resume")
        await until(lambda: not call.current.held)
        received = call.first.stream.stats.received
        await until(lambda: call.first.stream.stats.received > received + 10)
        await phone.command("hangup")
        await bridge.idle()
    assert agent.audio.overflows == agent.audio.underflows == 0


ACCEPTED = (recv(100, optional=True), recv(180), recv(200), send(ack()))


@needs_sipp
async def test_a_call_over_ipv6(tmp_path: Path) -> None:
    change = {
        "sip": {"listen": ["udp://[::1]:0"], "public_address": "::1"},
        "media": {"bind_address": "::1"},
        "trunks": ANYWHERE,
    }
    steps = (send(invite(audio("0 101"), user="echo")), *ACCEPTED, pause(300), *BYE)
    async with running(tmp_path, change) as bridge:
        async with Sipp(scenario(*steps), host="::1", remote=bridge.address) as sipp:
            await sipp.done()
            record = await bridge.record()
            answer = sipp.received("SIP/2.0 200")
        await bridge.idle()
    assert record["outcome"]["cause"] == "caller-hung-up"
    assert record["sound"]["sent"] > 5
    assert "c=IN IP6 ::1" in answer


BOTH_VERSIONS = {
    "sip": {"listen": [f"udp://{HOME}:0", "udp://[::1]:0"], "public_address": "auto"},
    "media": {"bind_address": "::"},
    "trunks": {"pbx": {"hosts": ["127.0.0.0/8", "::1"]}},
}


@pytest.mark.parametrize("media", ["127.0.0.2", "::1"])
@pytest.mark.parametrize("signalling", ["127.0.0.2", "::1"])
async def test_one_bridge_hears_both_ip_versions_in_signalling_and_in_media(
    tmp_path: Path, signalling: str, media: str
) -> None:
    async with running(tmp_path, BOTH_VERSIONS) as bridge:
        listening = {":" in each.host: each for each in bridge.service._user_agent.listening}
        where = listening[":" in signalling]
        async with (
            Phone(host=signalling) as phone,
            phone.call(
                (where.host, where.port), line=Line(host=media), user="echo", pitch=TONE
            ) as call,
        ):
            await call.line.speech()
            assert heard(await call.line.listen(0.3), TONE) == {TONE}
            stream = (await bridge.call()).first.stream
            assert stream.source is not None
            assert stream.source[:2] == stream.ports.towards((media, call.line.port))
            assert stream.stats.unsent == stream.stats.strangers == 0


@needs_baresip
@pytest.mark.parametrize("public", ["auto", "::1"])
async def test_a_telephone_is_called_over_ipv6_and_hears_itself(
    tmp_path: Path, public: str
) -> None:
    phone = Baresip(host="::1", codecs=PCMU, source=f"ausine,{TONE}", heard=tmp_path)
    async with phone:
        change = {
            "sip": {"listen": ["udp://[::1]:0"], "public_address": public},
            "media": {"bind_address": "::"},
            "trunks": {"pbx": {"hosts": ["::1"], "address": f"sip:[::1]:{phone.port}"}},
        }
        async with running(tmp_path, change) as bridge:
            await bridge.post("/v1/calls", {"to": "phone", "agent": "echo"})
            await phone.event("CALL_ESTABLISHED")
            call = await bridge.call()
            await until(lambda: call.first.stream.stats.received > 60)
            assert call.first.media is not None
            assert "c=IN IP6 ::1" in call.first.media.local_sdp
            await phone.command("hangup")
            record = await bridge.record()
    assert record["outcome"]["cause"] == "callee-hung-up"
    assert heard(sound(tmp_path), TONE, 700) == {TONE}


@needs_sipp
async def test_reliable_provisional_responses_where_they_are_required(tmp_path: Path) -> None:
    steps = (
        send(invite(audio("0 101"), "Require: 100rel", "Supported: 100rel", user="echo")),
        recv(100, optional=True),
        recv(180),
        send(request("PRACK", "RAck: 1 1 INVITE", cseq=2)),
        recv(200),
        recv(200),
        send(ack()),
        *BYE,
    )
    async with running(tmp_path) as bridge, Sipp(scenario(*steps), remote=bridge.address) as sipp:
        await sipp.done()
        assert (await bridge.record())["outcome"]["cause"] == "caller-hung-up"
        assert "RSeq:" in sipp.received("SIP/2.0 180")
        await bridge.idle()


@needs_sipp
async def test_a_session_interval_below_the_least_gets_422(tmp_path: Path) -> None:
    short = ("Supported: timer", "Session-Expires: 30")
    steps = (
        send(invite(audio("0 101"), *short, user="echo")),
        recv(100, optional=True),
        recv(422),
        send(ack_failure(user="echo")),
    )
    async with running(tmp_path) as bridge, Sipp(scenario(*steps), remote=bridge.address) as sipp:
        await sipp.done()
        assert "Min-SE: 90" in sipp.received("SIP/2.0 422")
        await bridge.idle()
