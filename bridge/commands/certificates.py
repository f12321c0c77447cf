"""Whether a TLS certificate of ours would be accepted, found out before anybody calls.

The standard library cannot read a certificate from a file, but it can shake hands with itself:
a server with the certificate meets, in memory, a client that trusts just this one.
"""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Certificate", "CertificateError", "inspect", "reason"]


class CertificateError(Exception):
    """The certificate or its key cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What matters of a certificate that holds today."""

    expires: float
    """Seconds since the epoch."""


def inspect(certificate: Path, private_key: Path) -> Certificate:
    """Return what matters of a PEM chain whose key is `private_key`.

    Raises CertificateError, saying why, when the two do not go together or do not hold today.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        # An empty password keeps OpenSSL from asking the terminal for one.
        server.load_cert_chain(certificate, private_key, password="")
        client.load_verify_locations(certificate)
        shown = _shake_hands(server, client).getpeercert()
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(reason(error)) from error
    assert shown is not None
    return Certificate(expires=ssl.cert_time_to_seconds(str(shown["notAfter"])))


def reason(error: OSError) -> str:
    """Return why TLS or a connection failed, without OpenSSL's source lines."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        words = (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
        return f"TLS: {words}"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error) or type(error).__name__


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Return the client's end of a finished handshake."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server)
    callee = server.wrap_bio(to_server, to_client, server_side=True)
    pending = [caller, callee]
    while pending:
        end = pending.pop(0)
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            pending.append(end)
    return caller
