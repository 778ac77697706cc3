"""The work that a book asks for, counted from its files and from what came from outside, and what of it was done.

A plain count beside the rules: it knows due dates, mandates and money, and no decision, agenda or queue. It holds for
the demo's book, whose instalments are a month apart, over some thirty days on which something runs. Messages are
counted for borrowers at home, where every day is alike; whoever's country has no rules has to be left alone.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from demo.borrowers import Pay
from demo.driver import Plan
from demo.portfolio import Portfolio
from demo.records import Records, parse_tier_key
from shared.domain import keys
from shared.domain.book import NoticeState, Stage
from shared.domain.portfolio import BORROWERS, COLUMNS, INSTALMENTS, LOANS, MANDATES, PAYMENTS
from shared.domain.tiers import DUE, PRE_DEBIT, overdue_from

_DEAD_CODES = frozenset({"mandate_dead", "account_dead", "risk"})
"""Answers after which the gateway is not asked again for the loan."""
_SECOND_TELLING = (1, 3, 7, 15, 30, 60)
"""The days past due from which another overdue message goes."""
_CAPPED = frozenset({"service-reminder", "collection"})
_A_DAY, _IN_SEVEN_DAYS = 1, 5
"""China's caps on messages to one borrower, which are of these two classes."""
HOME = "CN"


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work: how much was due, how much of it was done, and by name what is missing or came twice.

    What a cap on messages keeps back is not due.
    """

    what: str
    due: int
    done: int
    missing: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    capped: int = 0
    on_a_day: bool = False
    """Due on a day and not after it: an outage may move it. All else holds in the end, whatever went wrong."""

    @property
    def is_whole(self) -> bool:
        return not self.missing and not self.twice


@dataclass(frozen=True, slots=True)
class Charge:
    """A payment in the gateway's own books: asked for under `key`; `minor` is what it charged, 0 for a decline."""

    key: str
    minor: int
    code: str


@dataclass(frozen=True, slots=True)
class Outside:
    """What the world outside of the stack knows: what borrowers paid by hand and on which day, what the gateway was
    asked, and to which phone messages left, by their reference."""

    paid: Sequence[tuple[Pay, date]]
    charges: Sequence[Charge]
    sent: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Due:
    loan_id: str
    number: int
    on: date
    minor: int

    @property
    def name(self) -> str:
        return f"{self.loan_id}#{self.number}"


def work(
    book: Portfolio,
    plan: Plan,
    outside: Outside,
    records: Records,
    bucket_of: Callable[[int], Stage],
    countries: frozenset[str],
) -> list[Work]:
    """Every kind of work of the days that are over; `countries` are those that have rules."""
    files = _Files(book, countries)
    days = _days(files, plan, outside, records)
    return [
        *(replace(one, on_a_day=True) for one in _on_a_day(files, days, records, outside)),
        _stages(files, days, records, bucket_of),
        _by_hand(outside, records),
        _charged(outside, records),
        _left(outside, records),
        _left_alone(files, records),
    ]


def _on_a_day(files: "_Files", days: Sequence["_Day"], records: Records, outside: Outside) -> Iterator[Work]:
    yield _debits(files, days, records, outside)
    yield _told(files, days, records, PRE_DEBIT, "announcements of the next day's debits")
    yield _told(files, days, records, DUE, "messages on the due day, where nothing debits")
    yield _told_overdue(files, days, records)


class _Files:
    """The book as its files say it."""

    def __init__(self, book: Portfolio, countries: frozenset[str]) -> None:
        rows = {
            name: [dict(zip(COLUMNS[name], row, strict=True)) for row in found] for name, found in book.rows.items()
        }
        borrowers = {row["borrower_id"]: row for row in rows[BORROWERS]}
        owners = {row["loan_id"]: borrowers[row["borrower_id"]] for row in rows[LOANS]}
        self.served = tuple(loan_id for loan_id, owner in owners.items() if owner["country"] in countries)
        self.without_rules = frozenset(owners) - frozenset(self.served)
        self.owner = {loan_id: owner["borrower_id"] for loan_id, owner in owners.items()}
        self.reached = {loan_id for loan_id, owner in owners.items() if owner["country"] == HOME and owner["phone"]}
        active = {row["loan_id"] for row in rows[MANDATES] if row["status"] == "active"}
        self.debited = active & set(self.served)
        self.due: dict[str, list[_Due]] = defaultdict(list)
        for row in rows[INSTALMENTS]:
            minor = sum(_minor(row[part]) for part in ("principal", "interest", "fee"))
            due = _Due(row["loan_id"], int(row["number"]), date.fromisoformat(row["due_on"]), minor)
            self.due[due.loan_id].append(due)
        self.paid_before = Counter[str]()
        for row in rows[PAYMENTS]:
            self.paid_before[row["loan_id"]] += _minor(row["amount"])


