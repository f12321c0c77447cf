from pathlib import Path

from bridge.archive import Archive, orders
from bridge.archive.orders import Placed
from tests.unit.bridge.archive.records import NOW

PLACED = Placed(fingerprint=b"f", call_id="c-1")


def test_a_key_leads_to_its_call_after_a_restart_until_it_expires(tmp_path: Path) -> None:
    for now, found in ((NOW, None), (NOW + 5, PLACED), (NOW + 10, None)):
        archive = Archive(tmp_path / "calls.db", keep_days=0, keep_mb=0)
        archive.open()
        with archive.writing() as connection:
            assert orders.find(connection, "k", now) == found
            if now == NOW:
                orders.keep(connection, "k", PLACED, now=now, lifetime_s=10)
        archive.close()


def test_keys_that_have_expired_leave_when_another_comes(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "calls.db", keep_days=0, keep_mb=0)
    archive.open()
    with archive.writing() as connection:
        for number in range(3):
            orders.keep(connection, f"k{number}", PLACED, now=NOW + number, lifetime_s=2)
        left = connection.execute("SELECT key FROM orders ORDER BY key").fetchall()
    assert left == [("k1",), ("k2",)]
    archive.close()
