"""The two forms of what encrypts packets: libsrtp, and ours where it was compiled."""

from typing import Any

from rtp import libsrtp
from tests.support.compiled import compiled

__all__ = ["FORMS", "form"]

FORMS = ("libsrtp", "compiled")


def form(name: str) -> Any:
    """The class of that form's contexts; None where it is not there, or of another source."""
    if name == "libsrtp":
        return libsrtp.Context
    module = compiled("rtp/_srtp.c")
    return None if module is None else module.Context
