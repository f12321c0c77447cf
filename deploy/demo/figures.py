"""The demo's figures, each with where it was measured, and the checks that it did what it says."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from deploy.demo.phone import Report
from deploy.demo.recording import FRAME_S
from deploy.demo.script import GREETING
from deploy.demo.sound import Delay, Talk, talkspurts
from deploy.demo.story import Story

__all__ = ["Evidence"]

LATE_PACKETS = 2
"""Packets of old speech that may follow a barge-in: one on its way, one for the clocks' errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was seen of the call."""

    story: Story
    talk: Talk
    journal: dict[str, Any]
    phone: Report | None
    delay: Delay | None

    def second(self, at: float) -> float:
        """The second of the audio that the caller had heard up to `at` seconds into the call."""
        return self.talk.mark(self.story.began + at)

    @property
    def mark_s(self) -> float:
        """Where in the audio the first barge-in lies, in seconds."""
        return self.second(self.story.barge_ins[0].at)

    @property
    def old_packets(self) -> int:
        """Packets of agent speech that the caller still heard after the barge-in."""
        return self.talk.speech_after(self.mark_s)

    @property
    def silence_ms(self) -> float | None:
        """From the caller's first sound over the agent's speech to the agent's silence."""
        starts = [start for start, _ in talkspurts(self.talk.caller) if start < self.mark_s]
        silent_s = self.mark_s + self.old_packets * FRAME_S
        return 1000 * (silent_s - starts[-1]) if starts else None

    def faults(self) -> list[str]:
        """What should have happened and did not; empty when all is well."""
        story = self.story
        agent = [line.text for line in story.lines if line.role == "agent"]
        checks = [
            (bool(story.barge_ins), "the caller did not interrupt the agent"),
            (story.outcome == ("success", "agent-hung-up"), f"the call ended as {story.outcome}"),
            ("hang_up" in story.tools, "the agent did not use its hang_up tool"),
            (bool(agent) and len(agent[0]) < len(GREETING), "the greeting was not cut short"),
            (any(line.role == "user" for line in story.lines), "the agent did not hear the caller"),
            (bool(talkspurts(self.talk.caller)), "the caller's channel is silent"),
            (bool(talkspurts(self.talk.agent)), "the agent's channel is silent"),
            (self.delay is not None, "the echo agent's call brought back no sound"),
            (self.phone is not None, "baresip printed no report of its call"),
        ]
        faults = [fault for happened, fault in checks if not happened]
        if story.barge_ins and self.old_packets > LATE_PACKETS:
            faults.append(f"{self.old_packets} packets of old speech followed the barge-in")
        return faults

    def rows(self) -> list[tuple[str, str, str]]:
        """Figure, value, how it was measured."""
        sound, timings = self.journal["sound"], self.journal["timings"]
        turns = [f"{1000 * turn:.0f}" for turn in self.journal["turns"]]
        agent_ms = 1000 * (timings["agent-joined"] - timings["ringing"])
        rows = [
            (
                "setup",
                f"{1000 * timings['answered']:.0f} ms",
                f"INVITE to ACK, bridge; {agent_ms:.0f} ms of it to create and join the agent",
            ),
            (
                "turn latency",
                f"{', '.join(turns)} ms",
                "bridge's two wires; the stand-in waits 384 ms to be sure of a turn's end",
            ),
            (
                "barge-in",
                f"{self.journal['barge_in_dropped_ms']:,} ms dropped",
                f"bridge; {self.old_packets} packets of old speech reached the phone after it",
            ),
        ]
        if self.silence_ms is not None:
            how = "caller's first sound to agent's last packet, phone's recordings"
            rows.append(("agent silent after", f"{self.silence_ms:.0f} ms", how))
        received, lost = sound["received"], sound["lost"]
        rows.append(("loss, caller to agent", f"{lost} of {received + lost}", "bridge"))
        if self.phone is not None:
            total = len(self.talk.heard_at) + self.phone.lost
            rows.append(
                ("loss, agent to caller", f"{self.phone.lost} of {total}", "baresip's report")
            )
        rows.append(("jitter, caller to agent", f"{sound['jitter_ms']:.1f} ms", "bridge, RFC 3550"))
        if self.phone is not None:
            rows.append(
                ("jitter, agent to caller", f"{self.phone.jitter_ms:.1f} ms", "baresip's report")
            )
        if self.delay is not None:
            rows.append(
                (
                    "added delay, there and back",
                    f"{self.delay.median_ms:.1f} ms (95 % below {self.delay.p95_ms:.1f})",
                    "second phone, echo agent: sent and heard, cross-correlated, "
                    f"{self.delay.frames} packets",
                )
            )
        return rows

    def table(self) -> Table:
        """The rows for the terminal."""
        table = Table("figure", "measured", "where and how")
        for row in self.rows():
            table.add_row(*row)
        return table

    def save(self, path: Path) -> None:
        """Write the figures, and where the barge-in lies in the audio, as JSON."""
        kept: dict[str, Any] = {"figures": [list(row) for row in self.rows()]}
        kept["barge_in"] = {
            "at_s": round(self.mark_s, 4),
            "dropped_ms": self.story.barge_ins[0].dropped_ms,
            "old_packets": self.old_packets,
        }
        if self.delay is not None:
            kept["added_delay_ms"] = round(self.delay.median_ms, 2)
        path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
