"""SRTP written down a second time, from RFC 3711, 6188 and 7714, to hold the real one to."""

import hmac
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["SrtpOracle"]

_LABELS = {"cipher": 0, "tag": 1, "salt": 2}  # of RTP; RTCP's are 3 more


def _stream(key: bytes, start: int, length: int) -> bytes:
    counter = (start % (1 << 128)).to_bytes(16, "big")
    return Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor().update(bytes(length))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


@dataclass
class SrtpOracle:
    """What one sender's packets look like on the wire."""

    suite: str
    key: bytes
    """Master key and salt."""

    def rtp(self, packet: bytes, *, roll_over: int = 0) -> bytes:
        """An RTP packet without extension or contributing sources, encrypted."""
        header, payload = packet[:12], packet[12:]
        _, sequence, _, ssrc = struct.unpack("!HHII", header)
        index = roll_over << 16 | sequence
        if "GCM" in self.suite:
            nonce = struct.pack("!HIIH", 0, ssrc, roll_over, sequence)
            return header + self._seal(nonce, payload, header, 0)
        body = header + self._counter(payload, ssrc, index, 0)
        return body + self._tag(body + struct.pack("!I", roll_over), 0, self._tag_length)

    def rtcp(self, packet: bytes, index: int) -> bytes:
        """A compound RTCP packet, encrypted under this index."""
        header, payload = packet[:8], packet[8:]
        (ssrc,) = struct.unpack_from("!I", header, 4)
        trailer = struct.pack("!I", 1 << 31 | index)
        if "GCM" in self.suite:
            nonce = struct.pack("!HIHI", 0, ssrc, 0, index)
            return header + self._seal(nonce, payload, header + trailer, 3) + trailer
        body = header + self._counter(payload, ssrc, index, 3) + trailer
        return body + self._tag(body, 3, 10)

    @property
    def _tag_length(self) -> int:
        return 4 if self.suite.endswith("32") else 10

    @property
    def _salt_length(self) -> int:
        return 12 if "GCM" in self.suite else 14

    def _derive(self, label: int, length: int) -> bytes:
        """RFC 3711 section 4.3.1, with no key derivation rate."""
        salt = int.from_bytes(self.key[-self._salt_length :], "big")
        shift = 8 * (14 - self._salt_length)
        start = (salt << shift ^ label << 48) << 16
        return _stream(self.key[: -self._salt_length], start, length)

    def _cipher_key(self, base: int) -> bytes:
        return self._derive(_LABELS["cipher"] + base, len(self.key) - self._salt_length)

    def _salt(self, base: int) -> bytes:
        return self._derive(_LABELS["salt"] + base, self._salt_length)

    def _counter(self, payload: bytes, ssrc: int, index: int, base: int) -> bytes:
        start = int.from_bytes(self._salt(base), "big") << 16 ^ ssrc << 64 ^ index << 16
        return _xor(payload, _stream(self._cipher_key(base), start, len(payload)))

    def _tag(self, what: bytes, base: int, length: int) -> bytes:
        key = self._derive(_LABELS["tag"] + base, 20)
        return hmac.digest(key, what, "sha1")[:length]

    def _seal(self, nonce: bytes, payload: bytes, associated: bytes, base: int) -> bytes:
        cipher = AESGCM(self._cipher_key(base))
        return cipher.encrypt(_xor(nonce, self._salt(base)), payload, associated)
