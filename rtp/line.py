r"""A wire under terms: what each offer/answer changes about it, and whose packets it sends on.

    offer/answer --> terms --> uplink, downlink, receiver: made once, then changed
                         \--> relay: of two lines that speak the same codec (`rtp.relay`)

All of it happens when something is agreed on; packets pass by below, in `rtp.wire`.
"""

import logging
from collections.abc import Callable

from rtp.downlink import Downlink
from rtp.format import Format
from rtp.latch import Address, Latch
from rtp.ports import PortPair, PortPool
from rtp.receiver import Receiver
from rtp.relay import Relay
from rtp.srtp import Keys, Srtp
from rtp.terms import Terms
from rtp.uplink import Uplink
from rtp.wire import Wire

__all__ = ["Line"]

logger = logging.getLogger(__name__)


class Line(Wire):
    """Follows offers and answers. `Stream` is its other end."""

    def __init__(
        self,
        ports: PortPair,
        *,
        on_digit: Callable[[str], None] | None,
        on_talkspurt: Callable[[float], None] | None,
        relatch_after_s: float,
        reorder_cap_s: float,
    ) -> None:
        super().__init__(ports, on_talkspurt=on_talkspurt)
        self._on_digit = on_digit
        self._relatch_after_s = relatch_after_s
        self._reorder_cap_s = reorder_cap_s
        self._onto: Line | None = None  # who sends on what comes here, where that can be
        self._from: Line | None = None  # whose packets we send on

    def hear(self, pcm: bytes) -> None:
        """Take a frame of the caller's audio, once it is in order."""
        raise NotImplementedError

    def expect(self, audio: Format) -> None:
        """Another format has been agreed on."""
        raise NotImplementedError

    @property
    def listened(self) -> bool:
        """Whether anybody wants the sound of what is relayed."""
        raise NotImplementedError

    def configure(
        self,
        audio: Format,
        remote: Address,
        *,
        send: bool = True,
        receive: bool = True,
        remote_rtcp: Address | None = None,
        rtcp_mux: bool = False,
        keys: Keys | None = None,
    ) -> None:
        """Follow an offer/answer. The first one starts the audio, in both directions.

        Without `receive` silence goes up, without `send` nothing leaves: a held call has neither.
        The remote may move its source once after each change. `remote_rtcp` defaults to the port
        after the remote's; with `rtcp_mux` RTCP shares the port of RTP. With `keys` all is SRTP,
        and nothing else is taken. Raises ValueError when the encoding or the suite of the keys is
        not known here.
        """
        terms = Terms(
            audio=audio,
            remote=remote,
            send=send,
            receive=receive,
            remote_rtcp=remote_rtcp,
            rtcp_mux=rtcp_mux,
            keys=keys,
        )
        if terms != self._terms:
            self._agree(terms)

    def _agree(self, terms: Terms) -> None:
        audio = terms.audio
        self._encrypt(terms.keys)
        signalled = self.ports.towards(terms.remote)
        if self._terms is None:
            self._start(audio, signalled)
        else:
            self._receiver.latch.reopen(signalled)
            if audio != self._terms.audio:
                self._reformat(audio)
        self._terms = terms
        self._frame_s = audio.frame_s
        self._direct(terms)
        self._join()
        if self._from is not None:
            self._from._join()
        if self._refused:
            self._reopen()
        logger.debug("= stream %d %s", self.ports.rtp_port, terms)
        self._poke()

    def _direct(self, terms: Terms) -> None:
        """Let each direction flow or not, and aim."""
        reachable = terms.reachable
        self._downlink.sending = terms.send and reachable
        self._downlink.reachable = reachable
        self._receiver.receiving = terms.receive
        if not terms.receive:
            self._uplink.pause()
        rtcp = None if terms.remote_rtcp is None else self.ports.towards(terms.remote_rtcp)
        self._control.aim(self._receiver.latch.target, rtcp, muxed=terms.rtcp_mux)

    def _start(self, audio: Format, remote: Address) -> None:
        now = self._time()
        self._metronome.hurry()
        self._uplink = Uplink(
            audio,
            on_pcm=self.hear,
            stats=self.stats,
            now=now,
            reorder_cap_s=self._reorder_cap_s,
        )
        self._downlink = Downlink(audio, stats=self.stats, now=now)
        self._receiver = Receiver(
            audio,
            latch=Latch(remote, silence_s=self._relatch_after_s, on_latch=self._control.follow),
            uplink=self._uplink,
            stats=self.stats,
            on_digit=self._on_digit,
            on_rtcp=self._control.take,
        )
        self.expect(audio)

    def onto(self, other: "Line | None") -> None:
        """Have `other` send on what comes here, whenever both have agreed on the same codec."""
        former = self._onto
        if former is not other:
            if former is not None:
                former._from = None
            self._onto = other
            if other is not None:
                other._from = self
            self._join(former)

    def _join(self, former: "Line | None" = None) -> None:
        """Begin a relay anew, or end it, by what the last offers and answers settled."""
        if self._terms is None:
            return
        self._uplink.connect(None)
        for line in (former, self._onto):
            if line is not None and line._terms is not None:
                line._downlink.release()
        other = self._onto
        if other is None or other._terms is None:
            return
        audio = self._terms.audio
        if other._terms.audio.bears(audio):
            self._uplink.connect(Relay(audio, other._downlink, send=other._send))
            self.note_listeners()

    def note_listeners(self) -> None:
        """Somebody begins to listen to what comes here, or does so no more."""
        if self._terms is not None:
            self._uplink.decoder.listened = self.listened

    def _encrypt(self, keys: Keys | None) -> None:
        if keys is None:
            self._srtp = None
        elif self._srtp is None:
            self._srtp = Srtp(keys, stats=self.stats)
        else:
            self._srtp.rekey(keys)
        self._control.srtp = self._srtp

    def _reformat(self, audio: Format) -> None:
        now = self._time()
        self.expect(audio)
        self._uplink.reformat(audio, now)
        self._downlink.reformat(audio, now)
        self._receiver.reformat(audio)

    def _hang_up(self, pool: PortPool) -> None:
        """Part from other lines, and from the network."""
        self.onto(None)
        if self._from is not None:
            self._from.onto(None)
        self._on_digit = None
        super()._hang_up(pool)
