"""What is compiled: the modules through which every packet and every frame goes."""

MODULES = (
    "rtp/arrivals.py",
    "rtp/codec.py",
    "rtp/creep.py",
    "rtp/decoder.py",
    "rtp/downlink.py",
    "rtp/dtmf.py",
    "rtp/encoder.py",
    "rtp/format.py",
    "rtp/frames.py",
    "rtp/jitter.py",
    "rtp/keepalive.py",
    "rtp/latch.py",
    "rtp/lateness.py",
    "rtp/ledger.py",
    "rtp/line.py",
    "rtp/metronome.py",
    "rtp/numbering.py",
    "rtp/pacer.py",
    "rtp/packet.py",
    "rtp/passage.py",
    "rtp/pauses.py",
    "rtp/playout.py",
    "rtp/receiver.py",
    "rtp/relay.py",
    "rtp/seam.py",
    "rtp/srtp.py",
    "rtp/stats.py",
    "rtp/stream.py",
    "rtp/timeline.py",
    "rtp/uplink.py",
    "rtp/wire.py",
    "bridge/agents/speech.py",
    "bridge/agents/talk.py",
    "bridge/agents/turns.py",
    "bridge/ultravox/receiver.py",
    "bridge/ultravox/session.py",
    "bridge/ultravox/session_stats.py",
)
EXTENSIONS: dict[str, tuple[str, ...]] = {
    "bridge/_arenas.c": (),
    "rtp/_datagrams.c": (),
    "rtp/_srtp.c": ("crypto",),
}
"""Sources in C and what they are linked with; without one its twin in Python serves, or nothing."""
OPTIMIZATION = "2"
"""As for gcc's -O; 3 takes longer and gains nothing here."""
MYPY = """\
[mypy]
explicit_package_bases = True
namespace_packages = True
ignore_missing_imports = True
"""
