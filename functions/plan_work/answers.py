"""What planning did: its counts, and its answer as JSON."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shared.domain import keys
from shared.domain.book import Line
from shared.workflows.plan_work import Finding, Preview


@dataclass(frozen=True, slots=True)
class Done:
    """A dry run's decisions, or hints by line; `held` are the lines that are switched off."""

    result: Preview | Mapping[Line, int]
    held: frozenset[Line] = frozenset()

    @property
    def counts(self) -> Mapping[str, int]:
        if isinstance(self.result, Preview):
            return Counter(f"preview.{found.decision}" for found in self.result.decisions)
        off = {f"switched-off.{line}": 1 for line in sorted(self.held)}
        return {f"hints.{line}": given for line, given in self.result.items()} | off

    @property
    def failures(self) -> Mapping[str, int]:
        """None: what fails in planning fails as a whole."""
        return {}

    @property
    def answer(self) -> dict[str, Any]:
        if isinstance(self.result, Preview):
            return {
                "business_date": self.result.business_date.isoformat(),
                "decisions": [_plain(found) for found in self.result.decisions],
                "after": self.result.after,
            }
        return {"hints": {line.value: given for line, given in self.result.items()}}


def _plain(found: Finding) -> dict[str, Any]:
    return asdict(found) | {"until": keys.instant(found.until) if found.until else None}
