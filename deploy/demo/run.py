"""A whole call on this machine, without an account: `make demo`.

    baresip, a recorded person ──SIP, RTP──> uvbridge serve ──HTTP, WebSocket──> uvbridge standin
              the caller                       the bridge                          "Ultravox"

Prints what happens while it happens, then the figures; writes the call as a stereo WAV, a picture
and the journal's line into demo-output/, or the folder given as argument. Exits with 1 and one line
when anything promised did not happen.
"""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bridge.commands.client import Client, NotRunning, Rejected
from deploy.demo.figures import Evidence
from deploy.demo.house import House
from deploy.demo.phone import Phone, Report
from deploy.demo.picture import Caption, Picture
from deploy.demo.processes import DemoFailed, Processes
from deploy.demo.recording import Watch
from deploy.demo.script import Sentence, caller_speech, echo_speech
from deploy.demo.sound import Talk, loop_delay, talkspurts
from deploy.demo.story import Story, find_call, follow
from deploy.ports import free_ports

__all__ = ["main"]

OUTPUT = "demo-output"
LOGS = "logs"
WAV, PICTURE, FIGURES, JOURNAL = "call.wav", "call.svg", "figures.json", "journal.jsonl"
DEADLINE_S = 60.0
"""Of all; the call takes 22 s."""
ECHO_AFTER_S, ECHO_CALL_S = 3.0, 15.0
"""When the second phone calls the echo agent, and for how long."""
HUNG_UP_BY_AGENT = ("success", "agent-hung-up")
REPORT_LOOK_S, REPORT_LOOKS = 0.05, 40
"""How often, s, and how many times the phone's report is looked for: it comes after the BYE."""

console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Run the demo and leave with its status."""
    output = Path(*(sys.argv[1:] or [OUTPUT]))
    try:
        _see_packages()
        evidence = asyncio.run(_demo(_emptied(output)))
        console.print(evidence.table())
        console.print(f"{output}: {', '.join(sorted(path.name for path in output.iterdir()))}")
        faults = evidence.faults()
        if faults:
            raise DemoFailed("; ".join(faults))
    except DemoFailed as failure:
        sys.exit(f"demo failed: {failure} (logs in {output / LOGS})")
    except TimeoutError:
        sys.exit(f"demo failed: not done after {DEADLINE_S:.0f} s (logs in {output / LOGS})")
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)


def _emptied(output: Path) -> Path:
    """The folder, without what an earlier demo left in it."""
    output.mkdir(parents=True, exist_ok=True)
    for name in (WAV, PICTURE, FIGURES, JOURNAL):
        (output / name).unlink(missing_ok=True)
    return output


async def _demo(output: Path) -> Evidence:
    """Let the call happen and keep its traces. Raises DemoFailed or TimeoutError."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with tempfile.TemporaryDirectory(prefix="uvbridge-demo-") as folder, Watch() as watch:
        async with asyncio.timeout(DEADLINE_S), Processes(output / LOGS) as processes:
            evidence, sentences = await _call(Path(folder), watch, processes)
    _write(evidence, sentences, output)
    return evidence


def _see_packages() -> None:
    """Tell all missing Debian packages at once. Raises DemoFailed."""
    missing = [] if shutil.which("baresip") else ["baresip-core"]
    try:
        caller_speech()
    except FileNotFoundError:
        missing.append("asterisk-core-sounds-en-wav")
    if missing:
        raise DemoFailed(f"Debian packages missing: {' '.join(missing)}")


async def _call(
    folder: Path, watch: Watch, processes: Processes
) -> tuple[Evidence, list[Sentence]]:
    """Let both phones call, and gather what is to be seen of it."""
    house = await House.open(folder, processes)
    speech, sentences = caller_speech()
    caller = Phone("caller", folder=folder, sip_port=free_ports(2), watch=watch)
    echo = Phone("echo", folder=folder, sip_port=free_ports(2), watch=watch)
    console.print("[dim]stand-in and bridge are up; baresip dials[/]")
    await caller.dial(house.uri("reception"), speech, processes)
    story, _ = await asyncio.gather(
        _follow(house, sentences, lambda: processes.check(caller.name)),
        _measure_delay(echo, house.uri("echo"), processes),
    )
    if story.outcome != HUNG_UP_BY_AGENT:
        raise DemoFailed(f"the call ended as {story.outcome}, not as {HUNG_UP_BY_AGENT}")
    evidence = Evidence(
        story=story,
        talk=Talk.of(caller.sent, caller.heard),
        journal=json.loads(await house.journal_line(story.id)),
        phone=await _report(caller, processes),
        delay=loop_delay(echo.sent, echo.heard),
    )
    return evidence, sentences


async def _follow(house: House, sentences: list[Sentence], calls: Callable[[], None]) -> Story:
    try:
        async with Client(house.config.control) as client:
            call_id = await find_call(client, "receptionist", calls)
            return await follow(client, call_id, sentences, console)
    except (NotRunning, Rejected) as error:
        raise DemoFailed(str(error)) from error


async def _measure_delay(phone: Phone, uri: str, processes: Processes) -> None:
    """Call the agent that echoes, beside the other call, and hang up after a while."""
    await asyncio.sleep(ECHO_AFTER_S)
    await phone.dial(uri, echo_speech(), processes)
    await asyncio.sleep(ECHO_CALL_S)
    processes.check(phone.name)
    await processes.stop(phone.name)


async def _report(phone: Phone, processes: Processes) -> Report | None:
    """The phone's report, which comes when it has heard the BYE."""
    for _ in range(REPORT_LOOKS):
        report = phone.report(processes)
        if report is not None:
            return report
        await asyncio.sleep(REPORT_LOOK_S)
    return None


def _write(evidence: Evidence, sentences: list[Sentence], output: Path) -> None:
    """The journal's line, the audio, and where there was a barge-in the picture and the figures."""
    story, talk = evidence.story, evidence.talk
    (output / JOURNAL).write_text(json.dumps(evidence.journal) + "\n")
    talk.save(output / WAV)
    if not story.barge_ins:
        return
    evidence.save(output / FIGURES)
    Picture(
        title="A call through uvbridge: baresip with a recorded person, stand-in for Ultravox",
        caller=talk.caller,
        agent=talk.agent,
        caller_captions=[
            Caption(text=each.text, start_s=talk.caller_start_s + each.start_s)
            for each in sentences
        ],
        agent_captions=_agent_captions(evidence),
        mark_s=evidence.mark_s,
        dropped_s=story.barge_ins[0].dropped_ms / 1000,
    ).save(output / PICTURE)


def _agent_captions(evidence: Evidence) -> list[Caption]:
    """The agent's words, each under the talkspurt that was heard when they were told as said."""
    captions = []
    lines = [line for line in evidence.story.lines if line.role == "agent"]
    spurts = talkspurts(evidence.talk.agent)
    ends = [start for start, _ in spurts[1:]] + [float("inf")]
    for (start, _), end in zip(spurts, ends, strict=True):
        told = [line.text for line in lines if start <= evidence.second(line.at) < end]
        captions.append(Caption(text=" ".join(told), start_s=start))
    return captions


if __name__ == "__main__":
    main()
