"""An explanation as counts and as JSON: ids, codes, amounts and leaves, nothing personal."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain import keys
from shared.domain.explained import Behind
from shared.workflows.done_on import Event
from shared.workflows.explain import Decided, Explanation


@dataclass(frozen=True, slots=True)
class Done:
    result: Explanation

    @property
    def counts(self) -> Mapping[str, int]:
        return Counter(f"explained.{found.decision}" for found in self.result.decisions)

    @property
    def failures(self) -> Mapping[str, int]:
        """None: what fails here fails as a whole."""
        return {}

    @property
    def answer(self) -> dict[str, Any]:
        found = self.result
        return {
            "loan_id": found.loan_id,
            "borrower_id": found.borrower_id,
            "on": found.on.isoformat(),
            "business_zone": found.business_zone,
            "decisions": [_decided(one) for one in found.decisions],
            "done": [_event(one) for one in found.done],
            "doubts": list(found.doubts),
        }


def _decided(found: Decided) -> dict[str, Any]:
    return {
        "line": found.line.value,
        "unit": found.unit,
        "at": keys.instant(found.at),
        "decision": found.decision,
        "reason": found.reason.name,
        "sentence": found.reason.value,
        "until": keys.instant(found.until) if found.until else None,
        "what": dict(found.what),
        "policy_version": found.policy_version,
        "behind": [_behind(leaf) for leaf in found.behind],
    }


def _behind(leaf: Behind) -> dict[str, Any]:
    return {
        "leaf": leaf.leaf,
        "value": json.loads(json.dumps(leaf.value, default=str)),
        "pack": leaf.pack,
        "kind": leaf.kind.value,
        "source": leaf.source,
        "why": leaf.why,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "key": event.key,
        "at": keys.instant(event.at) if event.at else None,
        "what": dict(event.what),
        "policy_version": event.policy_version,
    }
