"""Pacing: never more message parts than the provider's rate and burst allow, over any span of time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.pacing import TokenBucket

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TWENTY = TokenBucket(20, SECOND, burst=20)


def waits(bucket: TokenBucket, counts: list[int], at: datetime = NOW) -> list[float]:
    found = []
    for count in counts:
        bucket, wait = bucket.take(count, at)
        found.append(wait.total_seconds())
    return found


@pytest.mark.parametrize(
    ("bucket", "counts", "expected"),
    [
        (TWENTY, [20], [0]),
        (TWENTY, [20, 1], [0, 0.05]),
        (TWENTY, [10, 10, 2, 2], [0, 0, 0.1, 0.2]),
        (TWENTY.emptied(NOW), [1, 1], [0.05, 0.1]),
        (TokenBucket(1, SECOND, burst=1), [1, 1, 3, 1], [0, 1, 2, 5]),
        (TokenBucket(3, timedelta(minutes=1), burst=1), [1, 1], [0, 20]),
        (TokenBucket(3, SECOND, burst=1), [1, 1, 1], [0, 0.333334, 0.666668]),
    ],
    ids=["a-burst", "one-more", "in-parts", "from-empty", "more-than-the-burst", "per-minute", "rounded-up"],
)
def test_how_long_a_message_waits(bucket: TokenBucket, counts: list[int], expected: list[float]) -> None:
    assert waits(bucket, counts) == expected


def test_an_idle_bucket_fills_up_to_its_burst_and_no_further() -> None:
    used, _ = TWENTY.take(20, NOW)
    half, wait = used.take(10, NOW + timedelta(milliseconds=500))
    assert wait == timedelta(0)
    assert half.take(1, NOW + timedelta(milliseconds=500))[1] == timedelta(milliseconds=50)
    assert waits(used, [20, 1], NOW + timedelta(days=1)) == [0, 0.05]


def test_emptied_never_makes_a_bucket_fuller() -> None:
    overdrawn, _ = TWENTY.take(60, NOW)
    assert overdrawn.emptied(NOW) == overdrawn


@pytest.mark.parametrize(
    ("instances", "expected"),
    [(1, [0] * 20 + [0.05]), (4, [0] * 5 + [0.2]), (40, [0, 2, 4])],
)
def test_instances_share_the_rate(instances: int, expected: list[float]) -> None:
    assert waits(TWENTY.shared_by(instances), [1] * len(expected)) == expected


@pytest.mark.parametrize(("parts", "per", "burst"), [(0, SECOND, 1), (1, SECOND, 0), (1, timedelta(0), 1)])
def test_a_bucket_without_a_rate_or_a_burst_is_none(parts: int, per: timedelta, burst: int) -> None:
    with pytest.raises(ValueError, match="above nothing"):
        TokenBucket(parts, per, burst)


def test_a_message_has_parts() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        TWENTY.take(0, NOW)


buckets = st.builds(
    TokenBucket,
    parts=st.integers(1, 2000),
    per=st.sampled_from([SECOND, timedelta(minutes=1), timedelta(microseconds=333_333)]),
    burst=st.integers(1, 50),
)
arrivals = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 60)), min_size=1, max_size=30)


@given(buckets, arrivals, st.booleans())
def test_over_any_span_the_rate_and_the_burst_hold(
    bucket: TokenBucket, arrivals: list[tuple[int, int]], begins_empty: bool
) -> None:
    first = bucket
    if begins_empty:
        bucket = bucket.emptied(NOW)
    now, gone = NOW, []
    for microseconds, count in arrivals:
        now += timedelta(microseconds=microseconds)
        bucket, wait = bucket.take(count, now)
        assert wait >= timedelta(0)
        gone.append((now + wait, count))
    assert [at for at, _ in gone] == sorted(at for at, _ in gone)
    for start, (begin, _) in enumerate(gone):
        total = 0
        for at, count in gone[start:]:
            total += count
            # What a message has beyond the burst waited before the span began.
            beyond = max(max(c for t, c in gone[start:] if t <= at) - first.burst, 0)
            assert (total - first.burst - beyond) * first.per <= (at - begin) * first.parts


@given(buckets, arrivals)
def test_what_waits_does_not_wait_for_longer_than_it_must(bucket: TokenBucket, arrivals: list[tuple[int, int]]) -> None:
    """The wait ends when the parts before it, less the burst, have had their time: give or take a microsecond each."""
    bucket = bucket.emptied(NOW)
    total = 0
    for _, count in arrivals:
        bucket, wait = bucket.take(count, NOW)
        total += count
        slack = timedelta(microseconds=len(arrivals) + 2)
        assert (wait - slack) * bucket.parts <= max(total, bucket.burst) * bucket.per
