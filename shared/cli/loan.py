"""`duebell loan show`: one loan's story, and how it stands."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from shared.adapters.dynamodb.models import (
    BorrowerItem,
    CardItem,
    EntryItem,
    EscalationItem,
    InstalmentItem,
    LoanItem,
    MandateItem,
    Models,
)
from shared.cli.book import models_of, stored
from shared.cli.contact_rows import dead_channels, place_of
from shared.cli.output import Json, say, say_json
from shared.cli.rules import read_rules
from shared.cli.session import Session, Stack
from shared.cli.story import Event, LoanRows, story
from shared.cli.tables import a_table, show
from shared.domain import keys
from shared.domain.errors import InputError
from shared.domain.money import Money
from shared.invariants.rows import Place

LoanId = Annotated[str, typer.Argument(metavar="ID", help="The loan's id.")]


def show_command(loan_id: LoanId, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Show a loan: what happened to it in order, and its instalments, mandates and next steps.

    What people changed stands in the order of what happened. Times are the lender's. The borrower's name is not shown,
    nor an account, and of the phone only its ends.
    """
    session = Session(stack)
    rows = read_loan(models_of(session), keys.checked_id(loan_id))
    now = session.now()
    rules = read_rules().at(rows.loan.product, now)
    zone = rules.zone if rules else ZoneInfo("UTC")
    if as_json:
        say_json(_document(rows, zone, now))
    else:
        _show(rows, zone, now)


def read_loan(models: Models, loan_id: str) -> LoanRows:
    """All rows of a loan; raises InputError where there is none."""
    with stored():
        found = list(models.loans.query(loan_id, consistent_read=True))
        loan = next((row for row in found if isinstance(row, LoanItem)), None)
        if loan is None:
            raise InputError(f"there is no loan {loan_id}")
        owner = list(models.borrowers.query(loan.borrower_id, consistent_read=True))
        entries = list(models.ledger.query(loan_id, consistent_read=True))
        entries += models.ledger.query(keys.SUSPENSE, EntryItem.entry.startswith(f"gateway#{loan_id}:P"))
        return LoanRows(
            loan,
            next((row for row in owner if isinstance(row, BorrowerItem)), None),
            next((row for row in owner if isinstance(row, CardItem)), None),
            [row for row in found if isinstance(row, InstalmentItem)],
            [row for row in found if isinstance(row, MandateItem)],
            [row for row in found if isinstance(row, EscalationItem)],
            list(models.attempts.query(loan_id, consistent_read=True)),
            [n for n in models.notices.query(loan.borrower_id) if any(c.split("#")[1] == loan_id for c in n.covers)],
            [row for row in entries if isinstance(row, EntryItem)],
            list(models.audit.query(loan_id, consistent_read=True)),
        )


def masked(phone: str | None) -> str | None:
    """A phone number as anybody may see it: +44******12."""
    return f"{phone[:3]}******{phone[-2:]}" if phone else None


def _document(rows: LoanRows, zone: ZoneInfo, now: datetime) -> dict[str, object]:
    loan, borrower = rows.loan, rows.borrower
    dead, is_unreachable = dead_channels(borrower, rows.card) if borrower else ([], False)
    return {
        "loan_id": loan.loan_id,
        "product": loan.product,
        "status": loan.status,
        "stage": rows.stage,
        "currency": loan.currency,
        "principal": _decimal(loan.principal_minor, loan.currency),
        "outstanding": _decimal(rows.outstanding_minor, loan.currency),
        "borrower": {
            "borrower_id": loan.borrower_id,
            "phone": masked(borrower.phone) if borrower else None,
            "locale": borrower.locale if borrower else None,
            "time_zone": borrower.time_zone if borrower else None,
            "dead_channels": dead,
            "unreachable": is_unreachable,
        },
        "instalments": [_of_instalment(row) for row in rows.instalments],
        "mandates": [_of_mandate(row) for row in rows.mandates],
        "holds": [_of_hold(hold) for hold in loan.holds or ()],
        "next": {
            "contact": _of_place(_of_card(rows)),
            "stage": _of_place(place_of(loan.stage_pk, loan.stage_sk)),
            "debit": [
                {"number": row.number, **of}
                for row in rows.instalments
                if (of := _of_place(place_of(row.debit_pk, row.debit_sk)))
            ],
        },
        "story": [_of_event(event) for event in story(rows, zone, now)],
    }


def _of_instalment(row: InstalmentItem) -> dict[str, object]:
    return {
        "number": row.number,
        "due_on": row.due_on.isoformat(),
        "due": _decimal(row.due_minor, row.currency),
        "paid": _decimal(row.paid_minor, row.currency),
        "outstanding": _decimal(row.outstanding_minor, row.currency),
        "components": {
            name: {"due": _decimal(due, row.currency), "paid": _decimal(paid, row.currency)}
            for name, due, paid in row.components
        },
        "state": row.state,
        "attempts": row.attempts,
        "first_attempt_on": row.first_attempt_on.isoformat() if row.first_attempt_on else None,
        "last_outcome": row.last_attempt.outcome if row.last_attempt else None,
        "blocked": bool(row.blocked),
    }


