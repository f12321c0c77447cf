"""A telephone's audio under SRTP, and the key lines of its offers."""

import base64
import os
import re

from rtp.srtp import SUITES, Keys, Srtp, available
from rtp.stats import StreamStats
from sip.pjsua.build import suites
from tests.support.caller import describe
from tests.support.line import Line

__all__ = ["SecureLine", "has_suite"]

_ANSWERED = re.compile(r"^a=crypto:(\d+) (\S+) inline:(\S+)\r$", re.MULTILINE)


def has_suite(suite: str) -> bool:
    """Whether it can be negotiated here."""
    return suite in suites(available())


class SecureLine(Line):
    """A `Line` that offers one suite, and speaks under the keys of the answer."""

    def __init__(self, suite: str = "AES_CM_128_HMAC_SHA1_80") -> None:
        super().__init__()
        self.stats = StreamStats()
        self.srtp: Srtp | None = None
        self.change(suite)

    def change(self, suite: str) -> None:
        """Take a fresh key for what is sent, from the next answer on."""
        self.suite = suite
        self.key = os.urandom(SUITES[suite].octets)

    def crypto(self, *, tag: int = 1, more: str = "") -> str:
        """The line of the key, with more after it."""
        return f"a=crypto:{tag} {self.suite} inline:{base64.b64encode(self.key).decode()}{more}"

    def offer(self, *lines: str, protocol: str = "RTP/SAVP", version: int = 1) -> str:
        """A description with these lines, or the one line of the key."""
        sdp = describe(self, version=version, more=lines or (self.crypto(),))
        return sdp.replace("RTP/AVP", protocol)

    def agree(self, answer: str) -> tuple[int, str]:
        """Follow an answer's keys; its tag and suite."""
        ((tag, suite, text),) = _ANSWERED.findall(answer)
        keys = Keys(suite=suite, send=self.key, receive=base64.b64decode(text))
        if self.srtp is None:
            self.srtp = Srtp(keys, stats=self.stats)
        else:
            self.srtp.rekey(keys)
        return int(tag), suite

    def send_raw(self, datagram: bytes) -> None:
        super().send_raw(datagram if self.srtp is None else self.srtp.protect(datagram))

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        packet = data if self.srtp is None else self.srtp.unprotect(data)
        if packet is not None:
            super().datagram_received(packet, address)
