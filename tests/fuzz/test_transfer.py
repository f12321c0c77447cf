"""What others write into a transfer is understood or refused, and a transfer ends once."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from sip.events import ReferProgress
from sip.message import Headers
from sip.replaces import DialogId, parse_refer_to, parse_replaces, refer_to
from sip.transfer import Transfer
from sip.uri import tag_of
from tests.support.fake_messages import message

ADDRESSES = st.lists(
    st.sampled_from(
        ["<", ">", "sip:", "sips:", "tel:", "bob", "@", "192.0.2.1", ":5060", ";", "?", "Replaces=",
         "a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2", "%", "&", "=", '"', ",", " ", "[", "]", "x"]
    ) | st.text(max_size=4),
    max_size=10,
).map("".join)  # fmt: skip
WORDS = st.text("abcXYZ019-_.!~*'%+", min_size=1, max_size=20)
BODIES = st.sampled_from(
    ["", "SIP/2.0 100 Trying", "SIP/2.0 200 OK", "SIP/2.0 486 Busy", "SIP/2.0 7", "garbage"]
) | st.text(max_size=30)
STATES = st.sampled_from(["", "active", "active;expires=0", "terminated", "TERMINATED;reason=x"])


@given(st.lists(ADDRESSES, max_size=2))
def test_any_refer_to_is_read_or_refused(values: list[str]) -> None:
    with contextlib.suppress(ValueError):
        read = parse_refer_to(Headers([("Refer-To", value) for value in values]))
        assert read.target
        assert "?" not in read.target


@given(ADDRESSES | st.text())
def test_any_replaces_is_read_or_refused(value: str) -> None:
    tag_of(value)
    with contextlib.suppress(ValueError):
        read = parse_replaces(value)
        assert read.call_id
        assert read.to_tag
        assert read.from_tag


@given(WORDS, WORDS, WORDS)
def test_a_dialog_survives_its_way_through_an_address(call_id: str, ours: str, theirs: str) -> None:
    known = DialogId(call_id=f"{call_id}@x", local_tag=ours, remote_tag=theirs)
    address = refer_to("sip:bob@192.0.2.1", known)
    read = parse_refer_to(Headers([("Refer-To", f"<{address}>")])).replaces
    assert read is not None
    seen = DialogId(call_id=read.call_id, local_tag=read.from_tag, remote_tag=read.to_tag)
    assert seen == known


@given(st.lists(st.tuples(BODIES, STATES), max_size=8))
def test_a_transfer_has_one_end_whatever_it_is_told(notifies: list[tuple[str, str]]) -> None:
    told: list[ReferProgress] = []
    transfer = Transfer("7f3a", emit=told.append, now=0.0)
    for at, (body, state) in enumerate(notifies):
        headers = {"Event": "refer", "Subscription-State": state, "Content-Type": "message/sipfrag"}
        transfer.notified(message("NOTIFY", headers=headers, body=body), float(at))
    transfer.tick(1e9)
    transfer.lost()
    assert [progress.final for progress in told] == [False] * (len(told) - 1) + [True]
