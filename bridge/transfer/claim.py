"""A call's one transfer at a time: who is first has the call until that is settled."""

from typing import TYPE_CHECKING

from bridge.errors import NotNow

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["claim", "let_go"]


def claim(call: "Call") -> None:
    """Let no other transfer begin until `let_go`. Raises NotNow where that cannot be."""
    call.talking()
    if call.transferring:
        raise NotNow("the call is being transferred already")
    call.transferring = True
    call.transfer_settled.clear()


def let_go(call: "Call") -> None:
    """The transfer that claimed the call is over, or will not be."""
    call.transferring = False
    call.transfer_settled.set()
