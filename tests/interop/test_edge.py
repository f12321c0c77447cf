"""The rules of `deploy/kamailio`, one by one: telephones stand for carriers and for bridges."""

import time
from pathlib import Path

import pytest

from tests.cluster.house import available
from tests.cluster.row import OFFER, OFFICE, first, record_routes, row, tag
from tests.support.caller import Message, Phone, SipCall
from tests.support.waiting import until

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(bool(available()), reason=available() or "Kamailio is there"),
]

STRANGER = "127.0.0.9"


def replaces(call: SipCall) -> str:
    """What names a call of a carrier to the bridge that has it."""
    return f"Replaces: {call.id};to-tag={tag(call.remote)};from-tag={tag(call.local)}"


async def test_who_calls_is_told_to_bridges_by_the_edge_and_nobody_else(tmp_path: Path) -> None:
    async with row(tmp_path) as here:
        await here.carrier.invite(here.edge.address, OFFER, "X-Carrier: bank")
        invite = (await first(*here.bridges)).invite
        assert invite is not None
        assert [value for name, value in invite.headers if name == "X-Carrier"] == ["acme"]

        # What a bridge places comes from no carrier.
        await here.bridges[0].invite(here.edge.address, OFFER, "X-Carrier: bank")
        outside = (await here.carrier.called()).invite
        assert outside is not None
        assert outside["X-Carrier"] == ""


async def test_strangers_get_no_answer_whatever_they_send_and_fill_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with row(tmp_path) as here, Phone(host=STRANGER) as stranger:
        answers: list[Message] = []
        for number in range(300):
            call = await stranger.invite(here.edge.address, OFFER, user=f"{number:04}")
            call.send(("OPTIONS", "REGISTER", "BYE", "CANCEL", "ACK")[number % 5])
            monkeypatch.setattr(call, "take", answers.append)
        for bad in (b"INVITE sip:1@x SIP/2.0\r\n\r\n", b"\0" * 800, b"INVITE\r\n" * 100):
            stranger.transmit(bad, here.edge.address)
        # Meanwhile whoever may call does.
        await (await here.up())[0].hang_up()
        assert not answers
        assert here.edge.log.count("dropped: not in address.list") == 1


async def test_a_carrier_that_loops_or_writes_nonsense_is_told(tmp_path: Path) -> None:
    async with row(tmp_path) as here:
        call = await here.carrier.invite(here.edge.address, OFFER)
        await first(*here.bridges)
        lines = [f"INVITE {call.target} SIP/2.0", call._via("z9hG4bKlast"), "Max-Forwards: 0"]
        lines += [
            f"From: {call.local}",
            f"To: {call.remote}",
            f"Call-ID: {call.id}",
            "CSeq: 9 INVITE",
        ]
        call._write(lines, "")
        await call.expect(483)
        call.send("SUBSCRIBE")
        assert "INVITE" in (await call.expect(405))["Allow"]


async def test_a_carrier_that_calls_too_fast_is_slowed_and_others_are_not(tmp_path: Path) -> None:
    slow = {"!@CALLS_A_SECOND@!50!": "!@CALLS_A_SECOND@!5!"}
    async with row(tmp_path, slow) as here, Phone(host=OFFICE) as office:
        calls = [await here.carrier.invite(here.edge.address, OFFER) for _ in range(40)]
        await office.invite(here.edge.address, OFFER)
        took = set()
        while "office" not in took:
            taken = await first(*here.bridges)
            assert taken.invite is not None
            took.add(taken.invite["X-Carrier"])
        refused = await calls[-1].final()
        assert (refused.code, refused["Retry-After"]) == (503, "1")


async def test_what_is_said_to_somebody_behind_nat_goes_where_it_called_from(
    tmp_path: Path,
) -> None:
    async with row(tmp_path) as here, Phone(host=OFFICE) as office:
        real = office.address
        office.address = ("192.168.1.7", 5060)  # what it believes, and writes in Via and Contact
        call, taken = await here.up(office)
        taken.routes = record_routes(taken)
        assert f"alias={real[0]}~{real[1]}~1" in taken.target
        await taken.hang_up()
        assert call.bye is not None


