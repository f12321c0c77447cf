import pytest

from bridge.configuration.agents import BUILT_IN_TOOLS
from bridge.dial_policy import DialPolicy
from bridge.tools.builtin import BUILT_IN, built_in
from bridge.tools.definition import name_of
from bridge.tools.results import Kind, ToolResult
from bridge.ultravox.standin.bodies import check_call
from rtp.dtmf import Rhythm
from tests.support.controls import Line

POLICY = DialPolicy(destinations={"sales": "+442071838750"})


async def use(name: str, line: Line, **arguments: object) -> ToolResult:
    return await built_in(name, POLICY).use(line, arguments)


def test_every_tool_that_the_configuration_knows_is_there_under_its_name() -> None:
    assert set(BUILT_IN) == set(BUILT_IN_TOOLS)
    definitions = [built_in(name, POLICY).definition for name in BUILT_IN]
    assert [name_of(each) for each in definitions] == list(BUILT_IN)
    check_call({"selectedTools": definitions})


async def test_hanging_up_lets_ultravox_say_the_farewell() -> None:
    result = await use("hang_up", Line(), farewell="Goodbye!")
    assert result.hang_up == {"strict": True, "message": "Goodbye!"}
    assert (await use("hang_up", Line())).hang_up == {"strict": True}


async def test_keys_are_pressed_as_asked_and_the_agent_listens_then() -> None:
    line = Line()
    result = await use("send_dtmf", line, digits="12w#")
    assert line.done == [("press", "12w#")]
    assert result.reaction == "listens"
    assert "12" not in (result.text or "")


async def test_keys_are_pressed_in_the_rhythm_that_is_asked_for() -> None:
    line = Line()
    await use("send_dtmf", line, digits="1", duration_ms=200, pause_ms=300)
    assert line.done == [("press", "1", Rhythm(tone_ms=200, pause_ms=300))]


@pytest.mark.parametrize("name", ["send_dtmf", "hold", "resume", "collect_digits", "transfer"])
async def test_what_the_call_is_in_no_state_for_is_told_to_the_agent(name: str) -> None:
    arguments: dict[str, dict[str, object]] = {
        "send_dtmf": {"digits": "1"},
        "collect_digits": {"count": 4},
        "transfer": {"destination": "sales"},
    }
    line = Line(refusal="the call is ringing")
    result = await use(name, line, **arguments.get(name, {}))
    assert (result.kind, result.text) == (Kind.REFUSED, "the call is ringing")
    assert line.done == []


async def test_wrong_arguments_are_told_to_the_agent_and_nothing_is_done() -> None:
    line = Line()
    result = await use("send_dtmf", line, digits="call me")
    assert result.kind is Kind.REFUSED
    assert "digits: String should match pattern" in (result.text or "")
    assert line.done == []


async def test_the_other_party_is_held_and_taken_back() -> None:
    line = Line()
    await use("hold", line)
    await use("resume", line)
    assert line.done == [("park",), ("unpark",)]


async def test_digits_are_collected_within_what_ultravox_waits() -> None:
    line = Line(digits="4711")
    result = await use("collect_digits", line, count=4, end_key="none", wait_s=30)
    assert line.done == [("collect", 4, "", 30)]
    assert result.text == "The caller entered 4711."
    assert (await use("collect_digits", Line(digits=""), count=1)).text == (
        "The caller entered nothing."
    )
    assert (await use("collect_digits", line, count=4, wait_s=31)).kind is Kind.REFUSED
    timeout = built_in("collect_digits", POLICY).definition["temporaryTool"]["timeout"]
    assert timeout == "40s"


async def test_a_message_is_kept_with_who_left_it() -> None:
    line = Line()
    await use("take_message", line, message="Call back.", caller="Ann, +4420")
    assert line.done == [("message", "Call back.", "Ann, +4420")]


async def test_a_call_is_transferred_only_where_the_policy_says() -> None:
    line = Line()
    assert (await use("transfer", line, destination="Sales")).kind is Kind.OK
    assert line.done == [("transfer", "+442071838750")]
    refused = await use("transfer", line, destination="+442071838750")
    assert refused.kind is Kind.REFUSED
    assert "it may go to sales" in (refused.text or "")
    assert len(line.done) == 1


async def test_where_somebody_is_told_of_the_caller_the_agent_says_what() -> None:
    def parameters(introduction: str) -> list[dict[str, object]]:
        definition = built_in("transfer", POLICY, introduction=introduction).definition
        return list(definition["temporaryTool"]["dynamicParameters"])

    assert [each["name"] for each in parameters("")] == ["destination"]
    _, summary = parameters("Who it is. Ask them to press 1.")
    assert (summary["name"], summary["required"]) == ("summary", False)
    assert summary["schema"] == {
        "type": "string",
        "maxLength": 2000,
        "description": "Who it is. Ask them to press 1.",
    }
    line = Line()
    await use("transfer", line, destination="sales", summary="Ann, about her bill.")
    assert line.done == [("transfer", "+442071838750", "Ann, about her bill.")]


def test_the_agent_is_told_where_it_may_transfer_to() -> None:
    def schema(policy: DialPolicy) -> object:
        definition = built_in("transfer", policy).definition["temporaryTool"]
        return definition["dynamicParameters"][0]["schema"]

    assert schema(POLICY) == {"type": "string", "enum": ["sales"]}
    assert schema(DialPolicy(allow=["+44*"])) == {
        "type": "string",
        "description": "A telephone number in full.",
    }
    both = DialPolicy(destinations={"sales": "1", "help": "2"}, allow=["+44*"])
    assert schema(both) == {
        "type": "string",
        "description": "One of sales, help, or a telephone number in full.",
    }
