"""baresip as a telephone: dials, answers, holds, and says what happens over its control socket."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from deploy.ports import free_port, free_ports
from tests.support.waiting import PATIENCE_S

_MODULES = Path("/usr/lib/baresip/modules")
_CONFIG = """poll_method epoll
sip_listen {host}:{port}
{tls}
call_max_calls 10
rtp_ports {rtp_low}-{rtp_high}
{recorder}
audio_source {source}
ausrc_srate 48000
ausrc_channels 2
audio_buffer 20-160
module_path {modules}
module g711.so
module g722.so
module opus.so
module ausine.so
module aufile.so
module srtp.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control}
"""

needs_baresip = pytest.mark.skipif(
    shutil.which("baresip") is None or not _MODULES.is_dir(),
    reason="baresip (Debian: baresip-core) is not installed",
)


WAV_HEADER = 44
"""Bytes; what they say of the length is true only once the call is over."""


def sound(folder: Path, *, seconds: float = 0.5) -> bytes:
    """The end of what a telephone has heard in its latest call so far, s16le at 8 kHz."""
    path = max(folder.glob("dump*dec.wav"), key=lambda each: each.stat().st_mtime)
    return path.read_bytes()[WAV_HEADER:][-2 * int(8000 * seconds) :]


def at(host: str) -> str:
    """A host as URIs and addresses with a port want it."""
    return f"[{host}]" if ":" in host else host


class Baresip:
    """One telephone on a loopback address.

    ``source`` is what it says: ``ausine,440`` or ``aufile,/path/to.wav``; what it hears is
    written to a WAV file in the folder ``heard``, where one is named. ``codecs`` are what it
    speaks, as ``G722/16000/1``; all that it has by default. ``encryption`` is ``srtp`` (RTP/AVP
    with keys) or ``srtp-mand`` (RTP/SAVP). With a ``registrar`` (host and port) it registers there
    as ``user``, with ``password``, and calls in that name.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.2",
        user: str = "phone",
        transport: str = "udp",
        answer: bool = True,
        codecs: tuple[str, ...] = (),
        source: str = "ausine,440",
        encryption: str = "",
        registrar: tuple[str, int] | None = None,
        password: str = "",
        heard: Path | None = None,
        rtp_ports: tuple[int, int] = (10000, 11000),
        certificate: Path | None = None,
        ca_file: Path | None = None,
    ) -> None:
        listen = free_ports(2)
        self.host, self.port = host, listen + (transport == "tls")  # TLS is one above the rest
        self._control = free_port()
        mode = "auto" if answer else "manual"
        home, port = registrar or (host, self.port)
        self._account = (
            f"<sip:{user}@{at(home)}:{port};transport={transport}>;answermode={mode}"
            f";regint={60 if registrar else 0}{';auth_pass=' + password if password else ''}"
            f"{';audio_codecs=' + ','.join(codecs) if codecs else ''}"
            f"{';mediaenc=' + encryption if encryption else ''}\n"
        )
        # baresip wants the certificate and its key in one file.
        lines = [f"sip_certificate {certificate}"] if certificate else []
        lines += [f"sip_cafile {ca_file}"] if ca_file else []
        self._config = _CONFIG.format(
            host=at(host),
            port=listen,
            tls="\n".join(lines),
            rtp_low=rtp_ports[0],
            rtp_high=rtp_ports[1],
            recorder=f"snd_path {heard}\nmodule_path {_MODULES}\nmodule sndfile.so"
            if heard
            else "",
            source=source,
            modules=_MODULES,
            control=self._control,
        )
        self._exits = contextlib.ExitStack()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> "Baresip":
        folder = Path(self._exits.enter_context(tempfile.TemporaryDirectory(prefix="baresip-")))
        (folder / "config").write_text(self._config)
        (folder / "accounts").write_text(self._account)
        with (folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "baresip", "-f", str(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        for _ in range(round(PATIENCE_S / 0.02)):
            with contextlib.suppress(OSError):
                streams = await asyncio.open_connection(self.host, self._control)
                self._reader, self._writer = streams
                return self
            if self._process.returncode is not None:
                break
            await asyncio.sleep(0.02)
        text = (folder / "log").read_text(errors="replace")
        raise AssertionError(f"baresip did not start\n{text[-3000:]}")

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
        process = self._process
        assert process is not None
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 3)
            except TimeoutError:
                process.kill()
                await process.wait()
        self._exits.close()

    async def pause(self, seconds: float) -> None:
        """Let it talk for a while: a telephone lives in real time."""
        await asyncio.sleep(seconds)

    async def command(self, name: str, params: str = "") -> None:
        """Give it a command of its menu: dial, accept, hangup, hold, resume."""
        text = json.dumps({"command": name, "params": params, "token": name})
        self._writer.write(f"{len(text)}:{text},".encode())
        await self._writer.drain()

    async def event(self, kind: str, *, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for an event: CALL_ESTABLISHED, CALL_RINGING, CALL_CLOSED, CALL_INCOMING."""
        async with asyncio.timeout(within_s):
            return await self._told("type", kind)

    async def registered(self, *, within_s: float = PATIENCE_S) -> None:
        """Wait until its registrar has taken it."""
        async with asyncio.timeout(within_s):
            while True:
                await self.command("reginfo")
                if "OK" in (await self._told("token", "reginfo"))["data"]:
                    return
                await asyncio.sleep(0.05)

    async def _told(self, key: str, value: str) -> dict[str, Any]:
        """The next of its messages in which ``key`` has that value; those before it are lost."""
        while True:
            length = await self._reader.readuntil(b":")
            text = await self._reader.readexactly(int(length[:-1]))
            message: dict[str, Any] = json.loads(text, strict=False)  # colours are in it
            await self._reader.readexactly(1)
            if message.get(key) == value:
                return message
