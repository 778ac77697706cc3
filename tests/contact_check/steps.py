"""Which messages each instalment asks for at a moment, thought through once more from the facts and the packs.

Lives hold instalments that no attempt was made on, or whose attempts are spent, under mandates of the stub's rail.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tests.contact_check.facts import Instalment, Loan, Told
from tests.contact_check.law import Book, minute

KINDS = ("failed", "settled", "received", "overdue", "pre-debit", "due", "remind")
"""Most urgent first."""

AT_ONCE = frozenset({"failed", "settled", "received"})
_CLASS = {
    "failed": "service-reminder",
    "settled": "receipt",
    "received": "receipt",
    "overdue": "collection",
    "pre-debit": "pre-debit-notice",
    "due": "service-reminder",
    "remind": "service-reminder",
}
_STAGES = ("M1", "M2", "M3", "legal")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    kind: str
    tier: str
    loan_id: str
    product: str
    number: int
    minor: int
    currency: str
    date: date
    message_class: str
    tone: int = -1
    lead: int = 0  # days before the due date, of an announcement

    @property
    def urgency(self) -> tuple[object, ...]:
        return KINDS.index(self.kind), -self.tone, self.date, self.loan_id, self.number


def today(book: Book, at: datetime) -> date:
    return at.astimezone(ZoneInfo(book.number("business_zone"))).date()


def business(book: Book, day: date, clock: int = 0) -> datetime:
    wall = datetime.combine(day, time(clock // 60, clock % 60), ZoneInfo(book.number("business_zone")))
    return wall.astimezone(UTC)


def is_held(book: Book, loan: Loan, day: date) -> str | None:
    """The code of a hold that stops messages about the loan."""
    found = [h.code for h in loan.holds if "contact" in book.stops[h.code] and (h.until is None or day <= h.until)]
    return found[0] if found else None


def steps_of(
    book: Book, loan: Loan, told: Mapping[tuple[str, int], Told], reachable: frozenset[str], at: datetime
) -> Iterator[Step]:
    day = today(book, at)
    if is_held(book, loan, day):
        return
    if all(i.paid_on for i in loan.instalments):
        minor = sum(i.minor for i in loan.instalments)
        yield Step("settled", "SETTLED", loan.loan_id, loan.product, 0, minor, loan.currency, day, "receipt")
        return
    for one in loan.instalments:
        known = told.get((loan.loan_id, one.number))
        step = _step(book, loan, one, known, at, day)
        if step and (_is_mandatory(book, step, known) or _CLASS[step.kind] in reachable) and _is_news(step, known):
            yield step


def awaited_until(book: Book, loan: Loan, one: Instalment, known: Told | None, at: datetime) -> datetime | None:
    """While a deduction of the day is still to come, it speaks first."""
    day = today(book, at)
    if one.paid_on or one.blocked or day < one.due_on or _debit_day(book, loan, one, known, day) != day:
        return None
    if not _is_announced(one, known):
        return None
    grace = timedelta(minutes=book.number("debit.outcome_grace_minutes"))
    ends = (business(book, day, minute(slot)) + grace for slot in sorted(book.number("debit.slots")))
    return next((end for end in ends if at < end), None)


def _step(book: Book, loan: Loan, one: Instalment, known: Told | None, at: datetime, day: date) -> Step | None:
    def make(kind: str, tier: str, on: date = one.due_on, **more: int) -> Step:
        legal = kind == "overdue" and int(tier[8:]) in book.legal_from
        message_class = "legal-notice" if legal else _CLASS[kind]
        return Step(
            kind, tier, loan.loan_id, loan.product, one.number, one.minor, loan.currency, on, message_class, **more
        )

    if one.blocked:
        return None
    if one.paid_on:
        is_young = (day - one.paid_on).days <= book.number("contact.received_valid_days")
        return make("received", "RECEIVED", one.paid_on) if one.paid_by_debit and is_young else None
    if awaited_until(book, loan, one, known, at):
        return None
    left, dpd = (one.due_on - day).days, _dpd(book, one, day)
    if one.failed_on == day and dpd == 0:
        return make("failed", "FAILED")
    if known and known.on == day and one.failed_on != day:
        return None
    announced = _is_announced(one, known)
    deductible = _debit_day(book, loan, one, known, day) is not None
    if deductible and book.number("debit.notice_required") and not announced and left <= book.lead_days:
        return make("pre-debit", "PRE_DEBIT", lead=left)
    if left > 0:
        reached = [d for d in book.number("contact.reminder_days") if d >= left]
        return make("remind", f"REMIND_{min(reached)}") if reached and not announced else None
    overdue = [d for d in book.number("contact.overdue_from_dpd") if d <= dpd]
    if overdue:
        return make("overdue", f"OVERDUE_{max(overdue)}", tone=_tone(book, max(overdue)))
    return make("due", "DUE") if dpd == 0 and not deductible else None


def _dpd(book: Book, one: Instalment, day: date) -> int:
    return max(0, (day - one.due_on).days + int(book.number("stage.dpd_origin")))


def is_late(book: Book, one: Instalment, day: date) -> bool:
    return not one.paid_on and not one.blocked and _dpd(book, one, day) > 0


def _tone(book: Book, dpd: int) -> int:
    """The place of the stage that the notice speaks of: of those told last, the least."""
    told = [(book.number(f"stage.{name}.notice_from_dpd"), -place) for place, name in enumerate(_STAGES, 1)]
    firmest = max((one for one in told if one[0] <= dpd), default=None)
    return -firmest[1] if firmest else 0


def _is_mandatory(book: Book, step: Step, known: Told | None) -> bool:
    """A stage waits for it: for this overdue notice, or for an earlier one that was never told."""
    if step.kind == "overdue":
        before = int(known.tier[8:]) if known and known.tier.startswith("OVERDUE_") else -1
        needed = (book.number(f"stage.{name}.notice_from_dpd") for name in _STAGES)
        return any(before < dpd <= int(step.tier[8:]) for dpd in needed)
    return step.kind not in ("received", "remind")


def _is_news(step: Step, known: Told | None) -> bool:
    return known is None or step.kind == "pre-debit" or rank(step.tier) > rank(known.tier)


def rank(tier: str) -> int:
    name, _, number = tier.partition("_")
    if name == "REMIND":
        return -int(number)
    if name == "OVERDUE":
        return 100 + int(number)
    return ("PRE_DEBIT", "DUE", "FAILED").index(tier) if tier in ("PRE_DEBIT", "DUE", "FAILED") else 10**6


def _is_announced(one: Instalment, known: Told | None) -> bool:
    return known is not None and known.announced_on is not None and known.announced_minor >= one.minor


def _debit_day(book: Book, loan: Loan, one: Instalment, known: Told | None, day: date) -> date | None:
    """The day of the first attempt, by a notice that was given or is given today; None where none is to come."""
    if not loan.mandated or one.failed_on or one.paid_on or one.blocked:
        return None
    first = one.due_on
    if book.number("debit.notice_required"):
        given = known.announced_on if known and known.announced_on and _is_announced(one, known) else day
        first = max(first, given + book.lead_days * _DAY)
    chosen = max(day, first)
    return chosen if chosen <= one.due_on + timedelta(days=book.number("debit.catch_up_days")) else None
