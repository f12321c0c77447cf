"""Telephone numbers as each trunk wants them (ITU-T E.164), by Google's libphonenumber."""

import re
from typing import Literal

__all__ = ["Format", "check_country", "dialled"]

Format = Literal["as_given", "e164", "plus", "national"]
"""As the order has it; 442071838750; +442071838750; 02071838750."""

_SEPARATORS = re.compile(r"[\s().\-/\u00a0]+")
_INTERNATIONAL = re.compile(r"\+[1-9]\d{3,14}")


def dialled(to: str, form: Format, *, country: str = "") -> str:
    """The number `to` as a trunk wants it; SIP addresses stay as they are.

    `country` (ISO 3166) says what a number without + is read as. Raises ValueError where it is
    no number that could be dialled from there.
    """
    if form == "as_given" or to.lower().startswith(("sip:", "sips:")):
        return to
    text = to[4:].partition(";")[0] if to.lower().startswith("tel:") else to
    if text.lstrip().startswith("+"):
        text = text.replace("(0)", "")  # dialled at home only, and written by many
    bare = _SEPARATORS.sub("", text)
    if form in ("e164", "plus") and _INTERNATIONAL.fullmatch(bare):
        return bare if form == "plus" else bare[1:]
    return _by_library(text, form, country)


def check_country(country: str) -> str:
    """Return `country` as it is. Raises ValueError where there is no such country."""
    import phonenumbers  # noqa: PLC0415 -- 40 ms to load, and most need none of it

    if country and country not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{country} is not a country as ISO 3166 writes it, such as GB")
    return country


def _by_library(text: str, form: Format, country: str) -> str:
    import phonenumbers  # noqa: PLC0415 -- see `check_country`

    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException as error:
        whence = f" in {country}" if country else "; a trunk with a `country` takes national ones"
        raise ValueError(f"{text} is not a telephone number{whence}") from error
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"{text} is too long or too short for a telephone number")
    if form == "national":
        if country and phonenumbers.country_code_for_region(country) != number.country_code:
            # Abroad there is no national form; the international prefix stands in.
            abroad = phonenumbers.format_out_of_country_calling_number(number, country)
            return re.sub(r"\D", "", abroad)
        plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        return re.sub(r"\D", "", plain)
    full = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return str(full) if form == "plus" else str(full)[1:]
