"""The service: everything that runs, composed in one place, and the calls it carries.

configuration ──> Service ──┬── UserAgent   SIP, on its own thread
                            ├── PortPool    RTP ports
                            ├── Agency      agents: Ultravox's REST side, tools
                            ├── Journal     one line a call
                            └── Call …      one coroutine each
"""

import asyncio
import contextlib
from collections.abc import Collection, Mapping

import rtp
from bridge.admission import Admission, Reading
from bridge.agents.agency import Agency
from bridge.background import Background
from bridge.call import Call
from bridge.config import Config
from bridge.errors import Refused
from bridge.facts import CallId
from bridge.intake import Intake
from bridge.lines.address import PublicAddress
from bridge.lines.lines import Lines
from bridge.lines.signalling import sip_refusal, sip_settings
from bridge.metrics import Metrics
from bridge.opening import Opening
from bridge.outbound.desk import Desk
from bridge.outbound.order import Order
from bridge.papers.papers import Papers
from bridge.pulse import Pulse
from bridge.recording.recordings import Recordings
from bridge.sampling import sample
from bridge.scenario import loading
from bridge.scenario.watchdog import Watchdog
from bridge.shared.limits import SharedLimits
from bridge.switchboard import Switchboard
from sip import Registration, StackStats, UserAgent

__all__ = ["Service"]

EVERY_ADDRESS = "::"
"""IPv6's, and with it IPv4's."""
ANSWER_S = 2.0
"""Within which a SIP thread that is alive answers."""
LEFTOVERS_S = 3.0
"""How long the exit waits for agents nobody joined to be taken leave of."""


class Service(Opening):
    """The running bridge: an async context manager.

    Entered, it opens the ports, reaches out to the trunks and takes calls. Raises OSError or
    sip.ListenError, saying what and where, when something cannot be opened, ConfigError or
    HostFailed when the agents' tools cannot be had. Left, it ends its calls with a BYE, then
    everything else in reverse order.
    """

    def __init__(self, config: Config, *, inbound: bool = True) -> None:
        """Find the scenarios that it names. Raises ConfigError, holding every mistake in them."""
        super().__init__()
        self.config = config
        self.metrics = Metrics(self)
        self._inbound = inbound
        self._scenarios = loading.load(config)
        self._background = Background()
        self.admission = Admission(
            max_late_s=config.admission.max_late_ms / 1000,
            max_busy=config.admission.max_busy_percent / 100,
        )
        self.papers = Papers(config.journal, config.webhooks)
        self.agency = Agency(
            config,
            background=self._background,
            tell=self.papers.amended,
            observe=self.metrics.tool.observe,
        )
        self.switchboard = Switchboard(
            max_calls=config.sip.max_calls,
            admission=self.admission,
            on_admission=self._admit,
            papers=self.papers,
            on_ended=(self.metrics.call_ended, self.agency.ended),
        )
        self.recordings = Recordings(config.recordings)
        self.shared = SharedLimits(config.shared, alive=self.switchboard.holders)
        self.switchboard.on_change = self.shared.changed
        # Made when the service opens.
        self._ports: rtp.PortPool
        self._lines: Lines
        self._intake: Intake
        self._user_agent: UserAgent

    async def _open(self, exits: contextlib.AsyncExitStack) -> None:
        config = self.config
        try:
            address = await PublicAddress.resolve(
                config.sip.public_address, dual=config.media.bind_address == EVERY_ADDRESS
            )
        except OSError as error:
            raise OSError(f"sip.public_address: {error}") from error
        self._ports = rtp.PortPool(
            config.media.ports.low, config.media.ports.high, bind_address=config.media.bind_address
        )
        exits.callback(self._ports.close)
        self._lines = Lines(config, address=address, ports=self._ports)
        await exits.enter_async_context(self.papers)
        await exits.enter_async_context(self.recordings)
        await exits.enter_async_context(self.shared)
        await exits.enter_async_context(self.agency)
        exits.push_async_callback(self._background.finish, LEFTOVERS_S)
        self._intake = self._new_intake()
        self._user_agent = await exits.enter_async_context(
            UserAgent(
                await sip_settings(config, public_address=address.fixed, inbound=self._inbound),
                on_invite=self._intake.invited,
                lease=self._lines.lease,
                unlease=self._lines.unlease,
            )
        )
        self._lines.user_agent = self._user_agent
        if self._scenarios:
            await exits.enter_async_context(Watchdog())
        await exits.enter_async_context(Pulse(self.switchboard.alive.values, take=self._fared))
        sampling = asyncio.create_task(
            sample(self.switchboard.alive, self._look), name="metrics sampling"
        )
        exits.callback(sampling.cancel)
        exits.push_async_callback(self.end_calls)

    def _new_intake(self) -> Intake:
        switchboard = self.switchboard
        desk = Desk(
            self.config,
            lines=self._lines,
            alive=switchboard.alive_on,
            check_room=switchboard.check_room,
            shared=self.shared,
        )
        return Intake(
            self.config,
            agents=self.agency.agents,
            scenarios=self._scenarios,
            desk=desk,
            switchboard=switchboard,
            recordings=self.recordings,
            background=self._background,
        )

    # What others may ask.

    @property
    def calls(self) -> Mapping[CallId, Call]:
        """The calls that are alive, by id."""
        return self.switchboard.alive

    @property
    def registrations(self) -> Mapping[str, Registration]:
        """The trunks' registrations, by trunk."""
        return self._user_agent.trunks

    @property
    def sip_stats(self) -> StackStats:
        """Counters of the SIP side."""
        return self._user_agent.stats

    def describe(self) -> str:
        """One line about what runs, for the log."""
        where = ", ".join(str(each) for each in self._user_agent.listening)
        trunks = ", ".join(self.config.trunks) or "none"
        return f"SIP on {where}; trunks {trunks}; up to {self.config.sip.max_calls} calls"

    def unready(self) -> list[str]:
        """Why a load balancer should send new calls elsewhere; empty when it should not."""
        refusal = self.switchboard.refusal
        return [] if refusal is None else [f"{refusal.cause}: {refusal}"]

    async def alive(self) -> bool:
        """Whether the SIP thread answers; that this is asked tells that the event loop does."""
        return await self._user_agent.answers(ANSWER_S)

    def find(self, call_id: CallId) -> Call | None:
        """The call of that id, alive or lately ended."""
        return self.switchboard.find(call_id)

    def drain(self) -> None:
        """Take no new calls, in either direction; those alive go on."""
        self.switchboard.drain()

    async def end_calls(self) -> None:
        """Take no new calls and end those alive with a BYE."""
        self.drain()
        await self.switchboard.end_all()

    async def wait_idle(self) -> None:
        """Wait until no call is alive."""
        await self.switchboard.wait_idle()

    async def place(self, order: Order) -> Call:
        """Begin an outbound call and return it at once; it lives its own life.

        Raises OrderError where the order cannot be carried out as given, and Draining, Full,
        Overloaded or NoPorts.
        """
        return await self._intake.place(order)

    # Admission, sampling.

    def _admit(self, refusal: Refused | None) -> None:
        """Let the SIP thread refuse on its own while there is no room."""
        self._user_agent.set_admission(None if refusal is None else sip_refusal(refusal))

    def _fared(self, reading: Reading) -> None:
        """Take a reading of the process's health."""
        self.admission.read(reading)
        self.switchboard.review()

    def _look(self, calls: Collection[Call]) -> None:
        self.metrics.sample(calls)
        for call in calls:
            call.attendance.judge()
