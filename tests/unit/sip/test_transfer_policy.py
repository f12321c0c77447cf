from collections.abc import Iterable
from dataclasses import replace

import pytest

from sip.commands import Refusal
from sip.dialog import Dialog
from sip.events import ReferRequested
from sip.message import Headers
from sip.replaces import DialogId
from sip.stack import StackStats
from sip.transfer_policy import TransferPolicy
from sip.trunk import Trunk
from tests.support.fake_messages import message

CLOSED = Trunk(name="pbx")
OPEN = replace(CLOSED, accept_refer=True, accept_replaces=True)
NAMED = "a7;to-tag=us;from-tag=them"


@pytest.fixture
def stats() -> StackStats:
    return StackStats()


@pytest.fixture
def policy(stats: StackStats) -> TransferPolicy:
    return TransferPolicy(stats)


def dialog(*, outbound: bool = False, answered: bool = True) -> Dialog:
    """A dialog with Call-ID a7 between us and them."""
    made = Dialog("7f3a", outbound=outbound, emit=lambda event: None)
    us, them = "<sip:us@x>;tag=us", "<sip:them@y>;tag=them"
    first, second = (us, them) if outbound else (them, us)
    common = {"Call-ID": "a7", "From": first}
    asked = message("INVITE", headers={**common, "To": "<sip:x>"})
    said = message("INVITE", code=200, headers={**common, "To": second})
    (made.sent if outbound else made.received)(asked)
    (made.received if outbound else made.sent)(said)
    if answered:
        made.confirmed()
    return made


def replaced(
    policy: TransferPolicy,
    *values: str,
    trunk: Trunk = OPEN,
    dialogs: Iterable[Dialog] = (),
    over: Iterable[DialogId] = (),
) -> str | Refusal | None:
    headers = Headers([("Replaces", value) for value in values])
    return policy.replaced(trunk, headers, dialogs, over)


def code(verdict: object) -> int:
    assert isinstance(verdict, Refusal)
    return verdict.code


def test_by_default_nobody_has_us_call_others(policy: TransferPolicy, stats: StackStats) -> None:
    refer = message("REFER", headers={"Refer-To": "<sip:bob@x>"})
    assert code(policy.refer(CLOSED, refer, "7f3a", [])) == 603
    assert stats.refers_declined == 1


def test_by_default_nobody_replaces_a_call(policy: TransferPolicy, stats: StackStats) -> None:
    assert code(replaced(policy, NAMED, trunk=CLOSED, dialogs=[dialog()])) == 603
    assert stats.replaces_declined == 1
    assert replaced(policy, trunk=CLOSED) is None


@pytest.mark.parametrize("outbound", [False, True])
def test_a_call_that_is_up_can_be_replaced(policy: TransferPolicy, outbound: bool) -> None:
    assert replaced(policy, NAMED, dialogs=[dialog(outbound=outbound)]) == "7f3a"


def test_of_calls_that_ring_only_ours_can_be_replaced(policy: TransferPolicy) -> None:
    assert replaced(policy, NAMED, dialogs=[dialog(outbound=True, answered=False)]) == "7f3a"
    assert code(replaced(policy, NAMED, dialogs=[dialog(answered=False)])) == 481


def test_a_call_that_is_up_is_busy_for_who_wants_one_that_rings(policy: TransferPolicy) -> None:
    early = f"{NAMED};early-only"
    assert code(replaced(policy, early, dialogs=[dialog()])) == 486
    assert replaced(policy, early, dialogs=[dialog(outbound=True, answered=False)]) == "7f3a"


def test_a_call_of_ours_that_rings_in_several_places_is_replaced_by_the_name_of_any(
    policy: TransferPolicy,
) -> None:
    forked, other = dialog(outbound=True, answered=False), "<sip:them@z>;tag=fork"
    common = {"Call-ID": "a7", "From": "<sip:us@x>;tag=us"}
    forked.received(message("INVITE", code=183, headers={**common, "To": other}))
    named = [NAMED, NAMED.replace("from-tag=them", "from-tag=fork")]
    assert [replaced(policy, each, dialogs=[forked]) for each in named] == ["7f3a", "7f3a"]
    forked.confirmed()
    assert code(replaced(policy, named[0], dialogs=[forked])) == 481
    assert replaced(policy, named[1], dialogs=[forked]) == "7f3a"


def test_a_call_that_is_over_is_declined(policy: TransferPolicy) -> None:
    gone = dialog().id
    assert gone is not None
    assert code(replaced(policy, NAMED, over=[gone])) == 603


def test_what_names_nothing_of_ours_is_refused(policy: TransferPolicy) -> None:
    assert code(replaced(policy, NAMED)) == 481
    assert code(replaced(policy, "nonsense", dialogs=[dialog()])) == 400
    assert code(replaced(policy, NAMED, NAMED, dialogs=[dialog()])) == 400


@pytest.mark.parametrize(
    ("address", "replaces"),
    [
        ("sip:bob@x", False),
        ("sip:bob@x?Replaces=b8%3Bto-tag%3D1%3Bfrom-tag%3D2", True),
        ("sip:bob@x?Replaces=a7%3Bto-tag%3Dus%3Bfrom-tag%3Dthem", "7f3a"),
    ],
)
def test_a_refer_says_which_call_the_new_one_replaces(
    policy: TransferPolicy, address: str, replaces: bool | str
) -> None:
    refer = message("REFER", headers={"Refer-To": f"<{address}>", "Referred-By": "<sip:a@x>"})
    asks = policy.refer(OPEN, refer, "1234", [dialog()])
    assert isinstance(asks, ReferRequested)
    assert (asks.leg, asks.target, asks.replaces) == ("1234", "sip:bob@x", replaces)
    assert asks.invite_headers["Referred-By"] == "<sip:a@x>"
    assert ("Replaces" in asks.invite_headers) is bool(replaces)
