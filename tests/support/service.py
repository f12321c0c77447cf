"""The whole service under test: bridge and stand-in in this process, real SIP, RTP and HTTP.

Phone, SIPp ── SIP, RTP ── Service ── HTTP, WebSocket ── Standin
                              └── Control ── `Bridge.api`
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp
import yaml

from bridge.call import Call, CallState
from bridge.config import Config, parse
from bridge.control import Control
from bridge.outcome import Cause, Outcome, Result
from bridge.service import Service
from bridge.ultravox import exchange
from bridge.ultravox.standin import callsocket, rest
from bridge.ultravox.standin.call import StandinCall
from bridge.ultravox.standin.server import Standin
from tests.support.caller import Phone, SipCall, describe
from tests.support.face import Face
from tests.support.line import Line
from tests.support.ports import MEDIA
from tests.support.waiting import until

__all__ = [
    "HOME",
    "KEY",
    "TOKEN",
    "Bridge",
    "configuration",
    "ended",
    "merged",
    "noted",
    "offer",
    "offer_to",
    "running",
]

TOKEN = "token-of-the-tests"
KEY = "key-of-the-tests"
HOME = "127.0.0.1"

SLOW_S, DROP_AFTER_S = 0.8, 0.4
"""How late the stand-in's agents `slow` and `drop` are."""
LATE_S = 2.0
"""How long an answer is awaited that comes too late."""

Settings = dict[str, Any]

NAMES = (
    *("echo", "silent", "talker", "farewell", "receptionist", "zeros", "late-clear", "garbage"),
    *("drop", "close-1000", "close-1008", "close-1011", "oversize", "refuse-join", "no-join-url"),
    *("slow", "hang", "busy-once", "error-400", "error-401", "error-429", "error-500", "error-503"),
)
"""The stand-in's agents, each under its own name."""

AGENTS: Settings = {name: {"agent_id": name} for name in NAMES} | {
    "tool-user": {
        "call": {
            "systemPrompt": 'say: Hello.\ntool: hang_up {"farewell": "Bye."}',
            "metadata": {"standin.agent": "receptionist"},
        },
        "tools": ["hang_up"],
    },
    "tool-stranger": {
        "agent_id": "tool:launch_rocket",
        "body": {
            "toolOverrides": {
                "add": [
                    {
                        "temporaryTool": {
                            "modelToolName": "launch_rocket",
                            "description": "Not ours.",
                            "client": {},
                        }
                    }
                ]
            }
        },
    },
}


def configuration(folder: Path, api_url: str, change: Mapping[str, Any] | None = None) -> Settings:
    """A configuration whose routes lead from the number dialled to the agent of that name."""
    settings: Settings = {
        "sip": {"listen": [f"udp://{HOME}:0"], "public_address": HOME, "max_calls": 40},
        # The machine that tests run on is late for reasons of its own.
        "admission": {"max_late_ms": 0, "max_busy_percent": 0},
        "media": {"ports": f"{MEDIA[0]}-{MEDIA[-1]}", "codecs": ["PCMU", "PCMA"]},
        "ultravox": {"api_url": api_url, "api_key": KEY, "timeout_s": 8},
        "trunks": {"pbx": {"hosts": ["127.0.0.2"], "address": "sip:127.0.0.2:5070"}},
        "agents": dict(AGENTS),
        "routes": [{"to": name, "agent": name} for name in AGENTS],
        "control": {"listen": f"{HOME}:0", "token": TOKEN},
        "journal": {"path": str(folder / "journal.jsonl")},
    }
    settings["routes"].append({"to": "1*", "agent": "echo"})
    return merged(settings, change or {})


def merged(settings: Mapping[str, Any], change: Mapping[str, Any]) -> Settings:
    """`settings` with `change` laid over it; None takes a key away."""
    laid = dict(settings)
    for key, value in change.items():
        if value is None:
            laid.pop(key, None)
        elif isinstance(value, dict) and isinstance(laid.get(key), dict):
            laid[key] = merged(laid[key], value)
        else:
            laid[key] = value
    return laid