@dataclass(frozen=True, slots=True)
class _Day:
    """What was owed on the morning of a day, before anything ran."""

    on: date
    owed: Mapping[_Due, int]
    dead: frozenset[str]  # loans of which the gateway has said that it debits no more


def _days(files: _Files, plan: Plan, outside: Outside, records: Records) -> list[_Day]:
    """The mornings, with the money of the days before them taken off: debits off their instalments, what was paid by
    hand off the oldest."""
    owed = {due: due.minor for found in files.due.values() for due in found}
    for loan_id, minor in files.paid_before.items():
        _take(files.due[loan_id], owed, minor)
    at = {(due.loan_id, due.number): due for due in owed}
    asked = {keys.intent_key(a.loan_id, a.seq): a for a in records.attempts}
    debits: dict[date, list[tuple[Charge, tuple[_Due, ...]]]] = defaultdict(list)
    for charge in outside.charges:
        attempt = asked[charge.key]
        on = date.fromisoformat(attempt.slot[:10])
        debits[on].append((charge, tuple(at[attempt.loan_id, number] for number in attempt.numbers)))
    by_hand: dict[date, list[Pay]] = defaultdict(list)
    for pay, on in outside.paid:
        by_hand[on].append(pay)
    days, dead = list[_Day](), set[str]()
    for number in range(1, plan.days + 2):
        today = plan.day(number)
        days.append(_Day(today, dict(owed), frozenset(dead)))
        for charge, covered in debits[today]:
            _take(covered, owed, charge.minor)
            if charge.code in _DEAD_CODES:
                dead.add(covered[0].loan_id)
        for pay in by_hand[today]:
            _take(files.due[pay.loan_id], owed, pay.amount_minor)
    return days


def _take(found: Iterable[_Due], owed: dict[_Due, int], minor: int) -> None:
    for due in sorted(found, key=lambda due: (due.on, due.number)):
        part = min(minor, owed[due])
        owed[due] -= part
        minor -= part


def _debits(files: _Files, days: Sequence[_Day], records: Records, outside: Outside) -> Work:
    """On its due day the gateway is asked for each instalment that a mandate covers and nobody has paid."""
    asked_at_gateway = {charge.key for charge in outside.charges}
    asked = {
        (a.loan_id, number, date.fromisoformat(a.slot[:10]))
        for a in records.attempts
        if keys.intent_key(a.loan_id, a.seq) in asked_at_gateway
        for number in a.numbers
    }
    wanted = [
        due
        for day in days[:-1]
        for due, left in day.owed.items()
        if left and due.on == day.on and due.loan_id in files.debited - day.dead and day.on > days[0].on
    ]
    missing = [due.name for due in wanted if (due.loan_id, due.number, due.on) not in asked]
    return _work("debits on the due day", len(wanted), missing)


def _told(files: _Files, days: Sequence[_Day], records: Records, tier: str, what: str) -> Work:
    """An announcement the day before, or the message on the due day where no mandate debits."""
    announces = tier == PRE_DEBIT
    told = _told_on(records)
    wanted = list[tuple[_Due, date]]()
    for day in days[:-1]:
        due_on = day.on + timedelta(days=announces)
        for due, left in day.owed.items():
            is_debited = due.loan_id in files.debited - day.dead
            if left and due.on == due_on and due.loan_id in files.reached and is_debited == announces:
                wanted.append((due, day.on))
    untold = [(due, on) for due, on in wanted if on not in told.get((tier, due.loan_id, due.number), ())]
    caps = _Caps(files, records)
    missing = [due.name for due, on in untold if announces or not caps.full(due, on)]
    return _work(what, len(wanted), missing, len(untold) - len(missing))


def _told_overdue(files: _Files, days: Sequence[_Day], records: Records) -> Work:
    """Whoever is late hears of it between one overdue step and the next; a cap may move the day."""
    told = defaultdict[tuple[str, int], list[date]](list)
    for (tier, loan_id, number), on in _told_on(records).items():
        if overdue_from(tier) is not None:
            told[loan_id, number] += on
    wanted = list[tuple[_Due, date, date]]()
    for day in days[:-1]:
        for due, left in day.owed.items():
            late = (day.on - due.on).days
            if left and due.loan_id in files.reached and late in _SECOND_TELLING:
                later = next((step for step in _SECOND_TELLING if step > late), late + 30)
                until = due.on + timedelta(days=later - 1)
                if until <= days[-2].on and days[(until - days[0].on).days + 1].owed[due]:
                    wanted.append((due, day.on, until))
    untold = [
        (due, first, until)
        for due, first, until in wanted
        if not any(first <= on <= until for on in told[due.loan_id, due.number])
    ]
    caps = _Caps(files, records)
    missing = [
        f"{due.name} from {first}"
        for due, first, until in untold
        if not all(caps.full(due, first + timedelta(days=n)) for n in range((until - first).days + 1))
    ]
    return _work("overdue messages", len(wanted), missing, len(untold) - len(missing))


