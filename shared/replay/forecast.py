"""The days to come, played on a copy of a book as it stands: nothing is asked of anybody, nothing is written anywhere.

What was told, attempted, held and capped so far stands on the copied rows, so the lines go on where the book's own are.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    Borrower,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Line,
    Loan,
    LoanStatus,
    Mandate,
    MoneyMark,
    NoticeRecord,
    Stage,
)
from shared.domain.calendar import business_date
from shared.domain.errors import InputError
from shared.domain.switches import ALL_ON, Switches
from shared.ports.portfolio import StoredRow
from shared.ports.world import DebitRequest, PaymentGateway, RefundRequest
from shared.replay.buckets import Buckets, Level
from shared.replay.lender import Lender
from shared.replay.play import Progress, Rules, policies_of, wiring_of
from shared.replay.record import Played, Recorder, stage_lines

_KINDS: tuple[type[StoredRow], ...] = (
    *(MoneyMark, LedgerEntry, NoticeRecord, Attempt, Escalation),
    *(DebitCard, Borrower, Mandate, Instalment, Loan, ContactCard),
)
"""What the lines read. What is put once comes before the rows that say that it was: read while a worker settles, a book
may lack a message that its card knows of, and never holds one that its card would tell again."""

_OF_A_LOAN = (Loan, Instalment, Mandate, Escalation, Attempt, LedgerEntry)


@dataclass(frozen=True, slots=True)
class StandingBook:
    """A book as it stands at an instant, with loans in one currency; `quarantined` are agenda keys of each line."""

    at: datetime
    currency: str
    rows: tuple[StoredRow, ...]
    quarantined: Mapping[Line, Collection[str]] = field(default_factory=dict)
    switches: Switches = ALL_ON

    def of[R: (Loan, Instalment, Escalation, Attempt, Borrower)](self, kind: type[R]) -> Iterator[R]:
        return (row for row in self.rows if isinstance(row, kind))


def read_book(
    scan: Callable[[type[StoredRow]], Iterable[StoredRow]],
    at: datetime,
    quarantined: Mapping[Line, Collection[str]],
    switches: Switches,
    currency: str | None = None,
) -> StandingBook:
    """The book behind a scan of its rows by kind; of loans in several currencies those in `currency`.

    Raises InputError where there are several and none is named, or none in the one that is. Rows that a worker changes
    while they are read may not fit each other: an instalment may wait for an attempt that is not there.
    """
    rows = [row for kind in _KINDS for row in scan(kind)]
    found = {row.currency for row in rows if isinstance(row, Loan)}
    if currency is not None and currency not in found:
        raise InputError(f"the book has no loans in {currency}: there are {', '.join(sorted(found)) or 'none'}")
    if currency is None and len(found) > 1:
        raise InputError(f"the book has loans in {', '.join(sorted(found))}: name one with --currency")
    named = currency or min(found, default="")
    loans = {row.loan_id for row in rows if isinstance(row, Loan) and row.currency == named}
    kept = tuple(_narrowed(row, loans) for row in rows if _is_of(row, loans))
    return StandingBook(at, named, kept, quarantined, switches)


def _is_of(row: StoredRow, loans: set[str]) -> bool:
    return row.loan_id in loans if isinstance(row, _OF_A_LOAN) else True


def _narrowed(row: StoredRow, loans: set[str]) -> StoredRow:
    """A card that follows these loans only: another may have come since they were read."""
    if not isinstance(row, ContactCard) or loans >= set(row.loan_ids):
        return row
    told = {key: value for key, value in row.told.items() if key.partition("#")[0] in loans}
    return replace(row, loan_ids=tuple(i for i in row.loan_ids if i in loans), told=told)


def forecast(book: StandingBook, first: date, last: date, rules: Rules, progress: Progress = lambda *_: None) -> Played:
    """What the lines would do from the first to the last business date, both included.

    Days between the book's own and the first are played and not told. Attempts that are open are answered as the
    gateway of `rules` does. Raises InputError for a first day that is over.
    """
    zone = rules.business_zone
    today = business_date(book.at, zone)
    if first < today:
        raise InputError(f"the book stands as of {today}: a forecast begins then or later, a replay plays what was")
    recorder, gateway = Recorder(zone), rules.gateway()
    wiring = wiring_of({loan.product for loan in book.of(Loan)}, rules)
    texts: dict[str, str] | None = {} if rules.keeps_texts else None
    ports = rules.shelf, gateway, rules.fill, recorder
    lender = Lender(book.at, zone, *ports, wiring, switches=book.switches, texts=texts)
    lender.book.stand(book.rows, book.quarantined)
    _tell_gateway(gateway, book)
    buckets = _buckets(book, first, today, rules)
    levels: list[Level] = []
    days = (last - today).days + 1
    for place in range(days):
        day = today + timedelta(days=place)
        if place:
            lender.begin(day)
        if day == rules.swept_on:
            lender.book.wake_all(lender.clock.now())
        lender.live(day)
        buckets.pay(lender.book.saved(), day)
        levels += buckets.end(day)
        progress("days", place + 1, days)
    claimed = {(row.loan_id, row.seq) for row in book.of(Attempt)}
    attempts = (row for row in lender.attempts() if (row.loan_id, row.seq) not in claimed)
    known = {(row.loan_id, row.key) for row in book.of(Escalation)}
    played = Played(
        book.currency,
        recorder.notices(),
        tuple(sorted(recorder.attempts(attempts))),
        tuple(buckets.stays()),
        tuple(levels),
        lender.total.counts,
        lender.total.failures,
        sum(1 for _ in book.of(Borrower)),
        0,
        sum(1 for _ in book.of(Loan)),
        sum(1 for _ in book.of(Instalment)),
        0,
        0,
        tuple(sorted(recorder.versions)),
        0,
        recorder.waits(),
        stage_lines(row for row in lender.escalations() if (row.loan_id, row.key) not in known),
        texts or {},
    )
    return played.within(first, last)


def _tell_gateway(gateway: PaymentGateway, book: StandingBook) -> None:
    """What is open at the real gateway is known to this one under the same key, with the answer that is assumed."""
    attempts = {(row.loan_id, row.seq): row for row in book.of(Attempt)}
    for row in attempts.values():
        if row.state is AttemptState.SETTLED:
            continue
        key, of = keys.intent_key(row.loan_id, row.seq), attempts.get((row.loan_id, row.refunds or 0))
        if row.refunds is None:
            gateway.present(DebitRequest(key, row.amount, row.account_ref, row.mandate_id, row.funding))
        elif of is not None:
            paid = keys.intent_key(of.loan_id, of.seq)
            gateway.present(DebitRequest(paid, of.amount, "paid-account", of.mandate_id))
            gateway.refund(RefundRequest(key, paid, row.amount))


def _buckets(book: StandingBook, first: date, today: date, rules: Rules) -> Buckets:
    buckets = Buckets(first, policies_of(rules))
    countries = {row.borrower_id: row.country for row in book.of(Borrower)}
    open_loans = {
        loan.loan_id: (loan.product, countries.get(loan.borrower_id, ""))
        for loan in book.of(Loan)
        if loan.status is LoanStatus.OPEN
    }
    by_loan: dict[str, list[Instalment]] = defaultdict(list)
    for row in book.of(Instalment):
        if row.loan_id in open_loans:
            by_loan[row.loan_id].append(row)
    for loan_id, rows in by_loan.items():
        buckets.add(rows, open_loans[loan_id], today)
    return buckets


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a forecast or a replay; amounts are minor units."""

    date: date
    messages: Mapping[tuple[str, str], int]  # by kind and channel
    unreached: int  # borrowers whom no channel reaches
    debits: Mapping[str, tuple[int, int]]  # by outcome: how many, and their amount
    waits: Mapping[tuple[Line, str], int]  # by line and reason
    stages: Mapping[Stage, int]  # loans that entered


def days_of(played: Played, first: date, last: date) -> list[Day]:
    """Every day from the first to the last, also those on which nothing happens."""
    messages: dict[date, Counter[tuple[str, str]]] = defaultdict(Counter)
    unreached: Counter[date] = Counter()
    for line in played.notices:
        if line.decision == "act":
            messages[line.business_date][line.notice.partition("#")[0], line.channel] += 1
        unreached[line.business_date] += line.decision == "drop"
    debits: dict[date, dict[str, tuple[int, int]]] = defaultdict(dict)
    for attempt in played.attempts:
        of_day = debits[attempt.business_date]
        count, minor = of_day.get(attempt.outcome, (0, 0))
        of_day[attempt.outcome] = count + 1, minor + attempt.amount_minor
    waits: dict[date, Counter[tuple[Line, str]]] = defaultdict(Counter)
    for wait in played.waits:
        waits[wait.business_date][wait.line, wait.reason] += 1
    stages: dict[date, Counter[Stage]] = defaultdict(Counter)
    for entered in played.entered:
        stages[entered.business_date][entered.stage] += 1
    days = (first + timedelta(days=place) for place in range((last - first).days + 1))
    return [Day(day, messages[day], unreached[day], debits[day], waits[day], stages[day]) for day in days]
