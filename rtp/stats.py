"""What one stream has counted: plain numbers, read at a scrape or at the end of the call."""

from dataclasses import dataclass

__all__ = ["StreamStats"]


@dataclass(slots=True, kw_only=True)
class StreamStats:
    """Counters of one RTP stream, both directions; each is raised in one place only."""

    # Uplink: network to agent
    received: int = 0
    """RTP packets of the latched source."""
    lost: int = 0
    """Packets given up on, whether they turned up later or not."""
    late: int = 0
    """Packets whose time had already been filled when they came; dropped."""
    duplicates: int = 0
    reordered: int = 0
    """Packets that came after one they precede, and were put back in order."""
    concealed: int = 0
    """Lost frames replaced by invented ones."""
    filled: int = 0
    """Frames of silence sent up because no audio was there."""
    resyncs: int = 0
    """Times the packet numbering, timing or SSRC jumped and was taken up anew."""
    excess: int = 0
    """Packets dropped because the peer sent audio faster than time passes."""
    invalid: int = 0
    """Datagrams that were no RTP or RTCP, and payloads the codec refused."""
    unexpected: int = 0
    """RTP packets of a payload type that was not negotiated; dropped."""
    strangers: int = 0
    """RTP packets from another address than the latched one; dropped."""
    unauthenticated: int = 0
    """Datagrams that the keys of SRTP do not open: forged, truncated, or under other keys."""
    replayed: int = 0
    """SRTP packets that came twice, or so late that nobody can tell; dropped."""
    held: int = 0
    """Packets that came while we were told not to receive; dropped."""
    digits: int = 0
    jitter: float = 0.0
    """Interarrival jitter in seconds (RFC 3550 section 6.4.1)."""

    # Downlink: agent to network
    sent: int = 0
    sent_bytes: int = 0
    """Payload octets sent."""
    unsent: int = 0
    """Packets the socket refused."""
    heard: float = 0.0
    """Seconds of agent speech put on the wire."""
    overflow: int = 0
    """PCM samples of agent speech dropped because the playout buffer was full."""
    digits_sent: int = 0
    shed: int = 0
    """Quiet frames left out so that a queue that never empties costs no lasting delay."""
    stretched: int = 0
    """Frames made of a sample more or less, to follow the clock of a feed without pauses."""
    talkspurts: int = 0
    ticks: int = 0
    ticks_late: int = 0
    """Ticks left out because their whole time had passed."""
    ticks_behind: int = 0
    """Ticks more than 10 ms after their time, and those left out."""
    tick_late_sum: float = 0.0
    """Seconds by which ticks came after their time, all together."""
    tick_late_max: float = 0.0

    # What the peer's RTCP says
    remote_reports: int = 0
    """Reports of the peer on what it gets from us."""
    remote_deaf: int = 0
    """Reports in a row, up to the last, by which not one of our packets came."""
    rtt: float | None = None
    """Round trip in seconds, from the peer's last report on us."""
    remote_lost: int = 0
    """Packets of ours the peer has missed so far."""
    remote_fraction_lost: float = 0.0
    """Share of our packets missing in the peer's last interval, 0 to 1."""
    remote_jitter: float = 0.0
    """Jitter of our packets at the peer, in seconds."""
