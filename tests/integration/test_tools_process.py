"""Tools in their own process, over the real socket: whatever they do, the bridge goes on."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import pytest_asyncio

from bridge.config import Config, ConfigError, parse
from bridge.tools import hosting
from bridge.tools.results import Kind
from bridge.tools.workshop import Workshop
from bridge.ultravox.messages import ClientToolInvocation, ClientToolResult, Message, Urgency
from tests.support.controls import Line
from tests.support.serving import command
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOLDER = Path(__file__).parents[1] / "data" / "tools"
NAMES = (
    *("add", "whoami", "count", "block", "block_loop", "wait", "burn_apart", "process", "fail"),
    *("fail_later", "refuse", "garbage", "leave", "die", "steer", "steer_from_thread"),
    *("answer_twice", "farewell", "next_stage", "stick_apart", "depart", "depart_later"),
)
THREADS = 3
STALLED_S = 2.5
BLOCKED_S = 5.0


def configuration(*tools: str, more: str = "") -> Config:
    names = ", ".join(f'"{each}"' for each in tools)
    text = f"""
        ultravox: {{api_key: k}}
        agents: {{desk: {{agent_id: a, tools: [hang_up, {names}]}}}}
        tools: {{threads: {THREADS}}}
        {more}
    """
    return parse(text, {}, folder=FOLDER)


class Desk:
    """One call at a workshop."""

    def __init__(self, workshop: Workshop, line: Line | None = None) -> None:
        self.line = line or Line()
        self.sent: list[Message] = []
        self.workshop = workshop
        self.results: list[str] = []
        self.bench = workshop.bench("desk")
        self.invocations = self.bench.begin(self.line, send=self.sent.append, note=self._note)
        self.definitions = self.bench.definitions
        self._asked = 0

    def _note(self, _: str, **fields: Any) -> None:
        self.results.append(fields["result"])

    def ask(self, name: str, **parameters: Any) -> None:
        self._asked += 1
        invocation = ClientToolInvocation(
            tool_name=name, invocation_id=f"i-{self._asked}", parameters=parameters
        )
        self.invocations.take(invocation)

    async def use(self, name: str, **parameters: Any) -> ClientToolResult:
        """Use a tool and wait for its answer."""
        self.ask(name, **parameters)
        return await self.answer()

    async def answer(self) -> ClientToolResult:
        number = f"i-{self._asked}"
        await until(lambda: any(each.invocation_id == number for each in self._answers()))
        return next(each for each in self._answers() if each.invocation_id == number)

    def _answers(self) -> list[ClientToolResult]:
        return [each for each in self.sent if isinstance(each, ClientToolResult)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workshop() -> AsyncIterator[Workshop]:
    config = configuration(*(f"trying_tools:{name}" for name in NAMES))
    with (
        mock.patch.object(hosting, "FIRST_PAUSE_S", 0.1),
        mock.patch.object(hosting, "LONGEST_PAUSE_S", 0.2),
        mock.patch.object(hosting, "PING_S", 0.2),
        mock.patch.object(hosting, "STALLED_S", STALLED_S),
    ):
        shop = Workshop(config, observe=lambda _: None)
        await shop.open()
        yield shop
        await shop.close()


@pytest.fixture
def desk(workshop: Workshop) -> Desk:
    return Desk(workshop)


async def restarted(desk: Desk) -> None:
    """Wait until the tools' process has been begun again."""
    async with asyncio.timeout(2 * PATIENCE_S):
        while (await desk.use("add", first=1, second=1)).result != "2":  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_plain_function_runs_elsewhere_and_its_result_comes_back(desk: Desk) -> None:
    assert (await desk.use("add", first="2", second=3)).result == "5"
    assert int((await desk.use("process")).result or "") != os.getpid()
    assert (await desk.use("count")).result == "1"
    assert (await desk.use("count")).result == "2"


async def test_an_async_function_is_given_the_call(desk: Desk) -> None:
    result = (await desk.use("whoami")).result
    assert result == (
        '{"caller":"+4420","direction":"inbound","account":"42","name":"Ann","said":"Hello?"}'
    )


async def test_wrong_arguments_are_told_to_the_model_and_never_reach_the_function(
    desk: Desk,
) -> None:
    answer = await desk.use("add", first="two")
    assert answer.error_type is None
    assert "first: Input should be a valid integer" in (answer.result or "")
    assert "second: Field required" in (answer.result or "")
    assert desk.results == ["refused"]