def _of_mandate(row: MandateItem) -> dict[str, object]:
    """Its accounts by their kinds alone, in the borrower's order."""
    shown: dict[str, object] = {
        "mandate_id": row.mandate_id,
        "rail": row.rail,
        "status": row.status,
        "signed_on": row.signed_on.isoformat(),
        "since": keys.instant(row.since) if row.since else None,
        "expires_on": row.expires_on.isoformat() if row.expires_on else None,
        "funding": [{"kind": of.kind, "dead": bool(of.is_dead)} for of in row.funding or ()],
    }
    seen = row.evidence
    if seen:
        of_text = {"text_version": seen.text_version, "text_hash": seen.text_hash, "channel": seen.channel}
        return shown | {"evidence": of_text | {"seen_at": keys.instant(seen.seen_at)}}
    return shown


def _of_hold(words: tuple[str, ...]) -> dict[str, Any]:
    hold_id, code, stops, since, until = words
    return {"hold_id": hold_id, "code": code, "stops": stops.split(","), "since": since, "until": until or None}


def _of_place(place: Place | None) -> dict[str, object] | None:
    return {"at": keys.instant(place.at), "quarantined": place.quarantined} if place else None


def _of_event(event: Event) -> dict[str, object]:
    at = keys.instant(event.at) if event.at else None
    return {"day": event.day.isoformat(), "at": at, "kind": event.kind, "text": event.text, **event.facts}


def _show(rows: LoanRows, zone: ZoneInfo, now: datetime) -> None:
    loan, borrower = rows.loan, rows.borrower
    say(f"loan {loan.loan_id}: {loan.product}, {loan.status}, stage {rows.stage}, {_outstanding(rows)}")
    phone = (borrower and masked(borrower.phone)) or "no phone"
    where = f", {borrower.locale}, {borrower.time_zone}" if borrower else ""
    say(f"borrower {loan.borrower_id}: {phone}{where}")
    dead, is_unreachable = dead_channels(borrower, rows.card) if borrower else ([], False)
    if dead or is_unreachable:
        say(f"{'unreachable: no' if is_unreachable else 'partly reachable: no'} message arrives{_by(dead)}")
    say("")
    numbers = ("due", "paid", "outstanding", "attempts")
    table = a_table("instalment", "due on", *numbers, "state", "next look", right=numbers)
    for row in rows.instalments:
        amounts = [Money(m, row.currency).grouped() for m in (row.due_minor, row.paid_minor, row.outstanding_minor)]
        step = _step(place_of(row.debit_pk, row.debit_sk), zone, now)
        state = f"{row.state}, blocked" if row.blocked else row.state
        table.add_row(f"#{row.number}", str(row.due_on), *amounts, str(row.attempts), state, step)
    show(table)
    for mandate in rows.mandates:
        say(f"mandate {mandate.mandate_id}: {', '.join(_facts_of(mandate, zone))}")
    for hold in map(_of_hold, loan.holds or ()):
        until = f"until {hold['until']}" if hold["until"] else "until somebody ends it"
        say(f"hold {hold['hold_id']}: stops {', '.join(hold['stops'])}, {until}")
    say(f"next look of the contact line: {_step(_of_card(rows), zone, now)}")
    say(f"next look of the stage line: {_step(place_of(loan.stage_pk, loan.stage_sk), zone, now)}")
    say("")
    for event in story(rows, zone, now):
        clock = f"{event.at.astimezone(zone):%H:%M}" if event.at else "     "
        say(f"{event.day} {clock}  {event.kind:13}  {event.text}")


def _by(channels: list[str]) -> str:
    return f" by {', '.join(channels)}" if channels else ", for no address is known"


def _facts_of(mandate: MandateItem, zone: ZoneInfo) -> Iterator[str]:
    yield mandate.rail
    yield f"{mandate.status} since {mandate.since.astimezone(zone):%Y-%m-%d %H:%M}" if mandate.since else mandate.status
    yield f"signed on {mandate.signed_on}"
    if mandate.expires_on:
        yield f"ends after {mandate.expires_on}"
    if mandate.funding:
        yield "from " + ", then ".join(f"{of.kind}{' (dead)' if of.is_dead else ''}" for of in mandate.funding)


def _outstanding(rows: LoanRows) -> str:
    currency = rows.loan.currency
    return f"{Money(rows.outstanding_minor, currency).grouped()} {currency} outstanding"


def _of_card(rows: LoanRows) -> Place | None:
    return place_of(rows.card.contact_pk, rows.card.contact_sk) if rows.card else None


def _step(place: Place | None, zone: ZoneInfo, now: datetime) -> str:
    if place is None:
        return "-"
    if place.quarantined:
        return "quarantined"
    return "due" if place.at <= now else f"{place.at.astimezone(zone):%Y-%m-%d %H:%M}"


def _decimal(minor: int, currency: str) -> str:
    return Money(minor, currency).decimal()
