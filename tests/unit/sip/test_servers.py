import pytest

from sip import Trunk
from sip.servers import Directory, Server, Servers

ONE, TWO = Server(host="192.0.2.1", port=5060), Server(host="2001:db8::2", port=5070)


class Known(Directory):
    """Knows two servers, whatever it is asked."""

    def __init__(self) -> None:
        super().__init__(())

    async def servers(self, uri: str) -> tuple[Server, ...]:
        return (ONE, TWO)


async def servers(**trunk: str) -> Servers:
    found = Servers([Trunk(name="carrier", **trunk)], Known())  # type: ignore[arg-type]
    await found.look_up()
    return found


async def test_a_server_that_failed_comes_last_until_names_are_looked_up_again() -> None:
    found = await servers(address="sip:carrier.test")
    assert found.choices("carrier") == (ONE, TWO)
    found.failed("carrier", ONE)
    found.failed("carrier", Server(host="192.0.2.9", port=5060))
    assert found.choices("carrier") == (TWO, ONE)
    assert found.address("carrier") == TWO.host
    await found.look_up()
    assert found.choices("carrier") == (ONE, TWO)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_over_connections_the_stack_chooses_by_itself(transport: str) -> None:
    found = await servers(address=f"sip:carrier.test;transport={transport}")
    assert found.choices("carrier") == ()
    assert found.address("carrier") == ONE.host


async def test_the_proxy_is_whose_servers_count() -> None:
    proxied = await servers(address="sip:a.test;transport=tcp", outbound_proxy="sip:b.test;lr")
    assert proxied.choices("carrier") == (ONE, TWO)


def test_a_route_leads_there_and_hides() -> None:
    assert TWO.route == "sip:[2001:db8::2]:5070;lr;hide"


@pytest.mark.parametrize("uri", ["sip:192.0.2.1", "sip:[2001:db8::1]", "sip:carrier.test:5060"])
async def test_addresses_and_ports_are_asked_of_nobody(uri: str) -> None:
    assert await Directory(["192.0.2.53"]).servers(uri) == ()
