import struct

import pytest

from bridge.lines import stun

TRANSACTION = bytes(range(12))


def response(*attributes: bytes, transaction: bytes = TRANSACTION, kind: int = 0x0101) -> bytes:
    body = b"".join(attributes)
    return struct.pack("!HHI12s", kind, len(body), stun.MAGIC_COOKIE, transaction) + body


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def xored(address: bytes) -> bytes:
    mask = struct.pack("!I", stun.MAGIC_COOKIE) + TRANSACTION
    return bytes(byte ^ key for byte, key in zip(address, mask, strict=False))


PLAIN = attribute(stun.MAPPED_ADDRESS, b"\x00\x01\x12\x34\x01\x02\x03\x04")


def test_a_request_is_a_binding_request_with_the_magic_cookie() -> None:
    assert stun.binding_request(TRANSACTION) == b"\x00\x01\x00\x00\x21\x12\xa4\x42" + TRANSACTION


def test_a_xored_ipv4_address_is_read() -> None:
    value = b"\x00\x01\x12\x34" + xored(bytes([203, 0, 113, 7]))
    software = attribute(0x8022, b"abc")
    data = response(software, attribute(stun.XOR_MAPPED_ADDRESS, value))
    assert stun.mapped_address(data, TRANSACTION) == "203.0.113.7"


def test_a_xored_ipv6_address_is_read() -> None:
    address = bytes.fromhex("20010db8000000000000000000000001")
    value = b"\x00\x02\x12\x34" + xored(address)
    data = response(attribute(stun.XOR_MAPPED_ADDRESS, value))
    assert stun.mapped_address(data, TRANSACTION) == "2001:db8::1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        response()[:10],
        response(PLAIN, kind=0x0111),
        response(PLAIN, transaction=bytes(12)),
        response(PLAIN).replace(b"\x21\x12\xa4\x42", bytes(4), 1),
        response(),
        response(attribute(stun.XOR_MAPPED_ADDRESS, b"\x00\x01\x12")),
        response(attribute(stun.MAPPED_ADDRESS, b"\x00\x07\x12\x34\x01\x02\x03\x04")),
        response(struct.pack("!HH", stun.MAPPED_ADDRESS, 400)),
    ],
)
def test_anything_else_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="STUN"):
        stun.mapped_address(data, TRANSACTION)
