"""The callers' signalling: SIPp, which is not our code, dials the bridge.

Each call's media port comes from an injection file, so that one of our telephones answers for the
audio. Set-up times come from SIPp's log of messages, whose times are in microseconds; those of its
own statistics are in whole milliseconds.
"""

import csv
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tests.bench.worker import pinned

__all__ = ["CallsFailed", "Dialled", "Offered", "Sipp", "read_finals", "read_setups"]

GRACE_S = 30.0
"""How long SIPp may take to leave once its calls should be over."""

_OFFER = """\
v=0
o=caller [call_number] 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [field0] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=ptime:20
"""

_REQUEST = Template("""
  <send retrans="500"><![CDATA[
$method sip:bench@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:caller[call_number]@[local_ip]:[local_port]>;tag=[pid]-[call_number]
To: <sip:bench@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: $number $method
Contact: <sip:caller@[local_ip]:[local_port]>
Max-Forwards: 70
$body
  ]]></send>
""")

_REFUSED = """
  <recv response="503" optional="true" next="refused"/>
"""

_ACKNOWLEDGE_REFUSAL = """
  <nop next="over"/>
  <label id="refused"/>
  <send><![CDATA[
ACK sip:bench@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <label id="over"/>
"""

_ANSWER_BYE = """
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

  ]]></send>
"""


class CallsFailed(Exception):
    """Calls that should have been answered were not."""

    def __init__(self, message: str, dialled: "Dialled | None" = None) -> None:
        """`dialled` says how the whole batch went, where that is known."""
        super().__init__(message)
        self.dialled = dialled


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """How one batch of calls went."""

    calls: int
    answered: int
    failed: int
    retransmissions: int
    setups_s: list[float]
    """INVITE sent to 200 received, of each call."""
    answered_at: list[float]
    """When each 200 came, in seconds since the first INVITE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What became of calls that may be refused."""

    calls: int
    answered_s: list[float]
    """INVITE sent to 200 received, of each call that was answered."""
    refused_s: list[float]
    """INVITE to 503."""
    others: int
    """Calls that ended otherwise, or never."""
    retransmissions: int


