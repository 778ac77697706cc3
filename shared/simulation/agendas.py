"""What the lender's agendas say of time: when anything is due next, and what has been due for too long."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.adapters.memory.book import MemoryBook
from shared.domain import keys
from shared.domain.book import Borrower, Line, Loan, LoanStatus
from shared.domain.contact_rules import Channel, MessageClass
from shared.invariants.contact_terms import ContactTerms
from shared.invariants.rules import STAGES, RuleBook, Rules
from shared.invariants.terms import Breach

FAR = datetime(9999, 1, 1, tzinfo=UTC)
LEASE = timedelta(minutes=5)
ARRIVES_WITHIN = timedelta(days=5)
"""How long after its day a stage is entered at the latest, once nothing fails any more."""


def earliest_step(store: MemoryBook) -> datetime | None:
    """The earliest step on any agenda."""
    return min(_steps(store), default=None)


def _steps(store: MemoryBook) -> Iterator[datetime]:
    for number in range(store.shards()):
        for line in Line:
            for key in store.agenda(line, keys.shard_name(number), None, 1).keys:
                step = _step_of(store, line, key)
                if step:
                    yield step


def _step_of(store: MemoryBook, line: Line, key: str) -> datetime | None:
    if line is Line.CONTACT:
        card = store.borrower_file(key)
        return card.card.step if card else None
    loan_id, number = (key, 0) if line is Line.STAGE else keys.parse_debit_key(key)
    file = store.loan_file(loan_id)
    if file is None:
        return None
    if line is Line.STAGE:
        return file.loan.step
    row = file.instalment(number)
    return row.step if row else None


def earliest_open(store: MemoryBook) -> datetime | None:
    """When the first open attempt or notice may be asked about."""
    found: list[datetime] = []
    for number in range(store.shards()):
        for key in store.open_attempts(keys.shard_name(number), FAR, 1).keys:
            attempt = store.attempt(*keys.parse_intent_key(key))
            if attempt:
                found.append(attempt.enquire_at or attempt.claimed_at + LEASE)
        for key in store.open_notices(keys.shard_name(number), FAR, 1).keys:
            notice = store.notice(*keys.parse_notice_hint(key))
            if notice:
                found.append(notice.claimed_at + LEASE)
    return min(found, default=None)


def never_arrived(store: MemoryBook, rules: RuleBook, now: datetime) -> Iterator[Breach]:
    """Loans that are days behind their stage, though everything ran: whatever had to come first never came.

    A hold, money that a person has to look at, or a change of one of these within the last days explains it. So does a
    borrower in zones that leave no hour for any message, without which no stage begins.
    """
    for loan in store.scan(Loan):
        if not isinstance(loan, Loan) or loan.status is not LoanStatus.OPEN or _was_held(store, loan, now):
            continue
        file, terms = store.loan_file(loan.loan_id), rules.at(loan.product, now - ARRIVES_WITHIN)
        oldest = file.oldest_unpaid if file else None
        if terms is None or oldest is None or oldest.blocked or oldest.episode:
            continue
        dpd = terms.dpd(oldest.due_on, terms.date_of(now - ARRIVES_WITHIN))
        if STAGES.index(terms.bucket(dpd)) > STAGES.index(loan.stage) and _may_be_told(store, loan, rules, now):
            yield Breach("stages-arrive", loan.loan_id, f"in {loan.stage}, {ARRIVES_WITHIN.days} days after it was due")


def _may_be_told(store: MemoryBook, loan: Loan, rules: RuleBook, now: datetime) -> bool:
    """Some quarter hour of the last days was open for an overdue notice."""
    file, terms = store.borrower_file(loan.borrower_id), rules.at(loan.product, now)
    packs = rules.contact(loan.product, file.borrower.country, terms.date_of(now)) if file and terms else None
    if file is None or terms is None or packs is None:
        return False
    return is_ever_open(file.borrower, MessageClass.COLLECTION, terms, packs, now)


def is_ever_open(
    borrower: Borrower, message_class: MessageClass, terms: Rules, packs: Sequence[ContactTerms], now: datetime
) -> bool:
    """Some quarter hour of the last days was open for a message of the class, on all the borrower's clocks."""
    zones = [ZoneInfo(zone) for zone in borrower.zones]
    quarters = (now - n * timedelta(minutes=15) for n in range(ARRIVES_WITHIN // timedelta(minutes=15)))
    return any(
        all(
            local.time() >= terms.send_from and all(pack.admits(local, message_class, way) for pack in packs)
            for local in (at.astimezone(zone) for zone in zones)
        )
        for at in quarters
        for way in Channel
    )


def _was_held(store: MemoryBook, loan: Loan, now: datetime) -> bool:
    recent = (e for e in store.audit(loan.loan_id) if e.at > now - 2 * ARRIVES_WITHIN)
    return bool(loan.holds) or any(e.what.startswith("hold.") for e in recent)


def standing_still(store: MemoryBook, now: datetime) -> Iterator[Breach]:
    """Rows that have been due for a day, though everything ran: nothing that is decided about them ever holds."""
    for line in Line:
        for number in range(store.shards()):
            page = store.agenda(line, keys.shard_name(number), now - timedelta(days=1), 10)
            for key in page.keys:
                yield Breach("lines-move", key, f"due for a day on the {line} line")
