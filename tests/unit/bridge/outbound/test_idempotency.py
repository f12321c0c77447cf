import pytest

from bridge.outbound.idempotency import IdempotencyStore, Known, check_key, fingerprint

A, B = fingerprint('{"to": "1"}'), fingerprint('{"to": "2"}')


def test_the_same_order_sent_again_leads_to_the_same_call() -> None:
    store = IdempotencyStore()
    assert store.begin("k", A, 0.0) is None
    assert store.begin("k", A, 1.0) is Known.BUSY
    store.done("k", "c-1")
    assert store.begin("k", A, 86_399.0) == "c-1"


def test_another_order_under_the_same_key_is_told_apart() -> None:
    store = IdempotencyStore()
    store.begin("k", A, 0.0)
    assert store.begin("k", B, 1.0) is Known.OTHER
    store.done("k", "c-1")
    assert store.begin("k", B, 1.0) is Known.OTHER


def test_an_order_that_was_refused_may_be_sent_again() -> None:
    store = IdempotencyStore()
    store.begin("k", A, 0.0)
    store.failed("k")
    assert store.begin("k", B, 0.0) is None


def test_a_key_is_forgotten_after_a_day() -> None:
    store = IdempotencyStore()
    store.begin("k", A, 0.0)
    store.done("k", "c-1")
    assert store.begin("k", B, 86_400.0) is None
    assert len(store) == 1


def test_only_so_many_keys_are_kept() -> None:
    store = IdempotencyStore(capacity=3)
    for number in range(10):
        store.begin(str(number), A, 0.0)
        store.done(str(number), f"c-{number}")
    assert len(store) == 3
    assert store.begin("9", A, 0.0) == "c-9"
    assert store.begin("0", A, 0.0) is None


@pytest.mark.parametrize("key", ["", "x" * 256, "Ω", "a\nb"])
def test_a_key_is_a_short_ascii_text(key: str) -> None:
    with pytest.raises(ValueError, match="Idempotency-Key"):
        check_key(key)
