"""Phone numbers at the edge: the domain gets E.164 or nothing."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers.timezone import time_zones_for_geographical_number

_WINTER, _SUMMER = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)


def phone_problem(text: str) -> str | None:
    """What is wrong with a number, without repeating it; None for a possible number in E.164.

    Possible, not valid: numbering plans change faster than any library, and test ranges must pass.
    """
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return "is not a phone number in E.164, such as +447700900123"
    if phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) != text:
        return "is not written as in E.164: a plus sign and digits only, such as +447700900123"
    if not phonenumbers.is_possible_number(number):
        return "has too few or too many digits for its country"
    return None


def phone_zones(text: str) -> tuple[str, ...]:
    """The IANA zones in which a number's area code lies, where its country code has clocks that differ.

    None for a number whose code says no more than the country, or that is none. A number moves with its owner: these
    are zones where he may be too, never instead of his own.
    """
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return ()
    whole, area = _zones_of_country(number.country_code or 0), _known(time_zones_for_geographical_number(number))
    differ = len({_offsets(zone) for zone in whole}) > 1
    return area if differ and set(area) != set(whole) else ()


@cache
def _zones_of_country(code: int) -> tuple[str, ...]:
    """No area code begins with a zero after the country's: what is left are the zones of the code as a whole."""
    return _known(time_zones_for_geographical_number(phonenumbers.PhoneNumber(country_code=code, national_number=0)))


def _known(zones: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(zone for zone in zones if zone in _names())


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _offsets(zone: str) -> tuple[timedelta | None, timedelta | None]:
    clock = ZoneInfo(zone)
    return clock.utcoffset(_WINTER), clock.utcoffset(_SUMMER)
