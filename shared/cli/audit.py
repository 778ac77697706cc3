"""`duebell audit`: what people changed and asked for, by whom and why."""

from typing import Annotated

import typer

from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.tokens import RandomTokens
from shared.cli.output import Json, say, say_json
from shared.cli.session import Session, Stack
from shared.domain import keys

Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="A loan, a request R-…, SWITCHES, SUSPENSE, RAIL_NEWS or MONEY_NEWS.")
]


def audit_command(subject: Subject, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Show what was changed or asked about a subject, oldest first."""
    session = Session(stack)
    store = session.store("audit")
    book = DynamoBook(session.dynamodb, store.tables, RandomTokens(), store.shards)
    entries = book.audit(keys.checked_id(subject))
    if as_json:
        say_json(
            [
                {
                    "at": keys.instant(entry.at),
                    "actor": entry.actor,
                    "what": entry.what,
                    "reason": entry.reason,
                    "detail": dict(entry.detail),
                }
                for entry in entries
            ]
        )
        return
    for entry in entries:
        detail = "".join(f"; {name} {value}" for name, value in sorted(entry.detail.items()))
        say(f"{keys.instant(entry.at)}  {entry.what}  by {entry.actor}: {entry.reason}{detail}")
    if not entries:
        say(f"nothing is noted about {subject}")
