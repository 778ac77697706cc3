"""Message parts: how a text is cut for the air, which is what an SMS is billed and throttled by."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
"""Behind an escape: two places each, never cut apart."""

_GSM_7 = _BASIC | _EXTENSION


class Encoding(StrEnum):
    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


_SINGLE = {Encoding.GSM_7: 160, Encoding.UCS_2: 70}
_EACH = {Encoding.GSM_7: 153, Encoding.UCS_2: 67}  # of several: a header takes the rest


@dataclass(frozen=True, slots=True)
class TextParts:
    """`units` are septets in GSM-7, UTF-16 code units in UCS-2."""

    encoding: Encoding
    units: int
    parts: int


def count_parts(text: str, signature: str = "") -> TextParts:
    """The parts of a text as it goes out; `signature` is what a provider puts before it, where it does."""
    whole = signature + text
    if _GSM_7.issuperset(whole):
        encoding, sizes = Encoding.GSM_7, [2 if c in _EXTENSION else 1 for c in whole]
    else:
        encoding, sizes = Encoding.UCS_2, [2 if ord(c) > 0xFFFF else 1 for c in whole]
    units = sum(sizes)
    return TextParts(encoding, units, 1 if units <= _SINGLE[encoding] else _cut(sizes, _EACH[encoding]))


def _cut(sizes: Iterable[int], room: int) -> int:
    """How many parts of `room` units it takes when no character is cut apart."""
    parts, left = 1, room
    for size in sizes:
        if size > left:
            parts, left = parts + 1, room
        left -= size
    return parts