@pytest.mark.parametrize("name", ["fail", "fail_later"])
async def test_an_exception_is_told_by_type_and_place_and_none_of_its_words(
    desk: Desk, name: str
) -> None:
    answer = await desk.use(name)
    assert answer.error_type == "implementation-error"
    assert answer.result is None
    told = answer.error_message or ""
    assert told.startswith(f"{name} raised RuntimeError in {name}, line ")
    assert "hunter2" not in told


async def test_a_tool_may_tell_the_model_what_to_do(desk: Desk) -> None:
    answer = await desk.use("refuse", number=7)
    assert (answer.error_type, answer.result) == (None, "There is no order 7.")


async def test_garbage_is_an_error(desk: Desk) -> None:
    answer = await desk.use("garbage")
    assert answer.error_message == "garbage returned lock, which JSON cannot hold"


async def test_a_tool_that_blocks_is_given_up_in_time_and_leaves_the_loop_alone(
    desk: Desk,
) -> None:
    loop = asyncio.get_running_loop()
    began, late = loop.time(), 0.0
    desk.ask("block", seconds=BLOCKED_S)
    while not desk.results:
        due = loop.time() + 0.005
        await asyncio.sleep(0.005)
        late = max(late, loop.time() - due)
    assert loop.time() - began < BLOCKED_S
    assert (await desk.answer()).error_message == "block took longer than 0.9 s"
    assert late < BLOCKED_S / 2


async def test_a_tool_that_blocks_the_tools_loop_is_given_up_in_time_too(desk: Desk) -> None:
    began = time.monotonic()
    answer = await desk.use("block_loop", seconds=BLOCKED_S)
    assert time.monotonic() - began < BLOCKED_S
    assert answer.error_message == "block_loop took longer than 0.9 s"
    await restarted(desk)


async def test_an_async_tool_is_cancelled_when_it_takes_too_long(desk: Desk) -> None:
    assert (await desk.use("wait", seconds=30)).error_type == "implementation-error"
    await until(lambda: desk.line.done == [("tell", "cancelled", Urgency.SOON)])


async def test_what_still_runs_when_the_call_ends_is_cancelled(desk: Desk) -> None:
    desk.ask("wait", seconds=30)
    await asyncio.sleep(0.1)
    desk.invocations.close()
    await until(lambda: desk.results == ["cancelled"])
    assert desk.sent == []


async def test_a_tool_that_computes_for_long_may_have_a_process_of_its_own(desk: Desk) -> None:
    apart = await desk.use("burn_apart", seconds=0.1)
    here = await desk.use("process")
    assert apart.result != here.result


async def test_a_process_of_its_own_that_never_ends_is_ended_for_the_next(desk: Desk) -> None:
    assert (await desk.use("stick_apart")).error_type == "implementation-error"
    assert (await desk.use("burn_apart", seconds=0.01)).error_type is None


@pytest.mark.parametrize("name", ["depart", "depart_later"])
async def test_a_tool_that_exits_leaves_the_process_running(desk: Desk, name: str) -> None:
    answer = await desk.use(name)
    assert (answer.error_message or "").startswith(f"{name} raised SystemExit in {name}, line ")
    assert (await desk.use("add", first=1, second=2)).result == "3"


async def test_a_tool_does_to_the_call_what_a_call_allows(desk: Desk) -> None:
    assert (await desk.use("steer")).result == "123"
    assert desk.line.done == [
        ("press", "1#"),
        ("tell", "told", Urgency.IMMEDIATE),
        ("message", "call back", "Ann"),
        ("park",),
        ("collect", 3, "*", 5),
        ("unpark",),
    ]
    answer = await desk.use("steer_from_thread")
    assert desk.line.done[-1] == ("press", "2")
    assert (answer.agent_reaction, answer.update_call_state) == ("listens", {"pressed": 1})


async def test_a_call_that_does_not_allow_it_says_why(desk: Desk) -> None:
    desk.line.refusal = "the call is ringing"
    assert (await desk.use("steer")).result == "the call is ringing"


async def test_what_a_tool_finds_later_is_told_later(desk: Desk) -> None:
    assert (await desk.use("answer_twice")).result == "I am looking that up."
    await until(lambda: len(desk.line.done) == 2)
    assert set(desk.line.done) == {
        ("tell", "a word meanwhile", Urgency.SOON),
        ("tell", '{"found":1}', Urgency.LATER),
    }


async def test_what_a_tool_finds_after_the_call_is_told_to_nobody(desk: Desk) -> None:
    await desk.use("answer_twice", seconds=0.3)
    desk.invocations.close()
    desk.bench.over(desk.line.facts.id)
    await asyncio.sleep(0.5)
    assert [each[1] for each in desk.line.done] == ["a word meanwhile"]


