import pytest

from bridge.configuration.outbound import OutboundRoute
from bridge.configuration.trunks import TrunkConfig
from bridge.errors import OrderError, Unreachable
from bridge.outbound.order import Order
from bridge.outbound.ways import ways

TRUNKS = {
    "a": TrunkConfig(number_format="e164", country="GB", caller_id="1", ring_timeout_s=20),
    "b": TrunkConfig(number_format="national", country="GB"),
    "c": TrunkConfig(),
}
TABLE = (
    OutboundRoute(to="+44*", trunks=("a", "b"), failover_codes=("480",)),
    OutboundRoute(to="???", trunks=("c",)),
)


def order(to: str = "+44 20 7183 8750", *trunks: str, **more: object) -> Order:
    return Order(to=to, agent="x", trunks=trunks, **more)  # type: ignore[arg-type]


def test_the_table_says_which_trunks_and_each_gets_the_number_as_it_wants_it() -> None:
    found = ways(order(), trunks=TRUNKS, table=TABLE)
    assert [(way.trunk, way.to) for way in found] == [("a", "442071838750"), ("b", "02071838750")]
    assert [way.caller_id for way in found] == ["1", ""]
    no_answer = Unreachable().outcome
    assert found[0].failover.goes_on(no_answer, rang=False)


def test_an_order_may_name_its_trunks_in_its_own_order() -> None:
    found = ways(order("+442071838750", "c", "a", "c"), trunks=TRUNKS, table=TABLE)
    assert [(way.trunk, way.to) for way in found] == [("c", "+442071838750"), ("a", "442071838750")]


def test_an_orders_caller_id_and_ring_timeout_go_before_the_trunks() -> None:
    (way,) = ways(order("123", caller_id="9", ring_timeout_s=5.0), trunks=TRUNKS, table=TABLE)
    assert (way.trunk, way.caller_id, way.ring_timeout_s) == ("c", "9", 5.0)
    (way,) = ways(order("+442071838750", "a"), trunks=TRUNKS, table=())
    assert (way.caller_id, way.ring_timeout_s) == ("1", 20)


def test_without_a_table_the_only_trunk_is_taken() -> None:
    (way,) = ways(order(), trunks={"c": TRUNKS["c"]}, table=())
    assert way.trunk == "c"


@pytest.mark.parametrize(
    ("wrong", "table", "says"),
    [
        (order("123", "nowhere"), TABLE, "no trunk 'nowhere'"),
        (order("+1201"), TABLE, "no entry of `outbound`"),
        (order(), (), "several trunks"),
        (order("ann", "a"), TABLE, "not a telephone number"),
    ],
)
def test_an_order_that_leads_nowhere_is_told_why(
    wrong: Order, table: tuple[OutboundRoute, ...], says: str
) -> None:
    with pytest.raises(OrderError, match=says):
        ways(wrong, trunks=TRUNKS, table=table)


def test_a_further_leg_goes_through_its_calls_own_trunk_where_nothing_else_is_said() -> None:
    (way,) = ways(order("02071838750"), trunks=TRUNKS, table=TABLE, otherwise="a")
    assert way.trunk == "a"
    found = ways(order(), trunks=TRUNKS, table=TABLE, otherwise="c")
    assert [way.trunk for way in found] == ["a", "b"]
