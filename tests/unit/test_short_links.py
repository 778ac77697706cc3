"""Short links: signed, expiring, nothing personal in them, and no change of a letter goes unnoticed."""

import string
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.signed_links import SignedLinks
from shared.domain.short_link import (
    CODE_LENGTH,
    LinkRefusal,
    ShortLink,
    code_of,
    is_over,
    link_for,
    read_code,
    signed_part,
)

KEY = "B1#REMIND_7#L1#001#1"
SECRET, NEWER = b"sixteen bytes at least", b"another sixteen bytes"
EXPIRES = datetime(2026, 4, 1, 16, 0, tzinfo=UTC)
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
BASE62 = string.digits + string.ascii_letters
LINK = link_for(KEY, EXPIRES)


def links(*secrets: bytes) -> SignedLinks:
    return SignedLinks(lambda **_: secrets or (SECRET,))


def test_a_code_opens_the_notice_that_it_was_made_for() -> None:
    found = links().opened(links().code(LINK), NOW)
    assert found == ShortLink(sha256(KEY.encode()).digest()[:8], EXPIRES)
    assert LINK.name == sha256(KEY.encode()).hexdigest()[:16]


def test_a_code_is_short_and_says_nothing() -> None:
    code = links().code(LINK)
    assert len(code) == CODE_LENGTH == 26
    assert set(code) <= set(BASE62)
    for personal in ("B1", "L1", "REMIND"):
        assert personal not in code


def test_this_very_code() -> None:
    """It stands in messages that went out: a change of the format must keep opening it, or wait until all are over."""
    assert links().opened("3lVKqWizqvBygdCCD5aS2zepFj", NOW) == LINK


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (EXPIRES - timedelta(microseconds=1), True),
        (EXPIRES, False),
        (EXPIRES + timedelta(days=3650), False),
    ],
)
def test_a_link_ends_on_its_hour(now: datetime, opens: bool) -> None:
    assert is_over(LINK, now) is not opens
    assert links().opened(links().code(LINK), now) == (LINK if opens else LinkRefusal.EXPIRED)


@pytest.mark.parametrize("minutes", [0, 1, 59])
def test_a_link_is_never_open_for_longer_than_asked(minutes: int) -> None:
    assert link_for(KEY, EXPIRES + timedelta(minutes=minutes)).expires_at == EXPIRES


@pytest.mark.parametrize("year", [1969, 3884])
def test_a_link_that_ends_beyond_the_format_is_not_made(year: int) -> None:
    with pytest.raises(ValueError, match="before 3883"):
        link_for(KEY, datetime(year, 1, 1, tzinfo=UTC))


@given(st.integers(0, CODE_LENGTH - 1), st.sampled_from(BASE62))
def test_a_changed_letter_opens_nothing(place: int, letter: str) -> None:
    code = links().code(LINK)
    changed = code[:place] + letter + code[place + 1 :]
    allowed = {LINK} if changed == code else {LinkRefusal.FORGED, LinkRefusal.MALFORMED}
    assert links().opened(changed, NOW) in allowed


@pytest.mark.parametrize(
    "code", ["", "0" * 25, "0" * 27, "z" * 26, "-" * 26, "０" * 26, " " + "0" * 25, "0" * 25 + "\n"]
)
def test_what_is_no_code_is_malformed(code: str) -> None:
    assert links().opened(code, NOW) is LinkRefusal.MALFORMED


def test_what_is_forged_does_not_learn_that_it_would_be_over() -> None:
    assert links().opened(code_of(LINK, b"\0" * 32), EXPIRES) is LinkRefusal.FORGED


def test_a_code_of_another_secret_opens_nothing_and_of_the_one_before_still_does() -> None:
    old = links(SECRET).code(LINK)
    assert links(NEWER).opened(old, NOW) is LinkRefusal.FORGED
    assert links(NEWER, SECRET).opened(old, NOW) == LINK
    assert links(NEWER, SECRET).code(LINK) == links(NEWER).code(LINK) != old


def test_a_secret_that_is_newer_than_what_is_kept_counts_at_its_first_use() -> None:
    asked = []

    def secrets(*, fresh: bool = False) -> tuple[bytes, ...]:
        asked.append(fresh)
        return (NEWER, SECRET) if fresh else (SECRET,)

    assert SignedLinks(secrets).opened(links(NEWER).code(LINK), NOW) == LINK
    assert asked == [False, True]


def test_notice_and_time_are_both_signed() -> None:
    later = ShortLink(LINK.digest, LINK.expires_at + timedelta(hours=1))
    other = ShortLink(bytes(8), LINK.expires_at)
    assert len({signed_part(link) for link in (LINK, later, other)}) == 3


digests = st.binary(min_size=8, max_size=8)
hours = st.integers(1, 2**24 - 1)


@given(digests, hours, st.binary(min_size=32, max_size=32))
def test_reading_a_code_is_the_inverse_of_writing_it(digest: bytes, hour: int, mac: bytes) -> None:
    link = ShortLink(digest, datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour))
    assert read_code(code_of(link, mac)) == (link, mac[:8])


@given(st.text(alphabet=BASE62, min_size=26, max_size=26))
def test_any_code_that_can_be_read_is_written_in_one_way_only(code: str) -> None:
    found = read_code(code)
    assert found is LinkRefusal.MALFORMED or (not isinstance(found, LinkRefusal) and code_of(*found) == code)
