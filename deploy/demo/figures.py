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
        """Figure, value, how it was measured; a figure that nobody could measure is left out."""
        return [*self._manners(), *self._wires(), *self._delay()]

    def _manners(self) -> list[tuple[str, str, str]]:
        timings = self.journal["timings"]
        turns = ", ".join(f"{1000 * turn:.0f}" for turn in self.journal["turns"])
        agent_ms = 1000 * (timings["agent-joined"] - timings["ringing"])
        setup = f"{1000 * timings['answered']:.0f} ms"
        rows = [
            ("setup", setup, f"bridge, INVITE to ACK; {agent_ms:.0f} ms for the agent"),
            ("turn latency", f"{turns} ms", "bridge; 384 ms are the stand-in's pause"),
            (
                "barge-in",
                f"{self.journal['barge_in_dropped_ms']:,} ms dropped",
                f"bridge; packets of old speech after it: {self.old_packets}",
            ),
        ]
        if self.silence_ms is not None:
            how = "phone, from the caller's first sound"
            rows.append(("agent silent", f"after {self.silence_ms:.0f} ms", how))
        return rows

    def _wires(self) -> list[tuple[str, str, str]]:
        sound = self.journal["sound"]
        lost, total = sound["lost"], sound["received"] + sound["lost"]
        rows = [
            ("loss to agent", f"{lost} of {total}", "bridge"),
            ("jitter to agent", f"{sound['jitter_ms']:.1f} ms", "bridge, RFC 3550"),
        ]
        if self.phone is not None:
            lost, total = self.phone.lost, len(self.talk.heard_at) + self.phone.lost
            rows += [
                ("loss to caller", f"{lost} of {total}", "baresip's report"),
                ("jitter to caller", f"{self.phone.jitter_ms:.1f} ms", "baresip's report"),
            ]
        return rows

    def _delay(self) -> list[tuple[str, str, str]]:
        if self.delay is None:
            return []
        value = f"{self.delay.median_ms:.1f} ms (p95 {self.delay.p95_ms:.1f})"
        how = (
            "there and back: what a second phone sent and heard of an agent that echoes, "
            f"cross-correlated, {self.delay.frames} packets"
        )
        return [("added delay", value, how)]

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
