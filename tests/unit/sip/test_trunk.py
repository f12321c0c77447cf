from ipaddress import ip_network

import pytest

from sip.trunk import Candidate, Trunk, identify, new_token, parse_host_port

CARRIER = Trunk(name="carrier", registrar="sip:sip.example.net", username="ann", password="s3cret")
PBX = Trunk(name="pbx", hosts=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
THEIRS = frozenset({"198.51.100.1"})


def registered(trunk: Trunk, token: str = "") -> Candidate:
    return Candidate(trunk=trunk, registered=True, addresses=THEIRS, token=token)


def by_address(trunk: Trunk) -> Candidate:
    return Candidate(trunk=trunk, registered=False)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("192.0.2.9", "pbx"),
        ("2001:db8::9", "pbx"),
        ("198.51.100.1", "carrier"),
        ("203.0.113.1", None),
    ],
)
def test_the_source_address_tells_the_trunk(source: str, name: str | None) -> None:
    trunk = identify(
        [registered(CARRIER), by_address(PBX)], source=source, request_uri="sip:1@bridge"
    )
    assert (trunk.name if trunk else None) == name


def test_a_registrar_is_trusted_only_while_we_are_registered() -> None:
    candidate = Candidate(trunk=CARRIER, registered=False, addresses=THEIRS)
    assert identify([candidate], source="198.51.100.1", request_uri="sip:ann@bridge") is None


def test_among_trunks_at_one_address_the_token_of_our_contact_decides() -> None:
    twin = Trunk(name="twin", registrar="sip:sip.example.net", username="ann")
    both = [registered(CARRIER, "aaaa"), registered(twin, "bbbb")]
    found = identify(both, source="198.51.100.1", request_uri="sip:ann@10.0.0.1;uvb=bbbb")
    assert found is twin


def test_without_a_token_our_user_name_decides_and_then_the_order() -> None:
    second = Trunk(name="second", registrar="sip:sip.example.net", username="bob")
    both = [registered(CARRIER, "aaaa"), registered(second, "bbbb")]
    assert identify(both, source="198.51.100.1", request_uri="sip:bob@10.0.0.1") is second
    assert identify(both, source="198.51.100.1", request_uri="sip:+4420@10.0.0.1") is CARRIER
    assert identify(both, source="198.51.100.1", request_uri="garbage") is CARRIER


def test_identity_is_the_registrars_unless_said_otherwise() -> None:
    assert CARRIER.identity("10.0.0.1") == "sip:ann@sip.example.net"
    assert PBX.identity("10.0.0.1") == "sip:uvbridge@10.0.0.1"
    assert PBX.identity("2001:db8::1") == "sip:uvbridge@[2001:db8::1]"
    special = Trunk(name="x", from_user="+44 20", domain="example.org", username="ann")
    assert special.identity("10.0.0.1") == "sip:+44%2020@example.org"


@pytest.mark.parametrize(
    ("trunk", "to", "uri"),
    [
        (CARRIER, "+4420", "sip:+4420@sip.example.net"),
        (CARRIER, "tel:+4420", "sip:+4420@sip.example.net"),
        (CARRIER, "sip:bob@example.org", "sip:bob@example.org"),
        (CARRIER, "1@evil", "sip:1%40evil@sip.example.net"),
        (
            Trunk(name="x", address="sip:[2001:db8::1]:5080;transport=tcp"),
            "1",
            "sip:1@[2001:db8::1]:5080;transport=tcp",
        ),
        (Trunk(name="x", hosts=(ip_network("192.0.2.7/32"),)), "1", "sip:1@192.0.2.7"),
    ],
)
def test_a_number_becomes_an_address_at_the_trunk(trunk: Trunk, to: str, uri: str) -> None:
    assert trunk.request_uri(to) == uri


@pytest.mark.parametrize("to", ["1", "tel:1"])
def test_a_trunk_of_networks_has_nowhere_to_call(to: str) -> None:
    with pytest.raises(ValueError, match="pbx has no address"):
        PBX.request_uri(to)


def test_servers_are_the_registrar_and_the_proxy() -> None:
    trunk = Trunk(name="x", registrar="sip:a.net", outbound_proxy="sip:b.net:5080;lr")
    assert trunk.servers == ("a.net", "b.net")
    assert PBX.servers == ()


def test_the_password_is_in_no_repr() -> None:
    assert "s3cret" not in repr(CARRIER)


def test_tokens_differ() -> None:
    assert new_token() != new_token()


@pytest.mark.parametrize(
    ("text", "found"),
    [("192.0.2.1:5060", ("192.0.2.1", 5060)), ("[2001:db8::1]:5061", ("2001:db8::1", 5061))],
)
def test_a_host_and_port_is_read(text: str, found: tuple[str, int]) -> None:
    assert parse_host_port(text) == found
