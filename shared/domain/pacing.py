"""How fast a provider may be handed messages, counted in message parts, as it throttles and bills by them.

A token bucket as a value: `take` returns the bucket after it and how long to wait first. Over any span of time the
parts handed on are at most `burst` plus what the rate gives in it; a message of more parts than `burst` waits until the
bucket is full, and overdraws it.

One Lambda instance applies it so. It holds one bucket a provider in a module variable, which lives as long as the
instance, and starts it `emptied`: instances that come and go would otherwise each begin with a full burst. With
reserved concurrency, or the queue's maximum concurrency, of N the instance's share is the provider's rate over N
(`shared_by`), so that all of them together stay under the limit without asking each other; what an idle instance does
not use is lost, which is the price of needing no shared counter. The worker takes before it claims: a wait then costs
no claim and no contact. A wait that is longer than the time that the invocation has left ends the invocation: the rest
of its hints go back to the queue, and nothing was claimed for them. A provider that throttles all the same empties the
bucket.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_TICK = timedelta(microseconds=1)
_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """`parts` message parts per `per`, at most `burst` of them at once after a pause.

    `full_at` is the instant at which the bucket is full again; None is full.
    """

    parts: int
    per: timedelta
    burst: int
    full_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.parts < 1 or self.burst < 1 or self.per <= _NOTHING:
            raise ValueError("a bucket needs a rate and a burst above nothing")

    def take(self, count: int, now: datetime) -> tuple["TokenBucket", timedelta]:
        """Takes `count` parts; the second value is the wait before they may go, nothing where they may at once."""
        if count < 1:
            raise ValueError("a message has at least one part")
        begins = max(self.full_at or now, now)
        room = max(self.burst - count, 0) * (self.per // _TICK) // self.parts * _TICK
        goes_at = max(now, begins - room)
        return replace(self, full_at=begins + self._time_of(count)), goes_at - now

    def emptied(self, now: datetime) -> "TokenBucket":
        """Nothing in it: at the start of an instance, and after a provider throttled."""
        return replace(self, full_at=max(self.full_at or now, now + self._time_of(self.burst)))

    def shared_by(self, instances: int) -> "TokenBucket":
        """One instance's share of the rate; its burst too, but at least one part."""
        return replace(self, per=self.per * instances, burst=max(self.burst // instances, 1))

    def _time_of(self, count: int) -> timedelta:
        """How long `count` parts take at this rate, rounded up to a microsecond."""
        ticks = self.per // _TICK
        return -(-count * ticks // self.parts) * _TICK
