"""A SIP stack without SIP: PJSIP's commands and events, and a test as the other party.

    stack = FakeStack()
    async with UserAgent(settings, on_invite=..., lease=..., stack=stack):
        remote = stack.invite()          # somebody calls us
        await remote.answered()
        remote.bye()
        remote = await stack.dialled()   # whom we called
        remote.answer()

The gate, the policy, the dialogs and the reading of SDP are the real ones; the contract tests in
``tests/interop/test_user_agent_contract*.py`` hold for this stack and for PJSIP's.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future

from sip.commands import (
    Admit,
    Command,
    Dial,
    HangUp,
    Hold,
    LegCommand,
    NotifyRefer,
    Probe,
    Refer,
    Refusal,
    Reoffer,
    Respond,
    SendInfo,
    Trust,
)
from sip.dialog import Dialog
from sip.events import Event
from sip.gate import Gate
from sip.invitation import read_invite
from sip.settings import Listen, Settings
from sip.stack import Hooks, SipError, StackStats
from sip.transfer_policy import TransferPolicy
from sip.trunk import new_token
from tests.support.fake_messages import OFFER, describe_audio, message
from tests.support.fake_remote import Remote
from tests.support.waiting import PATIENCE_S

__all__ = ["OFFER", "FakeStack", "Remote", "describe_audio"]

SOURCE = ("127.0.0.2", 5060)


class FakeStack:
    """Obeys ``sip.stack.Stack``; registrars, where trunks have them, say yes at once."""

    def __init__(self) -> None:
        self.stats = StackStats()
        self.listening: tuple[Listen, ...] = ()
        self.settings = Settings()
        self.infos: list[SendInfo] = []
        self.remotes: dict[str, Remote] = {}
        """The other parties of the calls that are alive, by leg."""
        self.policy = TransferPolicy(self.stats)
        self._dialled: asyncio.Queue[Remote] = asyncio.Queue()
        self._hooks: Hooks
        self._gate: Gate

    # For tests.

    def invite(
        self,
        *,
        offer: str = OFFER,
        caller: str = '"Ann" <sip:ann@127.0.0.2>',
        callee: str = "1000",
        headers: Mapping[str, str] | None = None,
        source: tuple[str, int] = SOURCE,
    ) -> "Remote":
        """Somebody calls us; ``remote.responses`` tells what they hear."""
        remote = Remote(self, new_token(), theirs=offer or OFFER)
        to = f"<sip:{callee}@127.0.0.1>"
        fields = {
            "Via": f"SIP/2.0/UDP {source[0]}",
            "From": f"{caller};tag={remote.their_tag}",
            "To": to,
            "Call-ID": remote.call_id,
            **(headers or {}),
        }
        request = message("INVITE", uri=f"sip:{callee}@127.0.0.1", headers=fields, body=offer)
        self.stats.invites += 1
        trunk = remote.trunk = self._gate.identify(source[0], request.request_uri)
        if trunk is None:
            self._gate.turn_away(source[0], "INVITE", "no trunk has this address", time.monotonic())
            remote.refused(Refusal(code=403, reason="Forbidden"))
            return remote
        replaces = self.policy.replaced(trunk, request.headers, self.dialogs)
        if isinstance(replaces, Refusal):
            remote.refused(replaces)
            return remote
        media = self._gate.admit(source[0])
        if isinstance(media, Refusal):
            remote.refused(media)
            return remote
        dialog = Dialog(remote.leg, outbound=False, emit=self._hooks.emit)
        dialog.received(request)
        remote.begin(dialog, media)
        self.remotes[remote.leg] = remote
        self._hooks.emit(read_invite(remote.leg, trunk, request, source, media, replaces=replaces))
        return remote

    async def dialled(self) -> "Remote":
        """The next party that we dialled."""
        return await asyncio.wait_for(self._dialled.get(), PATIENCE_S)

    # sip.stack.Stack

    def start(self, settings: Settings, hooks: Hooks) -> None:
        self.settings, self._hooks, self.listening = settings, hooks, settings.listen
        self._gate = Gate(settings.trunks, hooks=hooks, stats=self.stats)
        now = time.monotonic()
        for member in self._gate.members.values():
            if member.trunk.registrar is not None:
                member.machine.started()
                member.machine.accepted(member.trunk.expires_s, code=200, reason="OK", now=now)
                member.answered_from = SOURCE[0]
            self._gate.tell(member, now)

    def submit(self, command: Command) -> "Future[None]":
        done: Future[None] = Future()
        try:
            self._obey(command)
        except SipError as error:
            done.set_exception(error)
        else:
            done.set_result(None)
        return done

    def stop(self) -> None:
        for remote in list(self.remotes.values()):
            remote.hang_up(HangUp(leg=remote.leg, code=503))

    @property
    def dialogs(self) -> Iterator[Dialog]:
        """Of the calls that are alive."""
        return (each.dialog for each in self.remotes.values() if each.dialog is not None)

    def emit(self, event: Event) -> None:
        """Report to the user agent."""
        self._hooks.emit(event)

    def forget(self, remote: "Remote") -> None:
        """The call is over."""
        self.remotes.pop(remote.leg, None)

    def _obey(self, command: Command) -> None:
        match command:
            case Dial():
                self._dial(command)
            case Admit():
                self._gate.refusal = command.refuse
            case Probe():
                pass
            case Trust():
                self._gate.members[command.trunk].resolved = command.addresses
            case _:
                if remote := self.remotes.get(command.leg):
                    self._steer(remote, command)

    def _steer(self, remote: "Remote", command: LegCommand) -> None:
        match command:
            case Respond():
                remote.respond(command)
            case HangUp():
                remote.hang_up(command)
            case Hold():
                remote.held_by_us(held=command.held)
            case SendInfo():
                self.infos.append(command)
            case Reoffer():
                remote.reoffered(command)
            case Refer():
                remote.referred_by_us(command, self.remotes.get(command.replaces or ""))
            case NotifyRefer():
                remote.notified_by_us(command)

    def _dial(self, command: Dial) -> None:
        if command.trunk not in self._gate.members:
            raise SipError(f"there is no trunk {command.trunk}")
        self.stats.dialled += 1
        remote = Remote(self, command.leg, dial=command)
        remote.trunk = self._gate.members[command.trunk].trunk
        codecs = command.codecs or self.settings.codecs
        dialog = Dialog(command.leg, outbound=True, emit=self._hooks.emit)
        ours = describe_audio(codecs, host=command.media.host, port=command.media.port)
        remote.begin(dialog, command.media, ours=ours)
        self.remotes[command.leg] = remote
        self._dialled.put_nowait(remote)
