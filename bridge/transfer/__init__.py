"""Transfers: a call handed over to somebody else, or taken back where that fails."""

from bridge.transfer.asked import follow, take_over
from bridge.transfer.order import Mode, TransferOrder, TransferResult, TransferTerms
from bridge.transfer.transfer import BEGUN, begin, transfer

__all__ = [
    "BEGUN",
    "Mode",
    "TransferOrder",
    "TransferResult",
    "TransferTerms",
    "begin",
    "follow",
    "take_over",
    "transfer",
]
