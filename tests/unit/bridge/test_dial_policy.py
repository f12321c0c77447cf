import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.dial_policy import DialPolicy, NotAllowed, check_pattern, check_target

POLICY = DialPolicy(
    destinations={"Sales": "+442071838750", "night desk": "sip:night@pbx.example.org"},
    allow=("+4420*", "2??", "sip:9?@pbx.example.org;transport=tls", "sips:*@Safe.example:5071"),
)


@pytest.mark.parametrize(
    ("wanted", "target", "name"),
    [
        ("sales", "+442071838750", "Sales"),
        (" SALES ", "+442071838750", "Sales"),
        ("Night-Desk", "sip:night@pbx.example.org", "night desk"),
        ("+442071838751", "+442071838751", ""),
        ("+44 (20) 7183-8751", "+442071838751", ""),
        ("tel:+4420", "+4420", ""),
        ("245", "245", ""),
        ("sip:97@PBX.example.org", "sip:97@pbx.example.org;transport=tls", ""),
        ("sip:97@pbx.example.org;transport=udp", "sip:97@pbx.example.org;transport=tls", ""),
        ("sips:ann@safe.example:5071", "sips:ann@Safe.example:5071", ""),
    ],
)
def test_what_the_policy_allows_leads_where_the_policy_says(
    wanted: str, target: str, name: str
) -> None:
    found = POLICY.resolve(wanted)
    assert (found.target, found.name) == (target, name)


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "police",
        "+4421234567",
        "4420123",
        "00442071838751",
        "2455",
        "24",
        "24a",
        "+4420" + "1" * 14,
        "+4420;phone-context=x",
        "+4420@evil.example",
        "sip:97@evil.example",
        "sip:97@pbx.example.org.evil.example",
        "sip:97@evil.example;x=@pbx.example.org",
        "sip:97@pbx.example.org:5070",
        "sip:97@pbx.example.org?Replaces=x",
        "sip:97@pbx.example.org;maddr=198.51.100.1",
        "sip:97%40evil@pbx.example.org",
        "sip:197@pbx.example.org",
        "sip:971@pbx.example.org",
        "sips:97@pbx.example.org",
        "sip:ann@safe.example:5071",
        "sip:night@pbx.example.org",
        "+٤٤٢٠",
    ],
)
def test_everything_else_is_refused(wanted: str) -> None:
    with pytest.raises(NotAllowed):
        POLICY.resolve(wanted)


def test_a_refusal_tells_the_names_that_there_are_and_not_the_patterns() -> None:
    with pytest.raises(NotAllowed, match=r"it may go to Sales, night desk$"):
        POLICY.resolve("police")


def test_nothing_is_allowed_by_default() -> None:
    policy = DialPolicy()
    assert (policy.names, policy.open) == ((), False)
    with pytest.raises(NotAllowed, match=r"may not be transferred there$"):
        policy.resolve("+442071838750")


@given(st.text(max_size=40))
def test_what_is_dialled_holds_nothing_but_digits_or_an_allowed_host(wanted: str) -> None:
    try:
        target = POLICY.resolve(wanted).target
    except NotAllowed:
        return
    assert target.lower().removeprefix("+").isascii()
    assert target.removeprefix("+").isdigit() or target.lower().endswith(
        ("@pbx.example.org", "@pbx.example.org;transport=tls", "@safe.example:5071")
    )


@pytest.mark.parametrize("target", ["+44 20 7183 8750", "112", "sip:a.b@[2001:db8::1]:5070"])
def test_a_target_is_a_number_or_an_address(target: str) -> None:
    assert check_target(target) == target.replace(" ", "")


@pytest.mark.parametrize("target", ["", "+", "ann", "+44*", "sip:*@x", "sip:x", "1" * 16, "a:b@c"])
def test_what_is_no_target_is_told(target: str) -> None:
    with pytest.raises(ValueError, match="telephone number or sip:user@host"):
        check_target(target)


@pytest.mark.parametrize("pattern", ["+4420*", "1??", "*", "+*", "sip:*@x.example", "112"])
def test_a_pattern_has_its_wildcards_where_they_are_safe(pattern: str) -> None:
    assert check_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", ["", "+", "+44*1", "sip:ann@*", "sip:*@*.example", "a*"])
def test_any_other_pattern_is_told(pattern: str) -> None:
    with pytest.raises(ValueError, match="should be a number"):
        check_pattern(pattern)


@pytest.mark.parametrize("allow", ["+4420*", "sip:9?@pbx.example.org"])
def test_numbers_alone_or_addresses_alone_may_be_given_as_well_as_names(allow: str) -> None:
    assert DialPolicy(destinations={}, allow=(allow,)).open
