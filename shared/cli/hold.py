"""`duebell hold`: what a borrower's circumstance stops on a loan, until it ends or somebody ends it."""

from datetime import date, datetime
from typing import Annotated, Any

import typer

from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.tokens import RandomTokens
from shared.cli.orders import Because, ordered
from shared.cli.output import Json, say, say_json
from shared.cli.session import Session, Stack
from shared.cli.tables import a_table, show
from shared.domain import keys
from shared.domain.book import AuditEntry
from shared.domain.errors import InputError
from shared.domain.hold_orders import ADDED, still_in_force
from shared.domain.holds import Hold

LoanId = Annotated[str, typer.Argument(metavar="LOAN", help="The loan's id.")]
MaybeLoanId = Annotated[str | None, typer.Argument(metavar="LOAN", help="The loan's id; or give --borrower.")]
HoldId = Annotated[str, typer.Argument(metavar="HOLD", help="The hold's id, as `hold list` shows it.")]
Code = Annotated[
    str, typer.Option("--code", metavar="CODE", help="complaint, dispute, hardship, bereavement, incapacity, …")
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="Its last day; else as long as the packs allow.")
]
OfBorrower = Annotated[
    str | None, typer.Option("--borrower", metavar="ID", help="On each open loan of this borrower, in place of LOAN.")
]

_SAID = {
    "set": "is set",
    "stands": "stands already",
    "ended": "is ended: the lines look again at once",
    "over": "was ended already, or is over by its date",
}


def add_command(
    code: Code,
    reason: Because,
    loan_id: MaybeLoanId = None,
    borrower: OfBorrower = None,
    until: Until = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Set a hold. What it stops is what the packs of the borrower's country say of its code on this day.

    It wins over everything that is planned, queued or decided already; what is on its way at the gateway or a provider
    is not called back. Set twice on one day, it is one hold.
    """
    order: dict[str, Any] = {"verb": "hold", "loan_id": loan_id, "borrower_id": borrower, "code": code, "until": until}
    _finish(ordered(Session(stack), order | {"reason": reason}), as_json=as_json)


def end_command(
    loan_id: LoanId, hold_id: HoldId, reason: Because, stack: Stack = "duebell", as_json: Json = False
) -> None:
    """End a hold. What it kept back is decided anew, by the rules of that moment."""
    order = {"verb": "end-hold", "loan_id": loan_id, "hold_id": hold_id, "reason": reason}
    _finish(ordered(Session(stack), order), as_json=as_json)


def list_command(loan_id: LoanId, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Show a loan's holds: what each stops, until when, who set it and why."""
    keys.checked_id(loan_id)
    session = Session(stack)
    store = session.store("loans", "audit")
    book = DynamoBook(session.dynamodb, store.tables, RandomTokens(), store.shards)
    file = book.loan_file(loan_id)
    if file is None:
        raise InputError(f"there is no loan {loan_id}")
    today = PolicyFiles().today(session.now())
    said = {e.detail.get("hold_id"): e for e in book.audit(loan_id) if e.what == ADDED}
    found = [_plain(hold, said.get(hold.hold_id), today) for hold in file.loan.holds]
    if as_json:
        say_json(found)
        return
    table = a_table("hold", "stops", "since", "until", "set by", "reason")
    for row in found:
        until = (row["until"] or "ended by hand") + ("" if row["in_force"] else " (over)")
        table.add_row(row["hold_id"], ", ".join(row["stops"]), row["since"], until, row["actor"], row["reason"])
    if found:
        show(table)
    say(f"{sum(row['in_force'] for row in found)} in force on loan {loan_id}")


def _plain(hold: Hold, note: AuditEntry | None, today: date) -> dict[str, Any]:
    return {
        "hold_id": hold.hold_id,
        "code": hold.code,
        "stops": sorted(hold.stops),
        "since": keys.instant(_whole(hold.since)),
        "until": hold.until.isoformat() if hold.until else None,
        "in_force": bool(still_in_force([hold], today)),
        "actor": note.actor if note else "",
        "reason": note.reason if note else "",
    }


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _finish(answer: Any, *, as_json: bool) -> None:
    if as_json:
        say_json(answer)
        return
    for found in answer["holds"]:
        more = ""
        if "stops" in found:
            until = f"until {found['until']}" if found["until"] else "until somebody ends it"
            more = f": stops {', '.join(found['stops'])}, {until}"
        say(f"{found['loan_id']}: hold {found['hold_id']} {_SAID[found['result']]}{more}")
