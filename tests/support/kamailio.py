"""Kamailio as a registrar and proxy with digest authentication, started for a test."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import pytest

from deploy.ports import free_port
from tests.support.certificates import PemFiles
from tests.support.waiting import PATIENCE_S

_TEMPLATE = Path(__file__).parents[1] / "data" / "sip" / "kamailio.cfg"

needs_kamailio = pytest.mark.skipif(
    shutil.which("kamailio") is None, reason="Kamailio (Debian: kamailio) is not installed"
)


class Kamailio:
    """One Kamailio on UDP and TCP of a loopback address; ``users`` maps names to passwords.

    Calls of the users go to each other, where one is registered, and else to ``gateway``; calls
    from its address go to the users. It stays in the way of what follows (Record-Route). With
    ``tls`` it listens on TLS too; with ``clients`` it asks for a certificate there that this
    authority signed.
    """

    def __init__(
        self,
        users: Mapping[str, str],
        *,
        host: str = "127.0.0.2",
        port: int = 0,
        realm: str = "test",
        algorithm: str = "MD5",
        min_expires: int = 0,
        max_expires: int = 3600,
        gateway: tuple[str, int] = ("127.0.0.4", 5060),
        tls: PemFiles | None = None,
        clients: PemFiles | None = None,
    ) -> None:
        self.host = host
        self.port = port or free_port()
        self.tls_port = free_port()
        self._values = {
            "LISTEN": f"listen=udp:{host}:{self.port}\nlisten=tcp:{host}:{self.port}",
            "TLS": "",
            **self._tls(tls, clients),
            "REALM": realm,
            "ALGORITHM": algorithm,
            "MIN_EXPIRES": str(min_expires),
            "MAX_EXPIRES": str(max_expires),
            "GATEWAY": f"{gateway[0]}:{gateway[1]}",
            "GATEWAY_HOST": gateway[0],
            "USERS": "\n".join(
                f'        case "{user}": $var(password) = "{password}"; break;'
                for user, password in users.items()
            ),
        }
        self._exits = contextlib.ExitStack()
        self._folder = Path()
        self._process: asyncio.subprocess.Process | None = None

    def _tls(self, tls: PemFiles | None, clients: PemFiles | None) -> dict[str, str]:
        if tls is None:
            return {}
        addresses = [f"{kind}:{self.host}:{self.port}" for kind in ("udp", "tcp")]
        addresses.append(f"tls:{self.host}:{self.tls_port}")
        parameters = {"certificate": f'"{tls.certificate}"', "private_key": f'"{tls.private_key}"'}
        parameters["tls_method"] = '"TLSv1.2+"'
        if clients is not None:
            parameters |= {"ca_list": f'"{clients.certificate}"'}
            parameters |= {"verify_certificate": "1", "require_certificate": "1"}
        lines = [f'modparam("tls", "{name}", {value})' for name, value in parameters.items()]
        return {
            "LISTEN": "\n".join(["enable_tls=yes", *(f"listen={each}" for each in addresses)]),
            "TLS": "\n".join(['loadmodule "tls.so"', *lines]),
        }

    async def __aenter__(self) -> "Kamailio":
        folder = self._exits.enter_context(tempfile.TemporaryDirectory(prefix="kamailio-"))
        self._folder = Path(folder)
        text = _TEMPLATE.read_text()
        for name, value in self._values.items():
            text = text.replace(f"@{name}@", value)
        (self._folder / "kamailio.cfg").write_text(text)
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
        self._exits.close()

    async def start(self) -> None:
        """Run it, and wait until it listens."""
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                "kamailio", "-DD", "-E", "-m", "16", "-M", "4",
                "-f", str(self._folder / "kamailio.cfg"), "-Y", str(self._folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        for _ in range(round(PATIENCE_S / 0.02)):
            if self._process.returncode is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
                return
            await asyncio.sleep(0.02)
        raise AssertionError("Kamailio did not start\n" + self.log()[-3000:])

    async def stop(self) -> None:
        """End it with all its children; ``start`` may follow."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 3)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    def log(self) -> str:
        """What it logged."""
        return (self._folder / "log").read_text(errors="replace")
