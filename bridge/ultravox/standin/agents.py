"""The stand-in's agents, by name, and the scripts that they speak by.

A script is a list of turns; a turn is a list of steps, done when the caller has finished speaking
(the first one at once, when the agent speaks first). A system prompt may hold one of its own:

    say: Hello {{name}}, which number?     begins a turn; {{name}} comes from templateContext
    tool: lookup {"number": 5}             in the same turn: calls a client tool
    hang up                                in the same turn: ends the call
    on weather: tool: forecast {"day": 1}  when the caller writes, or presses, what holds that word

Other lines of a prompt are left alone; a prompt without any of these makes a receptionist.
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Say a text."""

    text: str
    interruptible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke:
    """Call a client tool."""

    tool: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """End the call: when all was heard, or as soon as all was sent."""

    heard: bool = True


Step = Say | Invoke | Leave
Script = tuple[tuple[Step, ...], ...]


class Kind(Enum):
    """How an agent behaves on the socket."""

    SCRIPT = "script"
    ECHO = "echo"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What answers a call."""

    name: str
    about: str
    kind: Kind = Kind.SCRIPT
    script: Script = ()

    @property
    def id(self) -> str:
        """Its agentId besides its name: the same in every run."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.standin.uvbridge"))


def _turns(*turns: Step | tuple[Step, ...]) -> Script:
    return tuple(turn if isinstance(turn, tuple) else (turn,) for turn in turns)


GOODBYE = (Say(text="Thank you for calling. Goodbye."), Invoke(tool="hang_up", parameters={}))
RECEPTION = _turns(
    Say(text="Hello, this is the reception. How can I help you?"),
    Say(text="I see. Let me look that up for you. Is there anything else?"),
    GOODBYE,
)
MONOLOGUE = " ".join(
    f"This is sentence number {number} of a long story, which you may interrupt at any time."
    for number in range(1, 13)
)
FAREWELL = "This call ends as soon as I have said this. Goodbye."

AGENTS = {
    agent.name: agent
    for agent in (
        Agent(name="receptionist", about="greets, answers, hangs up by its tool", script=RECEPTION),
        Agent(name="echo", about="sends the caller's audio back at once", kind=Kind.ECHO),
        Agent(name="silent", about="never says anything", kind=Kind.SILENT),
        Agent(
            name="talker",
            about="talks for a minute",
            script=_turns(Say(text=MONOLOGUE), Say(text="You interrupted me. Go on."), GOODBYE),
        ),
        Agent(
            name="farewell",
            about="speaks and closes as soon as all is sent",
            script=_turns((Say(text=FAREWELL), Leave(heard=False))),
        ),
        Agent(name="late-clear", about="clears when nothing is left to clear", script=RECEPTION),
        Agent(
            name="curt",
            about="sends final transcripts without text, and no Close frame back",
            script=RECEPTION,
        ),
        Agent(name="zeros", about="sends silence while it does not speak", script=RECEPTION),
        Agent(name="garbage", about="mixes nonsense into its frames", script=RECEPTION),
        Agent(name="oversize", about="sends a frame of 5 MiB", script=RECEPTION),
        Agent(
            name="drop",
            about="breaks the connection after 2 s",
            script=_turns(Say(text=MONOLOGUE)),
        ),
        Agent(name="slow", about="takes 3 s to create a call", script=RECEPTION),
        Agent(name="hang", about="never answers the request", script=RECEPTION),
        Agent(name="busy-once", about="answers 429 to every other request", script=RECEPTION),
        Agent(
            name="lost-answer",
            about="creates calls, and breaks the connection instead of telling",
            script=RECEPTION,
        ),
        Agent(name="no-join-url", about="creates calls that cannot be joined", script=RECEPTION),
        Agent(name="refuse-join", about="answers the join with HTTP 403", script=RECEPTION),
    )
}
_FAMILIES = {
    r"error-[45]\d\d": "answers the request with that status",
    r"close-\d{4}": "closes with that code after half a second",
    r"tool:[a-zA-Z0-9_-]{1,64}": "calls that client tool, with metadata standin.parameters",
}


def find(name: str, metadata: Mapping[str, str]) -> Agent | None:
    """The agent of that name or id."""
    for agent in AGENTS.values():
        if name in (agent.name, agent.id):
            return agent
    for pattern, about in _FAMILIES.items():
        if re.fullmatch(pattern, name):
            script = _tool_script(name, metadata) if name.startswith("tool:") else RECEPTION
            return Agent(name=name, about=about, script=script)
    return None


def _tool_script(name: str, metadata: Mapping[str, str]) -> Script:
    tool = name.removeprefix("tool:")
    parameters = _json_object(metadata.get("standin.parameters", ""))
    return _turns(
        (Say(text=f"I will use the tool {tool}."), Invoke(tool=tool, parameters=parameters)),
        GOODBYE,
    )


def prompted(system_prompt: str | None) -> Script:
    """The script in a system prompt; the receptionist's when there is none."""
    turns: list[list[Step]] = []
    for line in (system_prompt or "").splitlines():
        step = _step(line.strip())
        if isinstance(step, Say) or (step and not turns):
            turns.append([])
        if step:
            turns[-1].append(step)
    return tuple(map(tuple, turns)) or RECEPTION


def cues(system_prompt: str | None) -> dict[str, tuple[Step, ...]]:
    """What a system prompt has the agent do at a word of the caller's, by that word."""
    found: dict[str, tuple[Step, ...]] = {}
    for line in (system_prompt or "").splitlines():
        if (match := re.fullmatch(r"\s*on ([^:]+):(.*)", line)) is None:
            continue
        word = match[1].strip().casefold()
        if (step := _step(match[2].strip())) is not None:
            found[word] = (*found.get(word, ()), step)
    return found


def _step(line: str) -> Step | None:
    if line.lower() == "hang up":
        return Leave()
    if line.startswith("say:"):
        return Say(text=line.removeprefix("say:").strip())
    if line.startswith("tool:"):
        name, _, parameters = line.removeprefix("tool:").strip().partition(" ")
        return Invoke(tool=name, parameters=_json_object(parameters))
    return None


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def fill(step: Step, context: Mapping[str, Any]) -> Step:
    """A step with the {{names}} in its text replaced from the template context."""
    if not isinstance(step, Say):
        return step
    text = re.sub(
        r"{{\s*([\w.]+)\s*}}", lambda match: str(context.get(match[1], match[0])), step.text
    )
    return replace(step, text=text)
