"""What lets a receiver know that a delivery is ours, and of now.

``Webhook-Signature: v1=HEX[,v1=HEX]``, one for each secret: HMAC-SHA256, keyed with the secret, of
the value of ``Webhook-Timestamp`` (seconds since the epoch), a full stop, and the body.
"""

import hashlib
import hmac
from collections.abc import Sequence

__all__ = ["signature"]


def signature(secrets: Sequence[str], timestamp: int, body: bytes) -> str:
    """The value of Webhook-Signature."""
    signed = f"{timestamp}.".encode() + body
    digests = (hmac.new(secret.encode(), signed, hashlib.sha256) for secret in secrets)
    return ",".join(f"v1={digest.hexdigest()}" for digest in digests)