async def test_a_bye_that_is_sent_again_from_elsewhere_is_answered_again(tmp_path: Path) -> None:
    """Its first one ended the call, by which the edge knew that address."""
    async with row(tmp_path) as here, Phone(host="127.0.0.8") as gateway:
        call, taken = await here.up()
        call.phone, call.peer = gateway, here.edge.address
        gateway._calls[call.id] = call
        call.send("BYE")
        await call.expect(200)
        number, branch, _ = call._sent["BYE"]
        call._transmit("BYE", number, branch)
        gateway._seen.clear()
        await call.expect(200)
        assert taken.bye is not None


@pytest.mark.parametrize("known", [True, False])
async def test_what_replaces_a_call_goes_to_the_bridge_that_has_it(
    tmp_path: Path, known: bool
) -> None:
    async with row(tmp_path) as here:
        call, taken = await here.up()
        await here.up()
        if not known:  # as to another edge, or to this one begun anew
            await here.edge.kamcmd("htable.flush", "calls")
        second = await here.carrier.invite(here.edge.address, OFFER, replaces(call))
        for _ in here.bridges:
            asked = await first(*here.bridges)
            assert asked.invite is not None
            assert asked.invite["Replaces"] == replaces(call).partition(": ")[2]
            if asked.phone is taken.phone:
                break
            assert not known
            asked.reply(asked.invite, "481 Call/Transaction Does Not Exist")
            await asked.expect("ACK")
        assert asked.invite is not None
        asked.reply(asked.invite, "200 OK", body=OFFER)
        await second.expect(200)


async def test_what_replaces_a_call_that_nobody_has_is_refused(tmp_path: Path) -> None:
    async with row(tmp_path) as here:
        header = "Replaces: gone;to-tag=a;from-tag=b"
        call = await here.carrier.invite(here.edge.address, OFFER, header)
        for _ in here.bridges:
            asked = await first(*here.bridges)
            assert asked.invite is not None
            asked.reply(asked.invite, "481 Call/Transaction Does Not Exist")
            await asked.expect("ACK")
        assert (await call.final()).code == 481
        assert await here.load() == 0


@pytest.mark.parametrize("statuses", [("503", "503"), ("503", "486"), ("486",)])
async def test_a_call_that_no_bridge_takes_is_no_load(
    tmp_path: Path, statuses: tuple[str, ...]
) -> None:
    async with row(tmp_path) as here:
        call = await here.carrier.invite(here.edge.address, OFFER)
        for status in statuses:
            asked = await first(*here.bridges)
            assert asked.invite is not None
            asked.reply(asked.invite, f"{status} No", "Retry-After: 60")
            await asked.expect("ACK")
        final = await call.final()
        assert final.code == int(statuses[-1])
        assert final["Retry-After"] == ("5" if final.code == 503 else "60")
        assert await here.load() == 0


async def test_each_call_is_a_line_in_the_log(tmp_path: Path) -> None:
    async with row(tmp_path) as here:
        call, taken = await here.up()
        await call.hang_up()
        name = f"bridge-{here.bridges.index(taken.phone) + 1}"
        line = f"call {call.id} carrier=acme from=ann to=1000 bridge={name} seconds=0"
        await until(lambda: line in here.edge.log)
        refused = await here.carrier.invite(here.edge.address, OFFER)
        taken = await first(*here.bridges)
        assert taken.invite is not None
        taken.reply(taken.invite, "486 Busy Here")
        assert (await refused.final()).code == 486
        await until(
            lambda: f"call {refused.id} carrier=acme from=ann to=1000 refused=486" in here.edge.log
        )


