"""What `uvbridge check --live` tries: names, TLS, registrations, the Ultravox key.

trunks    name ──> connect (tcp, tls) ──> register
Ultravox  name ──> connect ──> key                     all side by side; what comes after a
hosts     name                                         failure is not tried
STUN      our public address
MCP       join ──> list
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import sip
from bridge.commands.findings import Finding, Level
from bridge.commands.servers import Server, resolve, trunk_servers, ultravox_server
from bridge.config import Config
from bridge.configuration.agents import McpServer
from bridge.errors import AgentError
from bridge.lines.address import PublicAddress
from bridge.lines.signalling import sip_settings
from bridge.shared.store import Store, Unreachable
from bridge.tools import inspection, mcp
from bridge.ultravox.api import Api

__all__ = ["Probing"]

REGISTER_TIMEOUT_S = 10.0
REGISTER_POLL_S = 0.05


class Probing:
    """Tries everything that a configuration relies on; each finding goes to `tell` at once."""

    def __init__(self, config: Config, *, tell: Callable[[Finding], None]) -> None:
        self._config = config
        self._tell = tell

    async def run(self) -> None:
        """Try it all; never raises for what does not work."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._public_address())
            group.create_task(self._ultravox())
            group.create_task(self._hosts())
            group.create_task(self._trunks())
            group.create_task(self._shared())
            for server in inspection.named(self._config)[1]:
                group.create_task(self._tools(server))

    async def _public_address(self) -> None:
        setting = self._config.sip.public_address
        if not setting.startswith("stun:"):
            return
        try:
            address = await PublicAddress.resolve(setting)
        except OSError as error:
            self._failed("sip.public_address", f"{setting}: {error}")
        else:
            self._ok("sip.public_address", f"{setting} sees us as {address.fixed}")

    async def _ultravox(self) -> None:
        config, where = self._config.ultravox, "ultravox.api_key"
        server = ultravox_server(config)
        if not await self._reach(server) or config.api_key is None:
            return
        try:
            async with Api(
                config.api_url, config.api_key.get_secret_value(), tls=server.tls
            ) as api:
                await api.verify_key()
        except AgentError as error:
            self._failed(where, str(error))
        else:
            self._ok(where, "Ultravox accepts it")

    async def _tools(self, server: McpServer) -> None:
        where = f"MCP server {mcp.shown(server.order)}"
        try:
            self._ok(where, f"offers {await mcp.look(server.order)} tools")
        except ConnectionError as error:
            self._failed(where, f"cannot be joined: {error}")

    async def _shared(self) -> None:
        config, where = self._config.shared, "shared.redis"
        if config.redis is None:
            return
        try:
            version = await Store.look(config.redis.get_secret_value())
        except (Unreachable, ValueError) as error:
            self._failed(where, str(error))
        else:
            self._ok(where, f"Redis {version} answers")

    async def _hosts(self) -> None:
        """Look up the names that calls are taken from."""
        for name, trunk in self._config.trunks.items():
            for host in trunk.hosts:
                if isinstance(host, str):
                    await self._resolve(f"trunks.{name}.hosts", host)

    async def _trunks(self) -> None:
        """Reach every server of the trunks, then register where the way is free."""
        config = self._config
        servers = [(name, each) for name in config.trunks for each in trunk_servers(name, config)]
        reached = await asyncio.gather(*(self._reach(server) for _, server in servers))
        barred = {name for (name, _), good in zip(servers, reached, strict=True) if not good}
        registering = [
            name
            for name, trunk in config.trunks.items()
            if trunk.registrar is not None and name not in barred
        ]
        if registering:
            await self._register(registering)

    async def _register(self, names: list[str]) -> None:
        """Register on ports of our own, so that a running bridge is not disturbed."""
        settings = await sip_settings(self._config, public_address=None)
        settings = replace(
            settings,
            listen=tuple(replace(listen, port=0) for listen in settings.listen),
            trunks=tuple(trunk for trunk in settings.trunks if trunk.name in names),
        )
        agent = sip.UserAgent(settings, on_invite=_decline, lease=lambda _: None)
        try:
            async with agent:
                agent.set_admission(sip.Refusal(code=503, reason="Only checking"))
                await _settle(agent, names)
                for name in names:
                    self._registration(agent.trunks[name])
        except (sip.SipError, ImportError) as error:
            self._failed("sip.listen", str(error))

    def _registration(self, registration: sip.Registration) -> None:
        where = f"trunks.{registration.trunk}"
        answer = f"{registration.code} {registration.reason}"
        match registration.state:
            case sip.RegistrationState.REGISTERED:
                self._ok(where, f"registered for {registration.expires_s or 0:.0f} s")
            case sip.RegistrationState.REJECTED:
                self._failed(where, f"the registrar answers {answer}")
            case sip.RegistrationState.UNREACHABLE:
                self._failed(where, f"cannot register: {answer}")
            case _:
                self._failed(where, f"the registrar is silent for {REGISTER_TIMEOUT_S:.0f} s")

    async def _reach(self, server: Server) -> bool:
        """Look the name up, and connect where the transport has connections."""
        if await self._has_servers(server):
            return True
        if not await self._resolve(server.where, server.host):
            return False
        if server.transport == "udp":
            return True
        try:
            self._ok(server.where, await server.connect())
        except ConnectionError as error:
            self._failed(server.where, str(error))
            return False
        return True

    async def _has_servers(self, server: Server) -> bool:
        """Whether SRV records name a trunk's servers: then it is not for us to choose one."""
        if not server.where.startswith("trunks."):
            return False
        directory = sip.Directory(map(str, self._config.sip.nameservers))
        found = await directory.servers(server.uri)
        if found:
            self._ok(server.where, f"{server.host} has the servers {', '.join(map(str, found))}")
        return bool(found)

    async def _resolve(self, where: str, host: str) -> bool:
        try:
            addresses = await resolve(host)
        except ConnectionError as error:
            self._failed(where, str(error))
            return False
        if (shown := ", ".join(addresses)) != host:
            self._ok(where, f"{host} is {shown}")
        return True

    def _ok(self, where: str, message: str) -> None:
        self._tell(Finding(level=Level.OK, where=where, message=message))

    def _failed(self, where: str, message: str) -> None:
        self._tell(Finding(level=Level.FAILURE, where=where, message=message))


async def _settle(agent: sip.UserAgent, names: list[str]) -> None:
    """Wait until every registrar has said something, or long enough."""
    undecided = (sip.RegistrationState.UNREGISTERED, sip.RegistrationState.REGISTERING)
    deadline = time.monotonic() + REGISTER_TIMEOUT_S
    while time.monotonic() < deadline:
        if not any(agent.trunks[name].state in undecided for name in names):
            return
        await asyncio.sleep(REGISTER_POLL_S)


def _decline(_: sip.Leg) -> None:
    """Take no call: admission is closed while checking, so none should come this far."""
