"""The files that TLS needs, on either side of a connection."""

from dataclasses import dataclass

__all__ = ["TlsFiles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files for a TLS listener, and for the TLS connections that are opened from it."""

    certificate: str = ""
    """What we show, as a server and, where the other side asks for one, as a client."""
    private_key: str = ""
    ca_file: str = ""
    verify: bool = True
    """Check the certificates of servers we connect to."""
    require_client: bool = False
    """Take no connection from anybody without a certificate that the authorities vouch for."""
