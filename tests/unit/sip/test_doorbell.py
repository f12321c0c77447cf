import socket

import pytest

from sip.doorbell import KEEP_ALIVE, Doorbell


@pytest.mark.parametrize(
    ("bound", "wildcard"), [("127.0.0.1", "0.0.0.0"), ("127.0.0.1", "127.0.0.1"), ("::1", "::")]
)
def test_a_ring_reaches_the_listener(bound: str, wildcard: str) -> None:
    family = socket.AF_INET6 if ":" in bound else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as listener:
        listener.bind((bound, 0))
        listener.settimeout(5)
        bell = Doorbell((wildcard, listener.getsockname()[1]))
        bell.ring()
        assert listener.recv(100) == KEEP_ALIVE
        bell.close()


def test_a_ring_that_nobody_hears_is_no_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        address = gone.getsockname()
    bell = Doorbell(address)
    for _ in range(3):
        bell.ring()
    bell.close()
    bell.ring()
