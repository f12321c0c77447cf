import pytest

from bridge.lines import address
from bridge.lines.address import PublicAddress


async def test_a_fixed_address_serves_everyone() -> None:
    public = await PublicAddress.resolve("203.0.113.7")
    assert public.fixed == "203.0.113.7"
    assert public.towards("127.0.0.1") == public.towards("2001:db8::1") == "203.0.113.7"


@pytest.mark.parametrize("setting", ["203.0.113.7", "2001:db8::7"])
async def test_with_both_ip_versions_it_serves_its_own_and_the_kernel_the_other(
    setting: str,
) -> None:
    public = await PublicAddress.resolve(setting, dual=True)
    for peer, route in {"127.0.0.9": "127.0.0.1", "::1": "::1"}.items():
        same = (":" in peer) is (":" in setting)
        assert public.towards(peer) == (setting if same else route)


@pytest.mark.parametrize(("peer", "ours"), [("127.0.0.9", "127.0.0.1"), ("::1", "::1")])
async def test_by_itself_it_is_the_address_that_the_kernel_sends_from(peer: str, ours: str) -> None:
    public = await PublicAddress.resolve("auto")
    assert public.fixed is None
    assert public.towards(peer) == ours


async def test_a_peer_without_a_route_gets_loopback_and_no_error() -> None:
    public = await PublicAddress.resolve("auto")
    assert public.towards("255.255.255.255") in ("127.0.0.1", public.towards("8.8.8.8"))


async def test_an_address_that_changes_is_noticed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    now, ours = 0.0, "10.0.0.1"
    monkeypatch.setattr(address, "_route_to", lambda _: ours)
    public = PublicAddress(None, clock=lambda: now)
    assert public.towards("192.0.2.1") == "10.0.0.1"
    ours, now = "10.0.0.2", 9.0
    assert public.towards("192.0.2.1") == "10.0.0.1"
    now = 10.0
    assert public.towards("192.0.2.1") == "10.0.0.2"


async def test_a_flood_of_peers_does_not_grow_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "REMEMBERED_PEERS", 4)
    public = PublicAddress(None)
    for number in range(1, 20):
        public.towards(f"127.0.0.{number}")
        assert len(public._routes) <= 4
