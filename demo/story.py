"""One loan's story: everything that happened to it, in order, with the very texts that reached the borrower's phone."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from demo.figures import tier_of
from demo.history import History
from demo.records import parse_tier_key
from shared.domain.book import (
    Attempt,
    Borrower,
    Escalation,
    Instalment,
    LedgerEntry,
    Loan,
    LoanStatus,
    NoticeRecord,
    NoticeState,
    Stage,
)
from shared.domain.calendar import at_local, zone
from shared.domain.money import Money

ZONE = "Asia/Shanghai"

OUTCOMES: Mapping[str, str] = {
    "paid": "collected",
    "insufficient": "not enough money",
    "limit": "over the account's limit",
    "window": "the rail was closed",
    "mandate-dead": "the mandate is dead",
    "account-dead": "the account is closed",
    "risk": "refused by risk control",
    "config": "refused as malformed",
    "unknown": "no answer in time",
    "pending": "pending",
    "void": "not presented",
    "claimed": "no answer yet",
}


@dataclass(frozen=True, slots=True)
class Event:
    """`css` names its mark; `text` is set for a message that reached the phone."""

    at: datetime
    css: str
    title: str
    detail: str = ""
    text: str | None = None

    @property
    def local(self) -> datetime:
        return self.at.astimezone(zone(ZONE))


@dataclass(frozen=True, slots=True)
class Story:
    title: str
    why: str
    loan: Loan
    borrower: Borrower
    events: tuple[Event, ...]
    is_cut: bool  # the first events only

    @property
    def texts(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.text is not None)


_LONGEST = 60


@dataclass(slots=True)
class _Traits:
    """What makes a loan worth telling."""

    reached: set[Stage] = field(default_factory=set)
    is_escalated: bool = False
    outcomes: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    is_chinese: bool = False
    is_repaid: bool = False

    def recovers(self) -> tuple[int, ...]:
        deepest = max((stage.rank for stage in self.reached), default=0)
        is_right = bool(self.reached) and not self.is_escalated
        return is_right, min(deepest, 2), self.is_chinese, len(self.outcomes), -self.messages

    def is_collected(self) -> tuple[int, ...]:
        tries = self.outcomes
        is_right = not self.reached and tries["paid"] > 0
        return is_right, tries["paid"] != tries.total(), not self.is_chinese, self.is_repaid, self.messages

    def never_answers(self) -> tuple[int, ...]:
        is_right = Stage.LEGAL in self.reached and self.is_escalated
        return is_right, len(self.reached), self.is_chinese, len(self.outcomes), self.messages


_KINDS = (
    ("Falls behind, and recovers", "overdue, reminded, cured by a payment by hand", _Traits.recovers),
    ("Collected as planned", "announced, deducted, confirmed", _Traits.is_collected),
    ("Never answers", "told at each step before it is taken, up to the referral", _Traits.never_answers),
)
"""Title, reason, and how well a loan fits: the first part says whether at all."""


def stories(history: History) -> tuple[Story, ...]:
    """Up to three loans that show most: one that recovers, one that is collected, one that goes on to legal."""
    traits = _traits(history)
    told: list[Story] = []
    for title, why, fit in _KINDS:
        best = max(history.records.loans, key=lambda loan: (*fit(traits[loan.loan_id]), loan.loan_id), default=None)
        if best and fit(traits[best.loan_id])[0]:
            told.append(_story(title, why, best, history))
    return tuple(told)


def _traits(history: History) -> Mapping[str, _Traits]:
    records = history.records
    chinese = {b.borrower_id for b in records.borrowers if b.locale.startswith("zh")}
    traits = {
        loan.loan_id: _Traits(is_chinese=loan.borrower_id in chinese, is_repaid=loan.status is LoanStatus.SETTLED)
        for loan in records.loans
    }
    for escalation in records.escalations:
        traits[escalation.loan_id].reached.add(escalation.stage)
        traits[escalation.loan_id].is_escalated |= escalation.left_on is None
    for attempt in records.attempts:
        traits[attempt.loan_id].outcomes[str(attempt.outcome)] += 1
    for notice in records.notices:
        if notice.state is NoticeState.SENT:
            for _, loan_id, _ in map(parse_tier_key, notice.covers):
                traits[loan_id].messages += 1
    return traits


def _story(title: str, why: str, loan: Loan, history: History) -> Story:
    borrower = next(b for b in history.records.borrowers if b.borrower_id == loan.borrower_id)
    first = at_local(history.plan.first_day, time.min, ZONE)
    events = sorted(
        (event for event in _events(loan, history) if event.at >= first), key=lambda e: (e.at, _ORDER.index(e.css))
    )
    return Story(title, why, loan, borrower, tuple(events[:_LONGEST]), len(events) > _LONGEST)


_ORDER = ("due", "failed", "paid", "message", "in", "out")
"""Of what happens at the same instant, which comes first."""


def _events(loan: Loan, history: History) -> Iterator[Event]:
    records, loan_id = history.records, loan.loan_id
    for instalment in records.instalments:
        if instalment.loan_id == loan_id and instalment.due_on <= history.plan.last_day:
            yield _due(instalment)
    for notice in records.notices:
        if any(parse_tier_key(key)[1] == loan_id for key in notice.covers):
            yield _message(notice, history.outside.texts)
    for attempt in (a for a in records.attempts if a.loan_id == loan_id):
        yield from _attempt(attempt)
    for entry in records.entries:
        if entry.loan_id == loan_id and entry.source == "transfer":
            yield _payment(entry)
    for escalation in (e for e in records.escalations if e.loan_id == loan_id):
        yield from _stage(escalation)


def _stage(escalation: Escalation) -> Iterator[Event]:
    what = ", ".join(consequence.replace("_", " ") for consequence in escalation.consequences)
    late = f"{escalation.dpd} day{'' if escalation.dpd == 1 else 's'} past due"
    yield Event(
        _evening(escalation.entered_on), "in", f"enters {escalation.stage}", f"{late}; {what}" if what else late
    )
    if escalation.left_on:
        undone = f"undone: {what}" if what else ""
        yield Event(_evening(escalation.left_on), "out", f"leaves {escalation.stage}", undone)


def _due(instalment: Instalment) -> Event:
    amount = Money(instalment.due_minor, instalment.currency)
    return Event(
        at_local(instalment.due_on, time.min, ZONE),
        "due",
        f"instalment {instalment.number} falls due",
        _written(amount),
    )


def _message(notice: NoticeRecord, texts: Mapping[str, str]) -> Event:
    title = f"message: {tier_name(tier_of(notice))}"
    if notice.state is NoticeState.SENT:
        return Event(notice.claimed_at, "message", title, text=texts.get(notice.provider_ref or "", ""))
    return Event(notice.claimed_at, "message", title, f"{notice.state}: {notice.detail or 'no reason given'}")


def tier_name(tier: str) -> str:
    """`REMIND_7` is "reminder, 7 days ahead", `OVERDUE_15` "overdue, day 15"."""
    name, _, number = tier.partition("_")
    match name:
        case "REMIND":
            return f"reminder, {number} day{'' if number == '1' else 's'} ahead"
        case "OVERDUE":
            return f"overdue, day {number}"
        case _:
            return _TIERS[tier]


_TIERS = {
    "PRE_DEBIT": "pre-debit notice",
    "DUE": "due today",
    "FAILED": "deduction failed",
    "RECEIVED": "receipt",
    "SETTLED": "loan repaid",
}


def _attempt(attempt: Attempt) -> Iterator[Event]:
    numbers = ", ".join(map(str, attempt.numbers))
    outcome = str(attempt.outcome or attempt.state)
    said = f"{_written(attempt.amount)}: {OUTCOMES[outcome]}"
    css = "paid" if outcome == "paid" else "failed"
    if attempt.settled_at and attempt.settled_at > attempt.claimed_at:
        yield Event(
            attempt.claimed_at,
            "failed",
            f"deduction of instalment {numbers}",
            f"{_written(attempt.amount)}: no answer in time",
        )
        yield Event(attempt.settled_at, css, f"enquiry about instalment {numbers}", said)
    else:
        yield Event(attempt.claimed_at, css, f"deduction of instalment {numbers}", said)


def _payment(entry: LedgerEntry) -> Event:
    credit = (
        f", {_written(Money(entry.credit_minor, entry.amount.currency))} of it credit" if entry.credit_minor else ""
    )
    at = at_local(entry.booked_on, time(11, 59), ZONE)
    return Event(at, "paid", "payment by hand", f"{_written(entry.amount)}{credit}")


def _written(amount: Money) -> str:
    return f"{amount.grouped()} {amount.currency}"


def _evening(day: date) -> datetime:
    """Escalations carry a date only; they follow the messages of their day."""
    return at_local(day, time.min, ZONE) + timedelta(hours=23)


def by_day(events: Sequence[Event]) -> Iterator[tuple[date, list[Event]]]:
    """Events under the local day on which they happened."""
    day: list[Event] = []
    for event in events:
        if day and day[0].local.date() != event.local.date():
            yield day[0].local.date(), day
            day = []
        day.append(event)
    if day:
        yield day[0].local.date(), day
