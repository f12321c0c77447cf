"""The tools of the bridge itself, which an agent's `tools` may name."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from bridge.dial_policy import DialPolicy, NotAllowed
from bridge.errors import NotNow
from bridge.tools.answers import HangUp, Reply, ToolError
from bridge.tools.controls import Controls
from bridge.tools.definition import Definition
from bridge.tools.function import FunctionTool
from bridge.tools.options import tool
from bridge.tools.results import ToolResult, raised, refusal, result_of
from bridge.tools.signature import BadArguments
from rtp.dtmf import Rhythm
from sip import SipError

__all__ = ["BUILT_IN", "BuiltIn", "built_in"]

LONGEST_WAIT_S = 30.0
"""For digits: within what Ultravox waits for a tool."""


def hang_up(
    farewell: Annotated[str, Field(description="What to say before hanging up.")] = "",
) -> HangUp:
    """End the phone call, when the conversation is over.

    `farewell` is spoken to the caller before the line closes.
    """
    return HangUp(farewell or None)


def send_dtmf(
    controls: Controls,
    digits: Annotated[
        str,
        Field(
            pattern="^[0-9*#A-Da-dwW,]{1,128}$",
            description="Keys 0-9 * # A-D; w waits half a second, a comma two.",
        ),
    ],
    duration_ms: Annotated[
        int, Field(ge=40, le=1000, description="How long each key sounds.")
    ] = 100,
    pause_ms: Annotated[
        int, Field(ge=40, le=10000, description="How long it is to the next key.")
    ] = 100,
) -> Reply:
    """Press keys of the telephone (DTMF), to answer a menu or to dial an extension.

    Afterwards listen to what the other side says.
    """
    controls.press(digits, Rhythm(tone_ms=duration_ms, pause_ms=pause_ms))
    return Reply("The keys are being pressed.", reaction="listens")


@tool(timeout_s=10)
async def hold(controls: Controls) -> str:
    """Put the other party on hold: they hear nothing of you until you use `resume`.

    Say before that you are going to.
    """
    await controls.park()
    return "They are on hold and hear nothing of you. Use resume to speak with them again."


@tool(timeout_s=10)
async def resume(controls: Controls) -> str:
    """Take the other party back from hold."""
    await controls.unpark()
    return "They hear you again."


@tool(timeout_s=40)
async def collect_digits(
    controls: Controls,
    count: Annotated[int, Field(ge=1, le=32, description="How many digits at most.")],
    end_key: Annotated[
        Literal["#", "*", "none"], Field(description="The key that ends the entry before that.")
    ] = "#",
    wait_s: Annotated[
        float, Field(ge=1, le=LONGEST_WAIT_S, description="Seconds to wait for all of them.")
    ] = 15,
) -> str:
    """Wait for the caller to enter digits on the telephone's keys, such as an account number.

    Ask the caller for them first, and name the key that ends the entry.
    """
    end = "" if end_key == "none" else end_key
    digits = await controls.collect(count, end=end, timeout_s=wait_s)
    return f"The caller entered {digits}." if digits else "The caller entered nothing."


def take_message(
    controls: Controls,
    message: Annotated[str, Field(min_length=1, max_length=10_000)],
    caller: Annotated[
        str, Field(max_length=200, description="Who left it, and how to reach them.")
    ] = "",
) -> str:
    """Take down a message, in the caller's own words, for those who cannot come to the phone."""
    controls.take_message(message, caller)
    return "The message has been taken down."


def _transfer(policy: DialPolicy) -> Callable[..., Awaitable[str]]:
    @tool(name="transfer", timeout_s=10)
    async def transfer(
        controls: Controls,
        destination: str,
        summary: Annotated[str, Field(max_length=2000)] = "",
    ) -> str:
        """Transfer the other party to somebody else. Say before that you are going to."""
        try:
            place = policy.resolve(destination)
        except NotAllowed as error:
            raise ToolError(f"Not transferred: {error}.") from None
        return await controls.transfer(place, summary)

    return transfer


BUILT_IN: Mapping[str, Callable[[DialPolicy], Callable[..., Any]]] = {
    "hang_up": lambda _: hang_up,
    "send_dtmf": lambda _: send_dtmf,
    "hold": lambda _: hold,
    "resume": lambda _: resume,
    "collect_digits": lambda _: collect_digits,
    "take_message": lambda _: take_message,
    "transfer": _transfer,
}
"""What makes each, given whom the agent may transfer calls to."""


class BuiltIn:
    """One of them, for one agent."""

    def __init__(
        self, function: Callable[..., Any], *, policy: DialPolicy, introduction: str
    ) -> None:
        self._tool = FunctionTool(function, ours=Controls)
        self.name = self._tool.name
        self.timeout_s = self._tool.options.timeout_s
        self.definition = self._tool.definition
        if self.name == "transfer":
            self.definition = _with_places(self.definition, policy, introduction)

    async def use(self, controls: Controls, arguments: Mapping[str, Any]) -> ToolResult:
        """Use it on a call."""
        try:
            value = self._tool.function(**self._tool.arguments(arguments, controls))
            if inspect.isawaitable(value):
                value = await value
        except BadArguments as error:
            return refusal(f"{self.name} was not used. {error}. Mend that and use it again.")
        except (NotNow, ValueError, ToolError) as error:
            return refusal(str(error))
        except (SipError, NotImplementedError) as error:
            return raised(self.name, error)
        return result_of(value, name=self.name)


def built_in(name: str, policy: DialPolicy, *, introduction: str = "") -> BuiltIn:
    """The tool of that name, for an agent that may transfer as `policy` says.

    `introduction` is how the agent may tell of the caller whom it transfers them to; empty where
    nobody is told.
    """
    return BuiltIn(BUILT_IN[name](policy), policy=policy, introduction=introduction)


def _with_places(definition: Definition, policy: DialPolicy, introduction: str) -> Definition:
    """The definition of transfer, which tells where to, and what is said there before."""
    place, summary = definition["temporaryTool"]["dynamicParameters"]
    schema: dict[str, Any] = {"type": "string"}
    if policy.open:
        named = f"One of {', '.join(policy.names)}, or a" if policy.names else "A"
        schema["description"] = f"{named} telephone number in full."
    else:
        schema["enum"] = list(policy.names)
    parameters = [{**place, "schema": schema}]
    if introduction:
        said = {**summary["schema"], "description": introduction}
        parameters.append({**summary, "schema": said})
    return {"temporaryTool": {**definition["temporaryTool"], "dynamicParameters": parameters}}
