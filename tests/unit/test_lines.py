"""Short lines: whatever words go in come out again, and what stood before is written once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.dynamodb.lines import brief, lines, read_brief, read_lines

IDS = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
WORDS = st.lists(st.one_of(IDS, st.just("loan-1"), st.just("2026-03-10")), max_size=3).flatmap(
    lambda ids: st.sampled_from([",".join(ids), "#".join(ids)])
)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=9), min_size=1, max_size=9))
def test_words_come_out_as_they_went_in(rows: list[list[str]]) -> None:
    value = lines(rows)
    assert value is not None
    assert list(read_lines(value)) == rows


@pytest.mark.parametrize(
    ("rows", "written"),
    [
        ([["loan-1#001#0", "DUE"], ["loan-1#002#0", "DUE"]], ["loan-1#001#0 DUE", "~0#002#0 DUE"]),
        ([["a", "long-1,long-2"], ["b", "long-2", "long-1"]], ["a long-1,long-2", "b ~1 ~0"]),
        ([["", "long"], ["long", ""]], [" long", "~0 "]),
    ],
)
def test_what_stood_before_is_named_by_its_number(rows: list[list[str]], written: list[str]) -> None:
    assert lines(rows) == {"L": [{"S": line} for line in written]}


def test_no_rows_are_no_attribute() -> None:
    assert lines([]) is None


SPANS = st.integers(min_value=1, max_value=10**15).map(lambda us: timedelta(microseconds=us))


@given(SPANS)
def test_an_instant_keeps_its_microseconds(since: timedelta) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + since
    assert read_brief(brief(at)) == at


def test_an_instant_of_this_century_is_ten_characters() -> None:
    assert len(brief(datetime(2026, 3, 10, 12, tzinfo=UTC) + timedelta(microseconds=1))) == 10
