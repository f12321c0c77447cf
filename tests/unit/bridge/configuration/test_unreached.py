import time

from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Route
from bridge.configuration.unreached import unreached

TEXTS = st.sampled_from([None, "*", "1*", "1"])
HEADERS = st.dictionaries(st.sampled_from(["X-A", "x-b", "X-C"]), st.sampled_from(["*", "y"]))
ROUTES = st.builds(
    lambda trunk, to, from_, header: Route.model_validate(
        {"agent": "a", "trunk": trunk, "to": to, "from": from_, "header": header}
    ),
    st.sampled_from([None, "t", "u"]),
    TEXTS,
    TEXTS,
    HEADERS,
)


def covers(earlier: Route, later: Route) -> bool:
    """Whether the first asks nothing that the second does not ask, too."""
    texts = zip((earlier.to, earlier.from_), (later.to, later.from_), strict=True)
    headers = [
        {(name.lower(), value) for name, value in route.header.items()}
        for route in (earlier, later)
    ]
    return (
        earlier.trunk in (None, later.trunk)
        and all(one in (None, "*", other) for one, other in texts)
        and headers[0] <= headers[1]
    )


@given(st.lists(ROUTES, max_size=12))
def test_a_route_is_unreached_when_one_above_asks_no_more_than_it(routes: list[Route]) -> None:
    found = {
        position: next(above for above in range(position) if covers(routes[above], route))
        for position, route in enumerate(routes)
        if any(covers(earlier, route) for earlier in routes[:position])
    }
    assert dict(unreached(routes)) == found


def test_a_table_of_20_000_routes_is_looked_through_in_no_time() -> None:
    routes = [
        Route.model_validate({"agent": "a", "to": f"+44{n}", "header": {"X-A": "y"}})
        for n in range(20_000)
    ]
    before = time.process_time()
    assert list(unreached(routes)) == []
    assert time.process_time() - before < 5