class Sipp:
    """A batch of `calls` dialled at `rate` a second, one for each port in turn.

    They hang up after `talk_s`, or where it is None wait until the other side does.
    """

    def __init__(
        self,
        folder: Path,
        *,
        target: tuple[str, int],
        local: tuple[str, int],
        calls: int,
        rate: int,
        ports: Sequence[int],
        talk_s: float | None,
        cores: set[int],
        offer: str | None = None,
        refusable: bool = False,
    ) -> None:
        """`offer` is another description than that of plain G.711.

        Calls that are `refusable` may get 503.
        """
        folder.mkdir()
        self._folder = folder
        self._calls = calls
        self._screen = (folder / "screen.txt").open("w+")
        (folder / "calls.xml").write_text(_scenario(talk_s, offer or _OFFER, refusable=refusable))
        (folder / "ports.csv").write_text("SEQUENTIAL\n" + "".join(f"{each};\n" for each in ports))
        command = ["sipp", f"{target[0]}:{target[1]}", "-i", local[0], "-p", str(local[1])]
        command += ["-sf", "calls.xml", "-inf", "ports.csv", "-m", str(calls), "-r", str(rate)]
        command += ["-l", str(calls), "-timer_resol", "1", "-nostdin", "-nd"]
        command += ["-trace_stat", "-stf", "statistics.csv", "-fd", "1"]
        command += ["-trace_shortmsg", "-shortmessage_file", "messages.csv"]
        command += ["-trace_err", "-error_file", "errors.txt", "-skip_rlimit"]
        self._process = pinned(
            ["env", "-C", str(folder), *command],
            cores,
            stdin=subprocess.DEVNULL,
            stdout=self._screen,
            stderr=subprocess.STDOUT,
        )

    def failing(self) -> bool:
        """Whether SIPp has already left, which it does not while calls are up."""
        return self._process.poll() is not None

    def wait(self, timeout: float) -> Dialled:
        """Wait until all calls are over. Raises CallsFailed unless every call was answered.

        An exit status of 0 is not believed alone: SIPp has told timeouts as success before.
        """
        try:
            status = self._process.wait(timeout + GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise CallsFailed(f"calls were not over in {timeout:.0f} s: {self._why()}") from None
        finally:
            self._screen.close()
        with (self._folder / "statistics.csv").open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        setups, answered_at = read_setups(self._folder / "messages.csv")
        dialled = Dialled(
            calls=self._calls,
            answered=len(setups),
            failed=int(last["FailedCall(C)"]),
            retransmissions=int(last["Retransmissions(C)"]),
            setups_s=setups,
            answered_at=answered_at,
        )
        if status or dialled.failed or dialled.answered != self._calls:
            raise CallsFailed(
                f"{dialled.answered} of {self._calls} answered, {dialled.failed} failed, "
                f"SIPp left with {status}: {self._why()}",
                dialled,
            )
        return dialled

    def wait_offered(self, timeout: float) -> Offered:
        """Wait until all refusable calls are over. Raises CallsFailed where that takes too long."""
        try:
            self._process.wait(timeout + GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise CallsFailed(f"calls were not over in {timeout:.0f} s: {self._why()}") from None
        finally:
            self._screen.close()
        with (self._folder / "statistics.csv").open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        finals = read_finals(self._folder / "messages.csv")
        answered = [after for status, after in finals if status == "200"]
        refused = [after for status, after in finals if status == "503"]
        return Offered(
            calls=self._calls,
            answered_s=answered,
            refused_s=refused,
            others=max(self._calls - len(answered) - len(refused), int(last["FailedCall(C)"])),
            retransmissions=int(last["Retransmissions(C)"]),
        )

    def kill(self) -> None:
        """End SIPp at once, if it still runs."""
        self._process.kill()
        self._process.wait()

    def _why(self) -> str:
        errors = self._folder / "errors.txt"
        text = errors.read_text(errors="replace") if errors.exists() else ""
        return text[-1500:] or (self._folder / "screen.txt").read_text()[-1500:]


def read_setups(messages: Path) -> tuple[list[float], list[float]]:
    """Set-up times from SIPp's short message log, and when each call was answered.

    Its columns: date and time, seconds since 1970, S or R, Call-ID, CSeq, first line.
    """
    invited: dict[str, float] = {}
    answered: dict[str, float] = {}
    with messages.open(newline="") as file:
        for row in csv.reader(file, delimiter="\t"):
            _, _, at, direction, call_id, cseq, first_line = row[:7]
            if not cseq.strip().endswith("INVITE"):
                continue
            if direction == "S" and first_line.startswith("INVITE"):
                invited.setdefault(call_id, float(at))
            elif direction == "R" and first_line.startswith("SIP/2.0 200"):
                answered.setdefault(call_id, float(at))
    setups = [at - invited[call_id] for call_id, at in answered.items()]
    first = min(invited.values(), default=0.0)
    return setups, sorted(at - first for at in answered.values())


def read_finals(messages: Path) -> list[tuple[str, float]]:
    """Status of the final answer to each INVITE, and after how many seconds it came."""
    invited: dict[str, float] = {}
    finals: dict[str, tuple[str, float]] = {}
    with messages.open(newline="") as file:
        for row in csv.reader(file, delimiter="\t"):
            _, _, at, direction, call_id, cseq, first_line = row[:7]
            if not cseq.strip().endswith("INVITE"):
                continue
            if direction == "S":
                invited.setdefault(call_id, float(at))
            elif (status := first_line.split()[1]) >= "200":
                finals.setdefault(call_id, (status, float(at) - invited[call_id]))
    return list(finals.values())


def _scenario(talk_s: float | None, offer: str, *, refusable: bool) -> str:
    body = f"Content-Type: application/sdp\nContent-Length: [len]\n\n{offer}"
    invite = _REQUEST.substitute(method="INVITE", number=1, body=body)
    ack = _REQUEST.substitute(method="ACK", number=1, body="Content-Length: 0\n")
    steps = [invite, *(f'<recv response="{code}" optional="true"/>' for code in (100, 180, 183))]
    steps += [_REFUSED] if refusable else []
    steps += ['<recv response="200"/>', ack.replace(' retrans="500"', "")]
    if talk_s is None:
        steps.append(_ANSWER_BYE)
    else:
        bye = _REQUEST.substitute(method="BYE", number=2, body="Content-Length: 0\n")
        steps += [f'<pause milliseconds="{talk_s * 1000:.0f}"/>', bye, '<recv response="200"/>']
    steps += [_ACKNOWLEDGE_REFUSAL] if refusable else []
    return f'<?xml version="1.0"?>\n<scenario name="bench">\n{"".join(steps)}\n</scenario>\n'
