"""A pass over hints: what it counted stays counted, however it ends."""

import pytest

from shared.domain.book import Line
from shared.domain.errors import StoreError
from shared.workflows.passes import Summary, for_each
from tests.unit.town import Town


def one(key: str, summary: Summary) -> None:
    if key == "broken":
        raise KeyError(key)
    if key == "silent":
        raise StoreError("dynamodb: the rows are contended")
    summary.counts["settled.risk"] += 1


def test_what_was_counted_before_a_store_fell_silent_is_kept_by_who_asked_for_the_pass() -> None:
    summary = Summary()
    with pytest.raises(StoreError):
        for_each(Line.STAGE, ["l-1", "silent", "l-2"], Town().book, one, lambda: True, summary)
    assert summary.counts == {"settled.risk": 1}


def test_a_key_that_fails_is_kept_with_its_error_and_stops_no_other() -> None:
    summary = for_each(Line.STAGE, ["broken", "l-1"], Town().book, one, lambda: True)
    assert summary.counts == {"failed": 1, "settled.risk": 1}
    assert {key: type(error) for key, error in summary.broken.items()} == {"broken": KeyError}
