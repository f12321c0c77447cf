"""Whom a WebSocket's TLS trusts."""

import ssl
from pathlib import Path

__all__ = ["trust"]


class _Trust(ssl.SSLContext):
    """Verifies as `ssl.create_default_context` does: that is settled in OpenSSL, below this.

    aiofastnet, which picows runs TLS with, asks for the mode once, after each handshake, and where
    it is not CERT_NONE writes the peer's certificate to a temporary file to read its fields from:
    on the loop's thread, and in vain where no file can be written. Nobody here wants those fields.
    """

    @property
    def verify_mode(self) -> ssl.VerifyMode:  # type: ignore[override]
        return ssl.CERT_NONE


def trust(ca_file: Path | None = None) -> ssl.SSLContext:
    """What trusts the authorities of `ca_file`, or the system's. Raises OSError, ssl.SSLError.

    Reading the system's takes tens of milliseconds.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.__class__ = _Trust
    return context
