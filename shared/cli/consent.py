"""`duebell consent`: what a borrower said that he wants no messages of, over which channel, until he says otherwise."""

from typing import Annotated, Any

import typer

from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.tokens import RandomTokens
from shared.cli.orders import Because, ordered
from shared.cli.output import Json, say, say_json
from shared.cli.session import Session, Stack
from shared.cli.tables import a_table, show
from shared.domain import keys
from shared.domain.book import AuditEntry, Borrower
from shared.domain.consent import Bar, BarredBy
from shared.domain.consent_orders import said_classes
from shared.domain.errors import InputError

BorrowerId = Annotated[str, typer.Argument(metavar="BORROWER", help="The borrower's id.")]
OverChannel = Annotated[str, typer.Option("--channel", metavar="NAME", help="sms, push, voice or email.")]
OfClass = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="NAME", help="Of this class of messages; may be repeated. Else of every class."),
]

_SAID = {
    "barred": "is barred from now on",
    "stands": "is barred already",
    "lifted": "may be used again",
    "open": "was not opted out of",
}
_BY = {BarredBy.OPTED_OUT: "opted out", BarredBy.DEAD: "dead: only another address helps"}


def bar_command(
    borrower_id: BorrowerId,
    channel: OverChannel,
    reason: Because,
    classes: OfClass = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Write an opt-out down: no message of these classes to the borrower's present address over the channel.

    It wins over everything that is planned, queued or decided already; what is on its way at a provider is not called
    back. Written down twice, it is one.
    """
    _order("bar", borrower_id, channel, classes, reason, stack, as_json=as_json)


def lift_command(
    borrower_id: BorrowerId,
    channel: OverChannel,
    reason: Because,
    classes: OfClass = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Lift an opt-out, because the borrower says so. An address that is dead stays barred."""
    _order("lift", borrower_id, channel, classes, reason, stack, as_json=as_json)


def list_command(borrower_id: BorrowerId, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Show what a borrower is barred from, since when, and what was said about it by whom. No address is shown."""
    keys.checked_id(borrower_id)
    session = Session(stack)
    store = session.store("borrowers", "audit")
    book = DynamoBook(session.dynamodb, store.tables, RandomTokens(), store.shards)
    file = book.borrower_file(borrower_id)
    if file is None:
        raise InputError(f"there is no borrower {borrower_id}")
    bars = [_bar(bar, file.borrower) for bar in file.card.bars]
    history = [_entry(entry) for entry in book.audit(keys.consent_subject(borrower_id))]
    if as_json:
        say_json({"bars": bars, "history": history})
        return
    table = a_table("channel", "classes", "by", "since", "address")
    for row in bars:
        by = _BY[BarredBy(row["by"])]
        table.add_row(row["channel"], row["classes"], by, row["since"], "present" if row["present"] else "former")
    if bars:
        show(table)
    for row in history:
        classes = f" {row['classes']}" if row["classes"] else ""
        say(f"{row['at']}  {row['what']} {row['channel']}{classes}  by {row['actor']}: {row['reason']}")
    present = sum(row["present"] for row in bars)
    what = "bar of a present address" if present == 1 else "bars of present addresses"
    say(f"{present} {what} in force for borrower {borrower_id}")


def _bar(bar: Bar, borrower: Borrower) -> dict[str, Any]:
    address = borrower.address(bar.channel)
    return {
        "channel": bar.channel,
        "classes": said_classes(bar.classes),
        "by": bar.by,
        "since": keys.instant(bar.since),
        "present": address is not None and keys.address_key(address) == bar.address,
    }


def _entry(entry: AuditEntry) -> dict[str, str]:
    return {
        "at": keys.instant(entry.at),
        "what": entry.what,
        "channel": entry.detail.get("channel", ""),
        "classes": entry.detail.get("classes", ""),
        "actor": entry.actor,
        "reason": entry.reason,
    }


def _order(
    verb: str, borrower_id: str, channel: str, classes: list[str] | None, reason: str, stack: str, *, as_json: bool
) -> None:
    order: dict[str, Any] = {"verb": verb, "borrower_id": borrower_id, "channel": channel, "reason": reason}
    answer = ordered(Session(stack), order | {"classes": classes or None})
    if as_json:
        say_json(answer)
        return
    say(f"{answer['borrower_id']}: {answer['channel']} {_SAID[answer['result']]}{_what(classes)}")
    for bar in answer["bars"]:
        say(f"  barred now: {bar['classes']}, since {bar['since']}, {_BY[BarredBy(bar['by'])]}")


def _what(classes: list[str] | None) -> str:
    return f" for {', '.join(classes)}" if classes else " for every class"
