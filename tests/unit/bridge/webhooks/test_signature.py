import hashlib
import hmac

from bridge.webhooks.signature import signature


def test_every_secret_signs_timestamp_and_body() -> None:
    signed = b'1700000000.{"id": 1}'
    digests = [hmac.new(key, signed, hashlib.sha256).hexdigest() for key in (b"new", b"old")]
    expected = ",".join(f"v1={digest}" for digest in digests)
    assert signature(["new", "old"], 1_700_000_000, b'{"id": 1}') == expected


def test_a_known_signature_stays_as_it_is() -> None:
    # Computed by: printf '%s' '1700000000.{}' | openssl dgst -sha256 -hmac secret
    assert signature(["secret"], 1_700_000_000, b"{}") == (
        "v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    )
