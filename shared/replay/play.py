"""One replay, from the first business date to the last."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from shared.domain.book import Instalment
from shared.domain.calendar import at_local
from shared.domain.contact_rules import Channel
from shared.domain.errors import PolicyError
from shared.domain.messages import Fill
from shared.domain.policy import Policy
from shared.ports.world import PaymentGateway, PolicyShelf
from shared.replay.buckets import Buckets, Group, Level
from shared.replay.history import History
from shared.replay.lender import Lender
from shared.replay.record import Played, Recorder, stage_lines
from shared.replay.uncollected import uncollected

type Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """Under what a history is played: the packs, the texts, and what a gateway answers. With `keeps_texts` the result
    tells texts apart, at the price of a digest for each. `swept_on` is a day on which packs change: at its beginning
    every row is looked at again."""

    shelf: PolicyShelf
    business_zone: str
    fill: Fill
    gateway: Callable[[], PaymentGateway]
    keeps_texts: bool = False
    swept_on: date | None = None


@dataclass(slots=True)
class _Sums:
    loans: int = 0
    instalments: int = 0
    payments: int = 0
    paid_minor: int = 0
    levels: list[Level] = field(default_factory=list)


@uncollected()
def play(history: History, first: date, last: date, rules: Rules, progress: Progress = lambda *_: None) -> Played:
    """Plays a history; what it gives follows from files and packs alone.

    Each day its new loans come first, then its mandates, its payments, and the passes; buckets are taken at its end.
    """
    recorder = Recorder(rules.business_zone)
    start = at_local(first, time.min, rules.business_zone)
    wiring = wiring_of({product for product, _ in history.groups}, rules)
    gateway = rules.gateway()
    texts: dict[str, str] | None = {} if rules.keeps_texts else None
    zone = rules.business_zone
    lender = Lender(start, zone, rules.shelf, gateway, rules.fill, recorder, wiring, history.zoneless, texts=texts)
    buckets, sums = Buckets(first, policies_of(rules)), _Sums()
    countries = history.countries
    days = (last - first).days + 1
    for place in range(days):
        day = first + timedelta(days=place)
        lender.begin(day)
        if day == rules.swept_on:
            lender.book.wake_all(lender.clock.now())
        _take_on(history, day, lender, buckets, sums, countries, is_first=place == 0)
        lender.hand_over(history.mandates.get(day, ()))
        _pay(history, day, lender, sums)
        lender.live(day)
        buckets.pay(lender.book.saved(), day)
        sums.levels += buckets.end(day)
        progress("days", place + 1, days)
    return Played(
        history.currency,
        recorder.notices(),
        tuple(sorted(recorder.attempts(lender.attempts()))),
        tuple(buckets.stays()),
        tuple(sums.levels),
        lender.total.counts,
        lender.total.failures,
        len(history.standing.borrowers),
        len(history.zoneless),
        sums.loans,
        sums.instalments,
        sums.payments,
        sums.paid_minor,
        tuple(sorted(recorder.versions)),
        history.later,
        recorder.waits(),
        stage_lines(lender.escalations()),
        texts or {},
    )


def wiring_of(products: Iterable[str], rules: Rules) -> Callable[[datetime], Mapping[Channel, str]]:
    """The name of each channel's provider at an instant, as the packs of its day say. Nobody is wired on a day on which
    no product has a policy: nothing is sent then either."""
    ordered = sorted(products)

    def wiring(at: datetime) -> Mapping[Channel, str]:
        for product in ordered:
            try:
                return rules.shelf.policy(product, at).wired
            except PolicyError:
                continue
        return {}

    return wiring


def policies_of(rules: Rules) -> Callable[[Group, date], Policy]:
    """The rules of a group on a day. Where no pack covers its country the product's own are: no line works there, and
    its loans age all the same."""

    def policy_of(group: Group, day: date) -> Policy:
        product, country = group
        policy = rules.shelf.policy(product, at_local(day, time.min, rules.business_zone))
        try:
            return policy.within(country)
        except PolicyError:
            return policy

    return policy_of


def _take_on(
    history: History,
    day: date,
    lender: Lender,
    buckets: Buckets,
    sums: _Sums,
    countries: Mapping[str, str],
    *,
    is_first: bool,
) -> None:
    coming = history.standing if is_first else history.loans.get(day)
    if coming is None:
        return
    now = lender.clock.now()
    policies = {read.row.product: lender.shelf.policy(read.row.product, now) for read in coming.loans}
    prepared = lender.take_on(coming, policies)
    sums.loans += len(coming.loans)
    sums.instalments += len(coming.instalments)
    groups = {read.row.loan_id: (read.row.product, countries[read.row.borrower_id]) for read in coming.loans}
    by_loan: dict[str, list[Instalment]] = defaultdict(list)
    for sourced in prepared.parts:
        if isinstance(sourced.row, Instalment):
            by_loan[sourced.row.loan_id].append(sourced.row)
    for loan_id, instalments in by_loan.items():
        buckets.add(instalments, groups[loan_id], day)


def _pay(history: History, day: date, lender: Lender, sums: _Sums) -> None:
    payments = history.payments.get(day, ())
    lender.pay(payments)
    sums.payments += len(payments)
    sums.paid_minor += sum(payment.amount.minor for payment in payments)
