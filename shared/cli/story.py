"""The story of one loan, from its rows: what happened to it in order, and how it stands. Nothing personal comes in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.adapters.dynamodb.models import (
    AttemptItem,
    AuditItem,
    BorrowerItem,
    CardItem,
    EntryItem,
    EscalationItem,
    InstalmentItem,
    LoanItem,
    MandateItem,
    NoticeItem,
)
from shared.domain import keys
from shared.domain.book import Component, EntryKind, Owner
from shared.domain.money import Money

_BEFORE, _WITHIN, _AFTER = range(3)
"""Within a day: what has only a date and came first, what has a time, what has only a date and followed."""

_NOT_SENT = {
    "claimed": "not settled yet",
    "sent": "sent",
    "unknown": "perhaps sent; nobody sends it again",
    "released": "not sent, to be tried again",
    "undeliverable": "not sent, and trying again would not help",
}


NO_RECEIPT_AFTER = timedelta(hours=72)
"""The longest that providers take to say what became of a message."""


@dataclass(frozen=True, slots=True)
class LoanRows:
    """Everything that is stored about a loan."""

    loan: LoanItem
    borrower: BorrowerItem | None
    card: CardItem | None
    instalments: Sequence[InstalmentItem] = ()
    mandates: Sequence[MandateItem] = ()
    escalations: Sequence[EscalationItem] = ()
    attempts: Sequence[AttemptItem] = ()
    notices: Sequence[NoticeItem] = ()
    entries: Sequence[EntryItem] = ()
    changes: Sequence[AuditItem] = ()

    @property
    def outstanding_minor(self) -> int:
        return sum(i.outstanding_minor for i in self.instalments)

    @property
    def stage(self) -> str:
        entered = self.loan.entered
        return entered[-1].rpartition("#")[2] if entered else "current"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `at` is None where only the business date is known."""

    day: date
    at: datetime | None
    kind: str
    text: str
    facts: Mapping[str, object]
    """The same for programs."""
    order: int = _WITHIN


def story(rows: LoanRows, zone: ZoneInfo, now: datetime) -> list[Event]:
    """The loan's events in order, by days of the lender's zone."""
    events = [
        *_import(rows, zone),
        *_messages(rows, zone, now),
        *_attempts(rows, zone),
        *_payments(rows),
        *_stages(rows),
    ]
    events += [*_changes(rows, zone), *_end(rows)]
    return sorted(events, key=lambda e: (e.day, e.order, e.at.timestamp() if e.at else 0, e.kind, e.text))


def _import(rows: LoanRows, zone: ZoneInfo) -> Iterator[Event]:
    loan = rows.loan
    lent = f"{_money(loan.principal_minor, loan.currency)} lent, {_count(len(rows.instalments), 'instalment')}"
    facts = {"amount": _decimal(loan.principal_minor, loan.currency), "instalments": len(rows.instalments)}
    yield Event(loan.disbursed_on, None, "disbursed", lent, facts, _BEFORE)
    if loan.opened:
        yield Event(loan.opened.astimezone(zone).date(), loan.opened, "imported", "opened on its agendas", {}, _BEFORE)


def _delivery(notice: NoticeItem, now: datetime) -> str | None:
    """What the receipts say of a message that went out; after three days without one, nobody will say it any more."""
    if notice.delivery is None and notice.state == "sent" and now - notice.claimed_at > NO_RECEIPT_AFTER:
        return "unknown"
    return notice.delivery


def _heard(notice: NoticeItem, now: datetime) -> str:
    delivery = _delivery(notice, now)
    if delivery and not notice.delivery:
        delivery += ": no receipt within 72 hours"
    code = f" ({notice.delivery_code})" if notice.delivery_code else ""
    seen = "clicked" if notice.clicked_at else "opened" if notice.opened_at else None
    said = [f"{delivery}{code}"] if delivery else []
    return "".join(f", {word}" for word in (*said, *([seen] if seen else [])))


def _messages(rows: LoanRows, zone: ZoneInfo, now: datetime) -> Iterator[Event]:
    for notice in rows.notices:
        told = [tier.split("#") for tier in notice.covers]
        own = [(tier, int(number)) for tier, of, number, _ in told if of == rows.loan.loan_id]
        tiers = ", ".join(f"{tier} #{number}" if number else tier for tier, number in own)
        others = f" (and {len(told) - len(own)} more)" if len(told) > len(own) else ""
        amount = _money(notice.amount_minor, notice.currency)
        became = _NOT_SENT.get(notice.state, notice.state) + (f" ({notice.detail})" if notice.detail else "")
        text = f"{tiers}{others}, {amount}, by {notice.channel}: {became}{_heard(notice, now)}"
        facts = {
            "tiers": [{"tier": tier, "number": number} for tier, number in own],
            "amount": _decimal(notice.amount_minor, notice.currency),
            "channel": notice.channel,
            "state": notice.state,
            "detail": notice.detail,
            "delivery": _delivery(notice, now),
            "delivery_code": notice.delivery_code,
            "opened": notice.opened_at is not None,
            "clicked": notice.clicked_at is not None,
        }
        yield Event(notice.claimed_at.astimezone(zone).date(), notice.claimed_at, "message", text, facts)


