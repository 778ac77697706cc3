"""`duebell suspense`: money that nobody could match, and where a person says that it belongs."""

from typing import Annotated, Any

import typer

from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.tokens import RandomTokens
from shared.cli.orders import Because, finish, ordered
from shared.cli.output import Json, say, say_json
from shared.cli.session import Session, Stack
from shared.cli.tables import a_table, show
from shared.domain.book import Line
from shared.domain.errors import InputError
from shared.workflows.held_money import Open
from shared.workflows.resolve_suspense import Suspense

Entry = Annotated[str, typer.Argument(metavar="ENTRY", help="As the list shows it: SOURCE#REFERENCE.")]
Loan = Annotated[str | None, typer.Option("--loan", metavar="LOAN", help="The loan that the money belongs to.")]
Elsewhere = Annotated[bool, typer.Option("--elsewhere", help="It belongs to no loan: it went back, or to other books.")]
Instalments = Annotated[
    list[int] | None,
    typer.Option(
        "--instalment", metavar="N", help="Paid before the others, where policy lets borrowers choose; may be repeated."
    ),
]
AtMost = Annotated[
    int, typer.Option("--at-most", metavar="N", help="Refuse where it pays, or opens instalments of, more loans.")
]
AtMostAmount = Annotated[
    str | None,
    typer.Option("--at-most-amount", metavar="AMOUNT", help='Refuse where more is left of it: "1000.00 CNY".'),
]


class _NoQueue:
    """Listing hints at nothing."""

    def send(self, line: Line, keys: Any, run: str) -> int:  # noqa: ARG002 - the port's names
        return 0

    def depth(self, line: Line) -> int:  # noqa: ARG002 - the port's names
        return 0


def list_command(stack: Stack = "duebell", as_json: Json = False) -> None:
    """List the money in suspense, with what of each piece is left, and why it is there."""
    found = open_entries(Session(stack))
    if as_json:
        say_json([_plain(one) for one in found])
        return
    table = a_table("entry", "left", "booked on", "why", right=("left",))
    for one in found:
        left = f"{one.left.grouped()} {one.left.currency}"
        table.add_row(one.key, left, one.entry.booked_on.isoformat(), one.entry.detail or "no reason")
    if found:
        show(table)
    say(f"{len(found)} in suspense")


def resolve_command(
    entry: Entry,
    reason: Because,
    loan: Loan = None,
    elsewhere: Elsewhere = False,
    instalments: Instalments = None,
    at_most: AtMost = 1,
    at_most_amount: AtMostAmount = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Say where money in suspense belongs: to a loan, which it then pays, or elsewhere."""
    if (loan is None) != elsewhere:
        raise InputError("say where the money belongs: --loan LOAN or --elsewhere")
    if elsewhere and instalments:
        raise InputError("--instalment is for money that belongs to a loan")
    event = {"verb": "resolve", "entry": entry, "loan_id": loan, "instalments": instalments or None, "reason": reason}
    limits = {"at_most": at_most, "at_most_amount": at_most_amount}
    finish(ordered(Session(stack), event | limits), as_json=as_json)


def open_entries(session: Session) -> list[Open]:
    store = session.store("ledger", "loans", "borrowers", "attempts")
    book = DynamoBook(session.dynamodb, store.tables, RandomTokens(), store.shards)
    return Suspense(book, PolicyFiles(), session.clock, _NoQueue()).open()


def _plain(one: Open) -> dict[str, object]:
    return {
        "entry": one.key,
        "left": one.left.decimal(),
        "currency": one.left.currency,
        "booked_on": one.entry.booked_on.isoformat(),
        "why": one.entry.detail,
    }
