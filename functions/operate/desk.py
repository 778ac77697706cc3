"""Which workflow an operator's request goes to, and what became of it as counts and as JSON."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from shared.domain import keys
from shared.domain.consent_orders import ConsentOrder, said_classes
from shared.domain.hold_orders import HoldAdd, HoldEnd
from shared.domain.money import Money
from shared.domain.operations import Approval, OperatorRequest, Order, Resolution, SwitchOrder
from shared.ports.world import Callers, Clock
from shared.workflows.operate import Operations, Report, Result
from shared.workflows.order_resolutions import Resolutions, Resolved
from shared.workflows.set_consent import Consent, ConsentResult
from shared.workflows.set_holds import HoldResult, Holds
from shared.workflows.turn_switches import SwitchTurning


@dataclass(frozen=True, slots=True)
class Done:
    counts: Mapping[str, int]
    answer: dict[str, Any]
    failures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Desk:
    """The operators' workflows, and who can say who calls."""

    operations: Operations
    resolutions: Resolutions
    switches: SwitchTurning
    holds: Holds
    consent: Consent
    callers: Callers
    clock: Clock

    def carry_out(self, request: OperatorRequest, actor: str, run: str, has_time: Callable[[], bool]) -> Done:
        match request:
            case Order():
                return _reported(self.operations.order(request, actor, run, has_time), actor)
            case Approval(asked) if self.resolutions.asks(asked):
                return _resolved(self.resolutions.approve(asked, actor, run), actor)
            case Approval(asked):
                return _reported(self.operations.approve(asked, actor, run, has_time), actor)
            case SwitchOrder(name, on, reason):
                board = self.switches.turn(name, on=on, reason=reason, actor=actor)
                answer = {"actor": actor, "open": board.on, "off": sorted(board.off)}
                return Done({f"switch.{'on' if on else 'off'}": 1}, answer)
            case Resolution():
                return _resolved(self.resolutions.order(request, actor, run), actor)
            case HoldAdd():
                return _held(self.holds.add(request, actor), actor)
            case HoldEnd():
                return _held((self.holds.end(request, actor),), actor)
            case ConsentOrder():
                return _said(self.consent.order(request, actor), actor)
            case _:
                assert_never(request)


def _reported(report: Report, actor: str) -> Done:
    answer: dict[str, Any] = {
        "actor": actor,
        "loans": report.extent.loans,
        "amounts": [_money(Money(minor, currency)) for currency, minor in report.extent.minor.items()],
        "results": [_plain(result) for result in report.results],
    }
    if report.request:
        answer["request"] = report.request
    return Done(report.summary.counts, answer, report.summary.failures)


def _resolved(result: Resolved, actor: str) -> Done:
    """A request is said as that of any order; what was resolved, with its amount as it left suspense."""
    order, extent = result.resolution, result.extent
    answer: dict[str, Any] = {"actor": actor, "entry": order.entry, "loan_id": order.loan_id}
    if result.out is None:
        amounts = [_money(Money(minor, currency)) for currency, minor in extent.minor.items()]
        return Done({"requested": 1}, answer | {"loans": extent.loans, "amounts": amounts, "request": result.request})
    amount = Money(-result.out.amount.minor, result.out.amount.currency)
    return Done({"suspense.resolved": 1}, answer | _money(amount))


def _held(results: Sequence[HoldResult], actor: str) -> Done:
    return Done(
        Counter(f"hold.{one.word}" for one in results), {"actor": actor, "holds": [_of(one) for one in results]}
    )


def _of(result: HoldResult) -> dict[str, Any]:
    found: dict[str, Any] = {"loan_id": result.loan_id, "result": result.word, "hold_id": result.hold_id}
    if hold := result.hold:
        until = hold.until.isoformat() if hold.until else None
        found |= {"stops": sorted(hold.stops), "since": keys.instant(hold.since), "until": until}
    return found


def _said(result: ConsentResult, actor: str) -> Done:
    bars = [
        {"classes": said_classes(bar.classes), "by": bar.by.value, "since": keys.instant(bar.since)}
        for bar in result.bars
    ]
    where = {"actor": actor, "borrower_id": result.borrower_id, "channel": result.channel.value}
    return Done({f"consent.{result.word}": 1}, {**where, "result": result.word, "bars": bars})


def _money(amount: Money) -> dict[str, str]:
    return {"amount": amount.decimal(), "currency": amount.currency}


def _plain(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {"attempt": result.target, "result": result.word}
    if result.reason:
        found |= {"reason": result.reason.name, "sentence": result.reason.value}
    if result.until:
        found["until"] = keys.instant(result.until)
    if result.attempt:
        found["made"] = result.attempt
    return found