def _attempts(rows: LoanRows, zone: ZoneInfo) -> Iterator[Event]:
    own = [entry for entry in rows.entries if entry.source == "gateway" and entry.loan_id != keys.SUSPENSE]
    booked = {entry.external_id: entry for entry in own}
    for attempt in rows.attempts:
        key = keys.intent_key(attempt.loan_id, attempt.seq)
        became = attempt.outcome or "no answer yet"
        if attempt.settled_at and attempt.settled_at - attempt.claimed_at >= timedelta(minutes=1):
            became += f" at {attempt.settled_at.astimezone(zone):%Y-%m-%d %H:%M}"
        if attempt.stuck:
            became += f"; stuck: {attempt.stuck}"
        money = f"; {_paid(booked[key])}" if key in booked else ""
        facts = {
            "seq": attempt.seq,
            "numbers": list(attempt.numbers),
            "amount": _decimal(attempt.amount_minor, attempt.currency),
            "slot": attempt.slot,
            "owner": attempt.owner or Owner.SCHEDULE,
            "presented": attempt.presented,
            "refunds": attempt.refunds,
            "outcome": attempt.outcome,
            "stuck": attempt.stuck,
            "settled_at": keys.instant(attempt.settled_at) if attempt.settled_at else None,
            "money": _facts_of(booked[key]) if key in booked else None,
        }
        kind = "attempt" if attempt.refunds is None else "refund"
        text = f"{_asked(attempt)}: {became}{money}"
        yield Event(attempt.claimed_at.astimezone(zone).date(), attempt.claimed_at, kind, text, facts)


def _asked(attempt: AttemptItem) -> str:
    amount = _money(attempt.amount_minor, attempt.currency)
    if attempt.refunds is not None:
        return f"refund {attempt.seq} of attempt {attempt.refunds} for {amount}"
    numbers = ", ".join(f"#{number}" for number in attempt.numbers)
    by = f" by the {attempt.owner}" if attempt.owner else ""
    again = f", presented {attempt.presented} times" if attempt.presented > 1 else ""
    return f"attempt {attempt.seq} of {numbers} for {amount}{by}, slot {attempt.slot[11:]}{again}"


def _payments(rows: LoanRows) -> Iterator[Event]:
    attempts = {keys.intent_key(attempt.loan_id, attempt.seq) for attempt in rows.attempts}
    for entry in rows.entries:
        in_suspense = entry.loan_id == keys.SUSPENSE
        if entry.source == "gateway" and entry.external_id in attempts and not in_suspense:
            continue
        kind = entry.kind or EntryKind.PAYMENT
        came = f"{_money(entry.amount_minor, entry.currency)} from {entry.source} {entry.external_id}"
        if entry.undoes:
            came += f", {kind} of {entry.undoes}"
        suspense = "out of suspense, to" if kind == EntryKind.RESOLUTION else "in suspense:"
        what = f"{suspense} {entry.detail}" if in_suspense else _paid(entry)
        facts = {
            "source": entry.source,
            "external_id": entry.external_id,
            "entry": kind,
            "undoes": entry.undoes,
            "suspense": in_suspense,
        }
        yield Event(entry.booked_on, None, kind, f"{came}; {what}", facts | _facts_of(entry), _BEFORE)


def _paid(entry: EntryItem) -> str:
    """What an entry's money did, or what it took back from where it had been."""
    currency, sign = entry.currency, -1 if entry.amount_minor < 0 else 1
    verb, left = ("paid", "credit") if sign > 0 else ("took back", "of the credit")
    of = [f"#{number} {_money(sign * minor, currency)}{_components(entry, number)}" for number, minor in entry.split]
    done = f"{verb} {', '.join(of) or 'nothing'}"
    return f"{done}; {_money(sign * entry.credit_minor, currency)} {left}" if entry.credit_minor else done


def _components(entry: EntryItem, number: int) -> str:
    """Of what one instalment's share consists, where it is more than principal."""
    parts = [(name, abs(minor)) for of, name, minor in entry.parts or () if of == number]
    if {name for name, _ in parts} <= {Component.PRINCIPAL}:
        return ""
    return f" ({', '.join(f'{name} {Money(minor, entry.currency).grouped()}' for name, minor in parts)})"


def _facts_of(entry: EntryItem) -> dict[str, object]:
    paid = {number: {"number": number, "amount": _decimal(minor, entry.currency)} for number, minor in entry.split}
    for number, name, minor in entry.parts or ():
        paid[number][name] = _decimal(minor, entry.currency)
    return {
        "amount": _decimal(entry.amount_minor, entry.currency),
        "paid": list(paid.values()),
        "credit": _decimal(entry.credit_minor, entry.currency),
    }


def _changes(rows: LoanRows, zone: ZoneInfo) -> Iterator[Event]:
    """What people changed or asked; the reason is theirs."""
    for change in rows.changes:
        told = "".join(f", {name} {value}" for name, value in (change.detail or {}).items())
        text = f"{change.what} by {change.actor}: {change.reason}{told}"
        facts = {"what": change.what, "actor": change.actor, "reason": change.reason, "detail": change.detail or {}}
        yield Event(change.at.astimezone(zone).date(), change.at, "change", text, facts)


def _stages(rows: LoanRows) -> Iterator[Event]:
    for row in rows.escalations:
        consequences = f"; {', '.join(row.consequences)}" if row.consequences else ""
        text = f"{row.stage}, {_count(row.dpd, 'day')} past due, #{row.number}{consequences}"
        facts = {"stage": row.stage, "dpd": row.dpd, "number": row.number, "consequences": list(row.consequences)}
        yield Event(row.entered_on, None, "stage entered", text, facts, _AFTER)
        if row.left_on:
            yield Event(row.left_on, None, "stage left", row.stage, {"stage": row.stage}, _AFTER)


def _end(rows: LoanRows) -> Iterator[Event]:
    if rows.loan.status == "settled":
        day = max((i.paid_on for i in rows.instalments if i.paid_on), default=rows.loan.disbursed_on)
        yield Event(day, None, "settled", "nothing is outstanding any more", {}, _AFTER)


def _decimal(minor: int, currency: str) -> str:
    return Money(minor, currency).decimal()


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _money(minor: int, currency: str) -> str:
    return f"{Money(minor, currency).grouped()} {currency}"
