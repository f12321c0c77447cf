from bridge.dial_policy import DialPolicy
from bridge.tools.builtin import built_in
from bridge.tools.definition import define, name_of
from bridge.tools.hosted import HostedTool
from bridge.tools.options import Options
from bridge.tools.toolbox import Toolbox

HANG_UP = built_in("hang_up", DialPolicy())


def hosted(name: str, key: str = "k") -> HostedTool:
    return HostedTool.made(key, define(name, "", (), Options()), Options())


def test_a_servers_tool_whose_name_is_taken_gets_a_number() -> None:
    long = "x" * 64
    listed = {
        "a": [hosted("hang_up", "a1"), hosted(long, "a2")],
        "b": [hosted("hang_up", "b1"), hosted(long, "b2")],
    }
    box = Toolbox([HANG_UP], servers=["a", "b"], listed=listed)
    keys = {name: tool.key for name, tool in box.tools.items() if isinstance(tool, HostedTool)}
    assert keys == {"hang_up_2": "a1", long: "a2", "hang_up_3": "b1", "x" * 62 + "_2": "b2"}
    assert [name_of(each) for each in box.definitions] == ["hang_up", *keys]


def test_what_a_server_lists_later_is_offered_from_then_on() -> None:
    listed: dict[str, list[HostedTool]] = {}
    box = Toolbox([HANG_UP], servers=["a"], listed=listed)
    assert list(box.tools) == ["hang_up"]
    listed["a"] = [hosted("weather")]
    assert list(box.tools) == ["hang_up", "weather"]
