"""The bench set up: callers ─ bridge ─ echo, each a process of its own, on cores of their own.

core of the bridge      uvbridge serve
the other cores         SIPp, the callers' phones, the echoing agent, and whoever measures
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.ports import free_port
from tests.bench.native.build import built
from tests.bench.signalling import CallsFailed, Dialled, Sipp
from tests.bench.worker import ROOT, Worker, pinned

__all__ = ["HOST", "Caller", "Cores", "Lab"]

HOST = "127.0.0.1"
READY_S = 30.0
"""How long the bridge may take to start."""

_CONFIG = """\
sip:
  listen: [udp://{host}:{sip_port}]
  public_address: {host}
  max_calls: 1000
admission: {admission}
media:
  ports: 20000-29999
  codecs: [{codec}]
ultravox:
  api_url: {api_url}
  api_key: bench
  end_reasons: false
{ca_file}
trunks:
  sipp: {{hosts: [{host}], srtp: {srtp}}}
agents:
  echo: {{agent_id: echo, tools: {tools}}}
routes:
  - {{agent: echo}}
control:
  listen: {host}:{control_port}
journal:
  path: journal.jsonl
  transcripts: false
"""


UNGUARDED = "{max_late_ms: 0, max_busy_percent: 0}"
"""What is measured may be more than is good for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: a worker that tells its `ports`, and its `offer` where that is not G.711's."""

    module: str | None = None
    """A Python module; the phones of the native load where there is none."""
    arguments: tuple[str, ...] = ()
    codec: str = "PCMU"
    srtp: str = "off"

    def command(self, phones: int) -> list[str]:
        """How to start it."""
        if self.module is None:
            return [built("phones"), HOST, str(phones)]
        return [sys.executable, "-m", self.module, *self.arguments]


class Cores:
    """Which cores the bridge and its load run on; one of each where there is only one."""

    def __init__(self) -> None:
        allowed = sorted(os.sched_getaffinity(0))
        self.bridge = allowed[0]
        self.load = set(allowed[1:]) or {self.bridge}
        os.sched_setaffinity(0, self.load)


class Lab:
    """A running bridge between callers and an echoing agent: a context manager."""

    def __init__(
        self,
        cores: Cores,
        *,
        tls: bool,
        phones: int,
        caller: Caller | None = None,
        admission: str = UNGUARDED,
        tools: Sequence[str] = (),
        tree: Path = ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`phones` is how many calls may be up at once, `admission` the section of that name.

        `tools` are those of the agent. The bridge is that of the checkout `tree`, with
        `environment` besides what this process has.
        """
        self.cores = cores
        self._who = caller or Caller()
        self._phones = phones
        self.tls = tls
        self._admission = admission
        self._tools = tools
        self._tree = tree
        self._environment = dict(environment or {})
        self._exits = ExitStack()
        self._held: list[Sipp] = []
        self._batches = 0
        self._lines = 0
        """Phones that hold a call, the first ones first."""

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            temporary = exits.enter_context(tempfile.TemporaryDirectory(prefix="uvbridge-bench-"))
            self.folder = Path(temporary)
            certificate = _certificate(self.folder) if self.tls else []
            self.echo = exits.enter_context(
                Worker(built("echo"), HOST, *certificate, cores=self.cores.load)
            )
            self.caller = exits.enter_context(
                Worker(*self._who.command(self._phones), cores=self.cores.load)
            )
            self._start_bridge(certificate)
            exits.callback(self._stop_bridge)
            self._await_ready()
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for batch in self._held:
            batch.kill()
        self._exits.close()

    def raise_calls_to(self, calls: int, *, rate: int) -> None:
        """Dial until `calls` are up, at `rate` a second. Raises CallsFailed."""
        added = calls - self._lines
        batch = self._dial(added, rate=rate, talk_s=None, first_phone=self._lines)
        self._held.append(batch)
        self._lines = calls
        self._await(lambda: self.live() >= calls, added / rate + 10, batch)

    def end_calls(self) -> list[Dialled]:
        """Let the agents hang up on all calls, and say how those went. Raises CallsFailed."""
        self.echo.ask("close")
        ended = [batch.wait(10) for batch in self._held]
        self._held, self._lines = [], 0
        self._await(lambda: self.live() == 0, 10)
        return ended

    def turn_over(self, calls: int, *, rate: int, talk_s: float) -> Dialled:
        """Dial `calls`, each hanging up after `talk_s`. Raises CallsFailed."""
        return self.dial(calls, rate=rate, talk_s=talk_s).wait(calls / rate + talk_s + 10)

    def dial(self, calls: int, *, rate: int, talk_s: float) -> Sipp:
        """Begin to do the same; kill it or wait."""
        return self._dial(calls, rate=rate, talk_s=talk_s, first_phone=0)

    def offer(self, calls: int, *, rate: int, talk_s: float) -> Sipp:
        """Begin to dial `calls` that may be refused, from phones that hold none."""
        return self._dial(calls, rate=rate, talk_s=talk_s, first_phone=self._lines, refusable=True)

    def live(self) -> int:
        """Calls whose callers hear something."""
        live: int = self.caller.ask("status")["live"]
        return live

    def metrics(self) -> dict[str, float]:
        """The bridge's metrics, by name and labels."""
        with urllib.request.urlopen(f"http://{HOST}:{self._control_port}/metrics") as response:
            text = response.read().decode()
        samples = re.findall(r"^(bridge_\S+) (\S+)$", text, flags=re.MULTILINE)
        return {name: float(value) for name, value in samples}

    # Inside.

    def _dial(
        self,
        calls: int,
        *,
        rate: int,
        talk_s: float | None,
        first_phone: int,
        refusable: bool = False,
    ) -> Sipp:
        self._batches += 1
        ports = self.caller.ready["ports"]
        return Sipp(
            self.folder / f"sipp-{self._batches}",
            target=(HOST, self._sip_port),
            local=(HOST, free_port()),
            calls=calls,
            rate=rate,
            ports=ports[first_phone:],
            talk_s=talk_s,
            cores=self.cores.load,
            offer=self.caller.ready.get("offer"),
            refusable=refusable,
        )

    def _start_bridge(self, certificate: list[str]) -> None:
        self._sip_port = free_port()
        self._control_port = free_port()
        config = _CONFIG.format(
            host=HOST,
            sip_port=self._sip_port,
            control_port=self._control_port,
            api_url=self.echo.ready["api_url"],
            codec=self._who.codec,
            srtp=self._who.srtp,
            admission=self._admission,
            tools=json.dumps(list(self._tools)),
            ca_file=f"  ca_file: {certificate[0]}" if certificate else "",
        )
        (self.folder / "bridge.yaml").write_text(config)
        self._log = (self.folder / "bridge.log").open("w+")
        command = [sys.executable, "-m", "bridge", "serve", "-c", str(self.folder / "bridge.yaml")]
        environment = {**os.environ, **self._environment}
        self._bridge = pinned(
            command, {self.cores.bridge}, cwd=self._tree, env=environment, stderr=self._log
        )
        self.bridge_pid = self._bridge.pid

    def _stop_bridge(self) -> None:
        self._bridge.send_signal(signal.SIGINT)
        try:
            self._bridge.wait(15)
        except subprocess.TimeoutExpired:
            self._bridge.kill()
            self._bridge.wait()
        self._log.close()

    def _await_ready(self) -> None:
        def ready() -> bool:
            if self._bridge.poll() is not None:
                raise RuntimeError(f"the bridge did not start:\n{self.log()}")
            try:
                return bool(self.metrics())
            except OSError:
                return False

        self._await(ready, READY_S)

    def log(self) -> str:
        """The end of the bridge's log."""
        return (self.folder / "bridge.log").read_text()[-4000:]

    def _await(self, true: Callable[[], bool], timeout: float, batch: Sipp | None = None) -> None:
        deadline = time.monotonic() + timeout
        while not true():
            late = time.monotonic() > deadline
            if batch is not None and (late or batch.failing()):
                batch.kill()
                batch.wait(0)
            if late:
                raise CallsFailed(f"not in {timeout:.0f} s; the bridge's log:\n{self.log()}")
            time.sleep(0.2)


def _certificate(folder: Path) -> list[str]:
    """A fresh certificate for the echo, of the kind most servers show: file names, then key's."""
    names = [str(folder / "certificate.pem"), str(folder / "key.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=bench", "-addext"]
    command += [f"subjectAltName=IP:{HOST}", "-out", names[0], "-keyout", names[1]]
    subprocess.run(command, check=True, capture_output=True)
    return names