async def test_an_agent_that_leaves_its_call_leaves_the_tools_of_another_their_way_back(
    desk: Desk, workshop: Workshop
) -> None:
    other = Desk(workshop, desk.line)
    other.ask("wait", seconds=20)
    await other.use("answer_twice", seconds=0.2)
    desk.invocations.close()
    await until(lambda: len(desk.line.done) == 3)
    told = {each[1] for each in desk.line.done}
    assert told == {"a word meanwhile", '{"found":1}', "cancelled"}


async def test_a_tool_hangs_up_and_begins_stages(desk: Desk) -> None:
    assert (await desk.use("farewell")).response_type == "hang-up"
    answer = await desk.use("next_stage")
    assert answer.response_type == "new-stage"
    assert '"modelToolName": "sell"' in (answer.result or "")
    assert (await desk.use("sell", amount=3)).result == "sold 3"


@pytest.mark.parametrize("name", ["leave", "die"])
async def test_a_process_that_ends_is_begun_again(desk: Desk, name: str) -> None:
    answer = await desk.use(name)
    assert answer.error_message == "the tools' process ended"
    answer = await desk.use("add", first=1, second=2)
    assert answer.error_message == "the tools' process is being begun again"
    await restarted(desk)


async def test_threads_that_never_end_do_not_use_up_the_process(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(THREADS):
        desk.ask("block", seconds=100)
    await until(lambda: desk.results.count("timeout") == THREADS)
    await restarted(desk)
    assert "held by a tool without end" in caplog.text
    assert desk.workshop.usage.running == 0


async def test_a_process_whose_loop_is_held_up_is_begun_again(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.ask("block_loop", seconds=100)
    await restarted(desk)
    assert f"has not answered for {STALLED_S} s" in caplog.text


async def test_a_service_whose_tools_are_not_there_ends_with_2_and_says_why(
    tmp_path: Path,
) -> None:
    file = tmp_path / "bridge.yaml"
    tools = "['no_such_module:f', 'slips:late']"
    file.write_text(
        "sip: {listen: ['udp://127.0.0.1:0'], public_address: 127.0.0.1}\n"
        "ultravox: {api_key: k}\n"
        f"agents: {{desk: {{agent_id: a, tools: {tools}}}}}\n"
        "control: {listen: null}\n"
    )
    (tmp_path / "slips.py").write_text(
        "from bridge.tools import tool\n\n\n@tool(timeout_s=90)\ndef late() -> None: ...\n"
    )
    status, _, err = await command("serve", "-c", str(file))
    assert status == 2
    assert err.splitlines() == [
        f"{file}:3: agents.desk.tools.1: there is no module no_such_module",
        f"{file}:3: agents.desk.tools.2: module slips cannot be imported: ValueError: timeout_s"
        " should be over 0 and at most 40 seconds; with late= it may be longer, line 4",
    ]


async def test_an_agent_is_offered_what_the_functions_say(desk: Desk) -> None:
    named = {each["temporaryTool"]["modelToolName"]: each for each in desk.definitions}
    assert set(named) == {"hang_up", *NAMES}
    assert named["add"]["temporaryTool"]["description"] == "Add two numbers."
    assert desk.workshop.usage.results[Kind.OK] > 0


async def test_nothing_is_left_when_the_tools_are_closed() -> None:
    shop = Workshop(
        configuration("trying_tools:process", "trying_tools:burn_apart"), observe=lambda _: None
    )
    await shop.open()
    desk = Desk(shop)
    there = int((await desk.use("process")).result or "")
    apart = int((await desk.use("burn_apart", seconds=0.01)).result or "")
    assert alive(there)
    assert alive(apart)
    await shop.close()
    await until(lambda: not alive(there) and not alive(apart))


def alive(process: int) -> bool:
    """Whether it runs, and has not merely not been waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_without_tools_of_your_own_there_is_no_process() -> None:
    text = "{ultravox: {api_key: k}, agents: {desk: {agent_id: a, tools: [hang_up]}}}"
    shop = Workshop(parse(text, {}), observe=lambda _: None)
    await shop.open()
    assert shop._hosting is None


async def test_tools_that_are_not_there_are_told_with_their_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    config = configuration("trying_tools:ad", "no_such_module:f", "trying_tools:USED")
    with pytest.raises(ConfigError) as caught:
        await Workshop(config, observe=lambda _: None).open()
    told = {mistake.path: mistake.message for mistake in caught.value.mistakes}
    assert told == {
        "agents.desk.tools.2": "there is no ad in trying_tools; did you mean add?",
        "agents.desk.tools.3": "there is no module no_such_module",
        "agents.desk.tools.4": "trying_tools:USED cannot be a tool: is no function",
    }
    assert {mistake.line for mistake in caught.value.mistakes} == {3}
