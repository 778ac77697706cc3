"""A book of Berka loans in a world, lived through by the demo's driver, and what happened by day beside what had to."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from demo.borrowers import Credit, Seen
from demo.driver import Driver, Lived, Plan, World
from shared.adapters.policy_files import read_packs
from shared.domain.book import Attempt, Escalation, NoticeRecord, NoticeState
from shared.domain.packs import Leaf, Pack
from tests.berka.expected import Event, Schedule, expected
from tests.data.berka import CURRENCY, AccountCredit, BerkaLoan, credits_between

FIRST_DAY = date(2026, 3, 1)
DAYS = 92


def without_caps() -> tuple[Pack, ...]:
    """The packs that ship, with room for a hundred messages under every cap: the plain count knows none."""
    return tuple(
        replace(pack, leaves={path: _roomy(leaf) if ".caps." in path else leaf for path, leaf in pack.leaves.items()})
        for pack in read_packs()
    )


def _roomy(leaf: Leaf) -> Leaf:
    assert isinstance(leaf.value, dict)
    return replace(leaf, value={**leaf.value, "max": 100})


@dataclass(frozen=True, slots=True)
class Comparison:
    """Events by day: those that were counted from the rules, and those that happened."""

    expected: Counter[Event]
    happened: Counter[Event]

    @property
    def differences(self) -> tuple[str, ...]:
        return tuple(
            f"{day} {kind} {what}: expected {self.expected[day, kind, what]}, got {self.happened[day, kind, what]}"
            for day, kind, what in sorted({*self.expected, *self.happened})
            if self.expected[day, kind, what] != self.happened[day, kind, what]
        )

    def totals(self) -> Iterator[tuple[str, str, int, int]]:
        """Kind of event, what of it, and both counts over all days."""
        expected, happened = _over_all_days(self.expected), _over_all_days(self.happened)
        for kind, what in sorted({*expected, *happened}):
            yield kind, what, expected[kind, what], happened[kind, what]


def _over_all_days(events: Counter[Event]) -> Counter[tuple[str, str]]:
    totals: Counter[tuple[str, str]] = Counter()
    for (_, kind, what), count in events.items():
        totals[kind, what] += count
    return totals


class Wages:
    """Who pays has the money of each instalment on its due date, before the first deduction; nobody pays by hand."""

    def __init__(self, coming: Iterable[AccountCredit]) -> None:
        self._credits: dict[tuple[str, date], list[Credit]] = defaultdict(list)
        for credit in coming:
            minor = int(credit.amount * Decimal(100))
            key = f"wages-{credit.loan_id}-{credit.number}"
            self._credits[credit.loan_id, credit.on].append(Credit(key, credit.account_ref, minor, CURRENCY))

    def deeds(self, seen: Seen, today: date, slot: int) -> Iterable[Credit]:
        return self._credits.get((seen.loan_id, today), ()) if slot == 0 else ()


def schedules(loans: Iterable[BerkaLoan], first_day: date, without_mandate: frozenset[str]) -> Iterator[Schedule]:
    """What is unpaid on the first day: everything still to come, and what was never paid."""
    for loan in loans:
        unpaid = [
            (due, number <= loan.pays_up_to)
            for number, due in loan.instalments
            if due >= first_day or number > loan.pays_up_to
        ]
        has_mandate = loan.loan_id not in without_mandate
        yield Schedule(loan.borrower_id, [(due, pays and has_mandate) for due, pays in unpaid], has_mandate)


def compare(
    loans: Sequence[BerkaLoan],
    world: World,
    plan: Plan,
    told: Callable[[Lived], None] = lambda _: None,
    without_mandate: frozenset[str] = frozenset(),
) -> Comparison:
    """Lives through a plan in a world in which the loans stand, and counts."""
    wages = Wages(credits_between(loans, plan.first_day, plan.last_day))
    Driver(world, plan, lambda _: wages, told).run()
    wanted = expected(schedules(loans, plan.first_day, without_mandate), plan.first_day, plan.last_day)
    return Comparison(wanted, Counter(_happened(world)))


def _happened(world: World) -> Iterator[Event]:
    for notice in world.rows(NoticeRecord):
        state = "" if notice.state is NoticeState.SENT else f" {notice.state}"
        yield notice.business_date, "message", f"{notice.kind}{state}"
    for attempt in world.rows(Attempt):
        yield date.fromisoformat(attempt.slot[:10]), "attempt", attempt.outcome or attempt.state
    for escalation in world.rows(Escalation):
        yield escalation.entered_on, "stage", escalation.stage
