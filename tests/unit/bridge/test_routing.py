import time

import pytest

from bridge.config import Route
from bridge.errors import NoRoute
from bridge.routing import TOLD_ROUTES, Choice, choose


def route(agent: str = "a", /, **rule: object) -> Route:
    return Route.model_validate({"agent": agent, **rule})


def chosen(
    *routes: Route,
    trunk: str = "carrier",
    to: str = "1000",
    from_: str = "+447911123456",
    headers: dict[str, tuple[str, ...]] | None = None,
) -> Choice:
    return choose(routes, trunk=trunk, to=to, from_=from_, headers=headers or {})


def test_the_first_route_that_matches_takes_the_call() -> None:
    choice = chosen(route(to="2*"), route("b", to="1*"), route("c"))
    assert (choice.agent, choice.position) == ("b", 2)
    assert choice.looked_at == ("1: to 2* does not match 1000",)


def test_a_route_that_names_nothing_takes_every_call() -> None:
    assert chosen(route("all")).agent == "all"


@pytest.mark.parametrize(
    ("pattern", "to", "matches"),
    [
        ("1000", "1000", True),
        ("1000", "10001", False),
        ("1000", "01000", False),
        ("+4420*", "+442071838750", True),
        ("+4420*", "442071838750", False),
        ("*", "", True),
        ("100?", "1001", True),
        ("100?", "100", False),
        ("1.0", "1x0", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("Sales", "sales", False),
        ("a*b", "a\nb", True),
        ("*1*1*1*1*1*1*1*2", "1" * 5000, False),
    ],
)
def test_only_star_and_question_mark_mean_more_than_themselves(
    pattern: str, to: str, matches: bool
) -> None:
    choice = chosen(route("hit", to=pattern), route("miss"), to=to)
    assert choice.agent == ("hit" if matches else "miss")


def test_the_trunk_is_compared_as_a_name_not_a_pattern() -> None:
    with pytest.raises(NoRoute):
        chosen(route(trunk="car*"))


def test_all_that_a_route_names_must_match() -> None:
    rule: dict[str, object] = {
        "trunk": "carrier",
        "to": "1*",
        "from": "+44*",
        "header": {"X-A": "y"},
    }
    assert chosen(route(**rule), headers={"X-A": ("y",)}).agent == "a"
    for missing in (
        {"trunk": "pbx"},
        {"to": "2000"},
        {"from_": "+33"},
        {"headers": {"X-A": ("n",)}},
    ):
        with pytest.raises(NoRoute):
            chosen(route(**rule), **{"headers": {"X-A": ("y",)}, **missing})  # type: ignore[arg-type]


def test_header_names_are_alike_in_any_case_and_any_value_will_do() -> None:
    choice = chosen(route(header={"X-Queue": "supp*"}), headers={"x-queue": ("sales", "support")})
    assert choice.agent == "a"


def test_a_refusal_says_why_each_route_failed() -> None:
    routes = [
        route(trunk="pbx"),
        route(to="+4420*"),
        route(**{"from": "+33*"}),
        route(header={"X-Queue": "sales"}),
        route(header={"X-Other": "*"}),
    ]
    with pytest.raises(NoRoute) as refused:
        chosen(*routes, headers={"X-Queue": ("support",)})
    assert refused.value.detail == (
        "no route for 1000 from +447911123456 by trunk carrier; looked at "
        "1: trunk pbx is not carrier; 2: to +4420* does not match 1000; "
        "3: from +33* does not match +447911123456; "
        "4: header X-Queue sales does not match support; 5: header X-Other is absent"
    )
    assert refused.value.outcome.sip_code == 404


def test_a_refusal_says_when_there_are_no_routes() -> None:
    with pytest.raises(NoRoute, match="there are no routes"):
        chosen()


def test_a_refusal_stays_one_short_line_whatever_a_stranger_sends() -> None:
    with pytest.raises(NoRoute) as refused:
        chosen(*[route(to="x")] * 1000, to="7\r\nevil\x1b[31m" + "9" * 10_000, from_="")
    detail = refused.value.detail
    assert detail.isprintable()
    assert len(detail) < 200 * TOLD_ROUTES
    assert detail.endswith(f"and {1000 - TOLD_ROUTES} more")
    assert "from nobody" in detail


def test_a_call_looks_through_20_000_routes_while_others_hardly_wait() -> None:
    routes = [route(to=f"+44{n:08}*") for n in range(20_000)]
    before = time.process_time()
    assert chosen(*routes, route("last"), to="+33").position == 20_001
    assert time.process_time() - before < 0.25


def test_a_choice_tells_of_a_few_of_the_routes_above_it() -> None:
    assert len(chosen(*[route(to="x")] * 1000, route("last")).looked_at) == TOLD_ROUTES