async def test_however_many_calls_a_dead_bridge_had_all_are_ended_and_no_others(
    tmp_path: Path,
) -> None:
    fast = {"!@CALLS_A_SECOND@!50!": "!@CALLS_A_SECOND@!5000!"}
    async with row(tmp_path, fast) as here:
        calls = [await here.up() for _ in range(240)]
        gone = [call for call, taken in calls if taken.phone is here.bridges[0]]
        assert len(gone) > 100
        over = await here.up()
        await over[0].hang_up()
        await here.edge.kamcmd("htable.seti", "dead", "bridge-1", str(int(time.time()) + 1))
        await until(lambda: all(call.bye is not None for call in gone))
        assert not [call for call, _ in calls if call.over and call not in gone]
        assert await here.load() == len(calls) - len(gone)


async def test_what_a_bridge_answered_since_it_died_goes_on(tmp_path: Path) -> None:
    """It was begun anew before the edge had noticed that it was gone."""
    async with row(tmp_path) as here:
        lost = [await here.up() for _ in range(4)]
        began = int(time.time()) + 1  # the edge keeps whole seconds
        await until(lambda: time.time() >= began)
        kept = [await here.up() for _ in range(4)]
        await here.edge.kamcmd("htable.seti", "dead", "bridge-1", str(began))
        gone = [call for call, taken in lost if taken.phone is here.bridges[0]]
        await until(lambda: all(call.bye is not None for call in gone))
        assert {taken.phone for _, taken in kept} == set(here.bridges)
        assert not [call for call, _ in kept if call.over]
        assert await here.load() == len(lost) + len(kept) - len(gone)


async def test_a_bridge_that_answers_too_late_is_told_by_the_caller_and_changes_nothing(
    tmp_path: Path,
) -> None:
    """It hung; the caller, who has been answered by the next one, ACKs and hangs up on it."""
    async with row(tmp_path) as here:
        call = await here.carrier.invite(here.edge.address, OFFER)
        late = await first(*here.bridges)
        other = next(phone for phone in here.bridges if phone is not late.phone)
        taken = await other.called()
        assert taken.invite is not None
        assert late.invite is not None
        taken.reply(taken.invite, "200 OK", body=OFFER)
        answer = await call.expect(200)
        call.ack()
        await taken.expect("ACK")
        late.reply(late.invite, "180 Ringing")
        late.reply(late.invite, "200 OK", body=OFFER)
        second = await call.expect(200)
        assert tag(second["To"]) != tag(answer["To"])
        name = f"bridge-{here.bridges.index(other) + 1}"
        entry = await here.edge.kamcmd("htable.get", "calls", call.id)
        assert f"|{tag(answer['To'])}|{name}|" in entry


async def test_a_bridge_that_was_silent_is_asked_again_where_no_other_takes_the_call(
    tmp_path: Path,
) -> None:
    """It was begun anew, and is back; now the other one drains."""
    async with row(tmp_path) as here:
        call = await here.carrier.invite(here.edge.address, OFFER)
        silent = await first(*here.bridges)
        other = next(phone for phone in here.bridges if phone is not silent.phone)
        await other.refuse("486 Busy Here")
        assert (await call.final()).code == 486
        for _ in here.bridges:  # whichever has its turn first
            call = await here.carrier.invite(here.edge.address, OFFER)
            await other.refuse("503 Service Unavailable")
            taken = await silent.phone.called()
            assert taken.invite is not None
            taken.reply(taken.invite, "200 OK", body=OFFER)
            await call.expect(200)
            call.ack()
            await taken.expect("ACK")
        assert await here.load() == 2


async def test_a_bridge_is_asked_again_that_came_back_while_the_other_began_to_drain(
    tmp_path: Path,
) -> None:
    async with row(tmp_path) as here:
        call = await here.carrier.invite(here.edge.address, OFFER)
        silent = await first(*here.bridges)
        other = next(phone for phone in here.bridges if phone is not silent.phone)
        await other.refuse("503 Service Unavailable")
        again = await silent.expect("INVITE")
        silent.reply(again, "200 OK", body=OFFER)
        await call.expect(200)
