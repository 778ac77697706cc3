"""The pace of one instance: a bucket for each provider, which lives as long as the instance does."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from shared.adapters.clock import SystemClock
from shared.domain.pacing import TokenBucket
from shared.domain.provider_rules import ProviderRules

LONGEST_WAIT = timedelta(seconds=30)
"""What is further off than this is not worth an instance that stands and waits. Own design."""

_NOW = SystemClock().now
_NAP = timedelta(seconds=1)
_NOTHING = timedelta(0)


class Paced:
    """Pace. On the real clock, whatever the simulated instant: it is the provider's clock that counts.

    `instances` is how many of the function may run at once; each takes its share of the provider's rate.
    """

    def __init__(
        self,
        instances: int,
        now: Callable[[], datetime] = _NOW,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._instances = instances
        self._now = now
        self._sleep = sleep
        self._buckets: dict[str, tuple[ProviderRules, TokenBucket]] = {}

    def take(self, provider: ProviderRules, parts: int, has_time: Callable[[], bool]) -> bool:
        while True:
            now = self._now()
            taken, wait = self._bucket(provider, now).take(parts, now)
            if wait <= _NOTHING:
                self._buckets[provider.name] = provider, taken
                return True
            if wait > LONGEST_WAIT or not has_time():
                return False
            self._sleep(min(wait, _NAP).total_seconds())

    def slow_down(self, provider: ProviderRules) -> None:
        now = self._now()
        self._buckets[provider.name] = provider, self._bucket(provider, now).emptied(now)

    def _bucket(self, provider: ProviderRules, now: datetime) -> TokenBucket:
        """The provider's bucket, empty at first, and again when a new pack gave it another rate."""
        known = self._buckets.get(provider.name)
        if known is None or known[0] != provider:
            bucket = provider.bucket.shared_by(self._instances).emptied(now)
            self._buckets[provider.name] = known = provider, bucket
        return known[1]
