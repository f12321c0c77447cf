"""The two forms of what encrypts packets: libsrtp, and ours where it was compiled."""

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

from deploy.native.build import installed, place
from rtp import libsrtp

__all__ = ["FORMS", "form"]

FORMS = ("libsrtp", "compiled")
_SOURCE = "rtp/_srtp.c"
_ROOT = Path(__file__).parents[2]


def form(name: str) -> Any:
    """The class of that form's contexts; None where it is not there, or of another source."""
    if name == "libsrtp":
        return libsrtp.Context
    digest = hashlib.sha256((_ROOT / _SOURCE).read_bytes()).hexdigest()
    found = list(place().glob("rtp/_srtp.*.so"))
    if installed().get(_SOURCE) != digest or not found:
        return None
    spec = importlib.util.spec_from_file_location("rtp._srtp", found[0])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Context
