"""Phone numbers at the edge: where a number's area code says that its owner may be."""

import pytest

from shared.adapters.phones import phone_zones


@pytest.mark.parametrize(
    ("phone", "zones"),
    [
        ("+12125550123", ("America/New_York",)),
        ("+13125550123", ("America/Chicago",)),
        ("+16715551234", ("Pacific/Guam",)),
        ("+18005550123", ()),  # toll-free: from anywhere in North America
        ("+5592987654321", ("America/Manaus",)),
        ("+79161234567", ("Europe/Moscow",)),
        ("+6281234567890", ("Asia/Jakarta",)),
        ("+919876543210", ()),  # one clock in all the country
        ("+8613800138000", ()),
        ("+447700900001", ()),  # and in all the islands under one code
        ("+4915112345678", ()),
        ("+870773111632", ()),  # a satellite's
        ("07700900001", ()),
        ("", ()),
    ],
)
def test_an_area_code_tells_a_zone_where_the_clocks_of_its_country_differ(phone: str, zones: tuple[str, ...]) -> None:
    assert phone_zones(phone) == zones
