"""How many parts a text costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.text_parts import Encoding, TextParts, count_parts

GSM, UCS = Encoding.GSM_7, Encoding.UCS_2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", TextParts(GSM, 0, 1)),
        ("a" * 160, TextParts(GSM, 160, 1)),  # vector 9
        ("a" * 161, TextParts(GSM, 161, 2)),
        ("€" * 80, TextParts(GSM, 160, 1)),
        ("€" * 81, TextParts(GSM, 162, 2)),
        ("₹", TextParts(UCS, 1, 1)),
        ("a" * 70 + "₹", TextParts(UCS, 71, 2)),
        ("a" * 306, TextParts(GSM, 306, 2)),
        ("a" * 307, TextParts(GSM, 307, 3)),
        ("a" * 152 + "€" + "a" * 152, TextParts(GSM, 306, 3)),  # the escape and its character stay together
        ("款" * 58, TextParts(UCS, 58, 1)),  # vector 10
        ("款" * 70, TextParts(UCS, 70, 1)),
        ("款" * 71, TextParts(UCS, 71, 2)),
        ("款" * 74, TextParts(UCS, 74, 2)),
        ("款" * 134, TextParts(UCS, 134, 2)),
        ("款" * 135, TextParts(UCS, 135, 3)),
        ("款" * 66 + "🙂" + "款" * 66, TextParts(UCS, 134, 3)),  # nor is a surrogate pair cut
        ("🙂" * 35, TextParts(UCS, 70, 1)),
        ("^{}\\[~]|\f€", TextParts(GSM, 20, 1)),
        ("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà\r\n", TextParts(GSM, 44, 1)),
        ("ç", TextParts(UCS, 1, 1)),  # only the capital is in the table
        ("`", TextParts(UCS, 1, 1)),
        ("“", TextParts(UCS, 1, 1)),
    ],
)
def test_the_parts_of_a_text(text: str, expected: TextParts) -> None:
    assert count_parts(text) == expected


def test_a_signature_that_the_provider_puts_before_it_is_counted_in() -> None:
    assert count_parts("款" * 54, "【借呗】") == TextParts(UCS, 58, 1)
    assert count_parts("款" * 70, "【借呗】") == TextParts(UCS, 74, 2)
    assert count_parts("a" * 70, "【借呗】") == TextParts(UCS, 74, 2)


def test_the_gsm_alphabet_has_127_characters_and_ten_behind_the_escape() -> None:
    one = [c for c in map(chr, range(0x2FFF)) if count_parts(c) == TextParts(GSM, 1, 1)]
    two = [c for c in map(chr, range(0x2FFF)) if count_parts(c) == TextParts(GSM, 2, 1)]
    assert (len(one), len(two)) == (127, 10)


@given(st.text(st.sampled_from("a€款🙂 "), max_size=400), st.text(st.sampled_from("a€款🙂 "), max_size=50))
def test_more_text_never_costs_less_and_parts_hold_what_they_can(text: str, more: str) -> None:
    parts, longer = count_parts(text), count_parts(text + more)
    assert parts.parts <= longer.parts
    room = 153 if parts.encoding is GSM else 67
    assert parts.parts == 1 or (parts.parts - 1) * (room - 1) < parts.units <= parts.parts * room
