import pytest

from bridge.outbound.numbers import Format, check_country, dialled


@pytest.mark.parametrize(
    ("to", "form", "country", "wanted"),
    [
        ("020 7183 8750", "as_given", "GB", "020 7183 8750"),
        ("020 7183 8750", "plus", "GB", "+442071838750"),
        ("020 7183 8750", "e164", "GB", "442071838750"),
        ("+44 (0)20 7183 8750", "plus", "", "+442071838750"),
        ("+44 20 7183-8750", "plus", "", "+442071838750"),
        ("+44 20 7183 8750", "e164", "", "442071838750"),
        ("+442071838750", "national", "GB", "02071838750"),
        ("tel:+442071838750;phone-context=x", "e164", "", "442071838750"),
        ("(201) 555-0123", "plus", "US", "+12015550123"),
        ("+12015550123", "national", "US", "2015550123"),
        ("+12015550123", "national", "GB", "0012015550123"),
        ("00 1 201 555 0123", "plus", "GB", "+12015550123"),
        ("030 123456", "plus", "DE", "+4930123456"),
        ("sip:ann@example.net", "e164", "GB", "sip:ann@example.net"),
    ],
)
def test_a_number_is_written_as_the_trunk_wants_it(
    to: str, form: Format, country: str, wanted: str
) -> None:
    assert dialled(to, form, country=country) == wanted


@pytest.mark.parametrize(
    ("to", "country"),
    [("020 7183 8750", ""), ("ann", "GB"), ("112", "GB"), ("+1", "US"), ("+" + "4" * 20, "")],
)
def test_what_is_no_number_is_told(to: str, country: str) -> None:
    with pytest.raises(ValueError, match="telephone number"):
        dialled(to, "plus", country=country)


def test_a_country_is_written_in_two_letters() -> None:
    assert check_country("GB") == "GB"
    assert check_country("") == ""
    for wrong in ("UK", "gb", "44"):
        with pytest.raises(ValueError, match="ISO 3166"):
            check_country(wrong)