@dataclass
class Bridge(Face):
    """What a test wants of the running service."""

    service: Service
    standin: Standin
    control: Control

    @property
    def address(self) -> tuple[str, int]:
        """Where it takes SIP over UDP."""
        first = self.service._user_agent.listening[0]
        return first.host, first.port

    @property
    def ports_in_use(self) -> int:
        """Port pairs leased now."""
        return self.service._ports.in_use

    async def call(self) -> Call:
        """The one call alive, waited for."""
        await until(lambda: len(self.service.calls) == 1)
        return next(iter(self.service.calls.values()))

    async def answered(self) -> Call:
        """The one call alive, once our side knows that it is up."""
        call = await self.call()
        await until(lambda: call.state is CallState.ANSWERED)
        return call

    async def agent(self) -> StandinCall:
        """The stand-in's newest call, waited for until it is joined."""
        await until(lambda: bool(self.standin.calls) and self._newest().joined is not None)
        return self._newest()

    def _newest(self) -> StandinCall:
        return list(self.standin.calls.values())[-1]

    async def idle(self) -> None:
        """Wait until nothing is left of any call; fails where something stays."""
        await until(lambda: not self.service.calls)
        await until(lambda: not self.service._user_agent.legs)
        await until(lambda: self.ports_in_use == 0)
        await until(lambda: not any(map(_waiting, self.standin.calls.values())))
        await until(lambda: not lingering())
        await until(lambda: not self.service.papers.journal.pending)
        self.skip()

    async def clear(self) -> None:
        """End what a failed test left, so that the next one begins with nothing."""
        for call in self.service.calls.values():
            call.end(Outcome(result=Result.INDETERMINATE, cause=Cause.SHUTDOWN))
        await self.idle()


def noted(call: Call, kind: str) -> list[dict[str, Any]]:
    """The fields of the call's events of that kind."""
    return [event.fields for event in call.chronicle._events if event.kind == kind]


def _waiting(call: StandinCall) -> bool:
    """It has not ended, and somebody could still end it."""
    return call.ended is None and call.settings.agent.name != "refuse-join"


def lingering() -> list[str]:
    """Names of the tasks that belong to calls."""
    names = (task.get_name() for task in asyncio.all_tasks())
    return [name for name in names if name.startswith(("c-", "leave", "forsake", "POST"))]


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    change: Mapping[str, Any] | None = None,
    *,
    api_url: str | None = None,
    max_agents: int | None = None,
) -> AsyncIterator[Bridge]:
    """A running service over a running stand-in; `change` is laid over the configuration.

    `api_url` is given where Ultravox is meant to be elsewhere than it is.
    """
    logging.getLogger("bridge.ultravox.standin").setLevel(logging.ERROR)
    async with contextlib.AsyncExitStack() as exits:
        # What the stand-in does late on demand need not be as late as for people.
        exits.enter_context(mock.patch.object(exchange, "LATE_S", LATE_S))
        exits.enter_context(mock.patch.object(rest, "SLOW_S", SLOW_S))
        exits.enter_context(mock.patch.object(callsocket, "DROP_AFTER_S", DROP_AFTER_S))
        standin = await exits.enter_async_context(
            Standin(api_key=KEY, max_calls=max_agents, voice=None)
        )
        settings = configuration(folder, api_url or standin.api_url, change)
        config = parse(yaml.safe_dump(settings, sort_keys=False), {}, folder=folder)
        service = await exits.enter_async_context(Service(config))
        control = await exits.enter_async_context(Control(service, config.control))
        api = await exits.enter_async_context(
            aiohttp.ClientSession(
                f"http://{_reached(config)}:{control.port}",
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
        )
        assert config.journal.path is not None
        yield Bridge(
            service=service,
            standin=standin,
            api=api,
            journal=config.journal.path,
            control=control,
        )


def _reached(config: Config) -> str:
    """The host by which the control API is reached from here, as a URL wants it."""
    assert config.control.listen is not None
    host = config.control.listen.host
    host = {"0.0.0.0": HOME, "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


async def offer(phone: Phone, bridge: Bridge, *headers: str, **rest: str) -> SipCall:
    """Call with a description that is as good as any; nobody listens there."""
    return await offer_to(phone, bridge.address, *headers, **rest)


async def offer_to(phone: Phone, address: tuple[str, int], *headers: str, **rest: str) -> SipCall:
    """The same to a service in another process."""
    async with Line() as line:
        sdp = describe(line)
    return await phone.invite(address, rest.pop("sdp", sdp), *headers, **rest)


def ended(result: str, cause: str, direction: str = "inbound", trunk: str = "pbx") -> str:
    """The name of a sample of bridge_calls_total."""
    labels = f'cause="{cause}",direction="{direction}",result="{result}",trunk="{trunk}"'
    return f"bridge_calls_total{{{labels}}}"