class _Caps:
    """On which days nothing more of the capped classes may go to a borrower, by what went."""

    def __init__(self, files: _Files, records: Records) -> None:
        self._owner = files.owner
        self._went = Counter(
            (notice.borrower_id, notice.business_date)
            for notice in records.notices
            if notice.state is NoticeState.SENT and notice.message_class in _CAPPED
        )

    def full(self, due: _Due, on: date) -> bool:
        owner = self._owner[due.loan_id]
        week = sum(self._went[owner, on - timedelta(days=n)] for n in range(7))
        return self._went[owner, on] >= _A_DAY or week >= _IN_SEVEN_DAYS


def _told_on(records: Records) -> Mapping[tuple[str, str, int], set[date]]:
    """The days on which a message about an instalment left, or may have, by tier, loan and number."""
    found = defaultdict[tuple[str, str, int], set[date]](set)
    for notice in records.notices:
        if notice.state in (NoticeState.SENT, NoticeState.UNKNOWN):
            for key in notice.covers:
                found[parse_tier_key(key)].add(notice.business_date)
    return found


def _stages(files: _Files, days: Sequence[_Day], records: Records, bucket_of: Callable[[int], Stage]) -> Work:
    """On the last day each loan stands in the stage of its oldest unpaid instalment. A stage waits for its notice, and
    that for a day on which the cap lets it go."""
    last, owed, caps = days[-2].on, days[-1].owed, _Caps(files, records)
    stage = {loan.loan_id: loan.stage for loan in records.loans}
    missing, capped = [], 0
    for loan_id in files.served:
        oldest = min((due for due in files.due[loan_id] if owed[due]), key=lambda due: due.on, default=None)
        late = (last - oldest.on).days if oldest else 0
        wanted = bucket_of(late) if late > 0 else Stage.CURRENT
        if stage[loan_id] is wanted:
            continue
        if oldest and late > 0 and all(caps.full(oldest, last - timedelta(days=n)) for n in range(late)):
            capped += 1
        else:
            missing.append(f"{loan_id} is {stage[loan_id]}, not {wanted}")
    return _work("loans in the stage that their arrears ask for", len(files.served), missing, capped)


def _by_hand(outside: Outside, records: Records) -> Work:
    booked = Counter(entry.external_id for entry in records.entries)
    return _once("payments by hand, booked", [pay.key for pay, _ in outside.paid], booked)


def _charged(outside: Outside, records: Records) -> Work:
    booked = Counter(entry.external_id for entry in records.entries if entry.source == "gateway")
    return _once("charges of the gateway, booked", [c.key for c in outside.charges if c.minor], booked)


def _left(outside: Outside, records: Records) -> Work:
    """What the lender holds for sent is what left. A message whose settling failed is noted as unknown instead, without
    a reference: it may have left, and nobody sends it again. Each such note stands for one message to its borrower."""
    marked = Counter(n.provider_ref or n.notice_key for n in records.notices if n.state is NoticeState.SENT)
    found = _once("messages that left, noted as sent", list(outside.sent), marked)
    phone_of = {borrower.borrower_id: borrower.phone for borrower in records.borrowers}
    unknown = Counter(phone_of[n.borrower_id] for n in records.notices if n.state is NoticeState.UNKNOWN)
    missing = list[str]()
    for reference in found.missing:
        phone = outside.sent[reference]
        if unknown[phone]:
            unknown[phone] -= 1
        else:
            missing.append(reference)
    missing += [f"{reference} never left" for reference in marked.keys() - outside.sent.keys()]
    return Work(found.what, found.due, found.due - len(missing), tuple(missing), found.twice)


def _left_alone(files: _Files, records: Records) -> Work:
    served = {a.loan_id for a in records.attempts} | {e.loan_id for e in records.escalations}
    served |= {parse_tier_key(key)[1] for notice in records.notices for key in notice.covers}
    disturbed = sorted(files.without_rules & served)
    return _work("loans without rules of their country, left alone", len(files.without_rules), disturbed)


def _once(what: str, wanted: Sequence[str], found: Mapping[str, int]) -> Work:
    missing = tuple(key for key in wanted if not found.get(key))
    twice = tuple(key for key in wanted if found.get(key, 0) > 1)
    return Work(what, len(wanted), len(wanted) - len(missing), missing, twice)


def _work(what: str, due: int, missing: Sequence[str], capped: int = 0) -> Work:
    due -= capped
    return Work(what, due, due - len(missing), tuple(missing), capped=capped)


def _minor(text: str) -> int:
    return int(Decimal(text) * 100)
