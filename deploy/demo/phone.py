"""The caller's telephone: baresip, which is not ours, without any sound hardware."""

import re
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deploy.demo.processes import Processes
from deploy.demo.recording import Recording, Watch
from deploy.demo.script import SAMPLE_RATE

__all__ = ["Phone", "Report"]

MODULES = Path("/usr/lib/baresip/modules")
RTP_PORTS = "10000-11198"
"""Below all others."""

_CONFIG = """\
poll_method epoll
net_interface 127.0.0.1
sip_listen 127.0.0.1:{sip_port}
rtp_ports {rtp_ports}
rtp_stats yes
jitter_buffer_delay 0-0
audio_source aufile,{folder}/speech.wav
snd_path {folder}
module_path {modules}
module g711.so
module aufile.so
module sndfile.so
module rtcpsummary.so
module_app account.so
module_app menu.so
"""
# Without a jitter buffer each packet is written down as it comes.
_ACCOUNT = "<sip:{name}@127.0.0.1:{sip_port}>;regint=0;audio_codecs=PCMU\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """baresip's own view of a call's sound, at its end."""

    lost: int
    jitter_ms: float


class Phone:
    """A baresip that dials once, plays a recording and keeps what it sent and heard."""

    def __init__(self, name: str, *, folder: Path, sip_port: int, watch: Watch) -> None:
        """`sip_port` and the next one are its own: that is where it would listen for TLS."""
        self.name = name
        self._folder = folder / name
        self._folder.mkdir(parents=True)
        names = {"folder": self._folder, "modules": MODULES, "rtp_ports": RTP_PORTS}
        config = _CONFIG.format(sip_port=sip_port, **names)
        (self._folder / "config").write_text(config)
        (self._folder / "accounts").write_text(_ACCOUNT.format(name=name, sip_port=sip_port))
        (self._folder / "contacts").touch()
        self.sent = watch.add(Recording(self._folder, "enc"))
        self.heard = watch.add(Recording(self._folder, "dec"))

    async def dial(self, uri: str, speech: NDArray[np.int16], processes: Processes) -> None:
        """Call `uri` and play `speech` once it answers.

        Raises DemoFailed when baresip is not installed.
        """
        with wave.open(str(self._folder / "speech.wav"), "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
            file.writeframes(speech.astype("<i2").tobytes())
        command = ("baresip", "-f", str(self._folder), "-e", f"/dial {uri}")
        await processes.start(self.name, *command)

    def report(self, processes: Processes) -> Report | None:
        """What its rtcpsummary module printed when the call ended."""
        printed = processes.log(self.name).read_text(errors="replace")
        summary = re.search(r"EX=BareSip;.*PL=(-?\d+),.*JI=([\d.]+),", printed)
        if summary is None:
            return None
        return Report(lost=int(summary[1]), jitter_ms=float(summary[2]))
