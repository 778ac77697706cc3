"""What became of an order, as counts and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from shared.domain import keys
from shared.domain.book import Attempt, Outcome
from shared.domain.decision import Act, Defer, Drop
from shared.workflows.passes import Summary
from shared.workflows.pay_now import Paid


@dataclass(frozen=True, slots=True)
class Done:
    paid: Paid
    summary: Summary

    @property
    def counts(self) -> Mapping[str, int]:
        return self.summary.counts

    @property
    def failures(self) -> Mapping[str, int]:
        return self.summary.failures

    @property
    def answer(self) -> dict[str, Any]:
        """The decision with its reason; `lost` where somebody else was quicker and nothing was claimed; `attempt` where
        money may move, with its outcome, null while only an enquiry can tell."""
        decision = self.paid.decision
        said = {"reason": decision.reason.name, "sentence": decision.reason.value}
        match decision:
            case Act():
                attempt = {"attempt": _attempt(self.paid.attempt, self.paid.outcome)} if self.paid.attempt else {}
                return {"decision": "act", **said, "lost": self.paid.lost, **attempt}
            case Defer(until):
                return {"decision": "defer", **said, "until": keys.instant(until)}
            case Drop():
                attempt = {"attempt": _attempt(self.paid.attempt, self.paid.outcome)} if self.paid.attempt else {}
                return {"decision": "drop", **said, **attempt}
            case _:
                assert_never(decision)


def _attempt(attempt: Attempt, outcome: Outcome | None) -> dict[str, Any]:
    return {
        "key": keys.intent_key(attempt.loan_id, attempt.seq),
        "instalments": list(attempt.numbers),
        "amount": attempt.amount.decimal(),
        "currency": attempt.amount.currency,
        "outcome": outcome.value if outcome else None,
    }
