"""`duebell attempt`: what is open, and the verbs by which an operator settles, repeats, gives back or reopens."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.tokens import RandomTokens
from shared.cli.orders import Because, finish, ordered
from shared.cli.output import Json, say, say_json
from shared.cli.session import Session, Stack
from shared.cli.tables import a_table, show
from shared.domain import keys
from shared.domain.book import Attempt, AttemptState
from shared.domain.operations import Verb
from shared.domain.settlement import LEASE

Attempts = Annotated[list[str], typer.Argument(metavar="ATTEMPT...", help="Attempts, each LOAN:PNNNNNN.")]
AtMost = Annotated[int, typer.Option("--at-most", metavar="N", help="Refuse where the attempts are of more loans.")]
AtMostAmount = Annotated[
    str | None,
    typer.Option("--at-most-amount", metavar="AMOUNT", help='Refuse where they come to more: "1000.00 CNY".'),
]
Amount = Annotated[
    str | None, typer.Option("--amount", metavar="AMOUNT", help='Of a single attempt, "10.00 CNY"; else all of it.')
]
Outcome = Annotated[
    str, typer.Option("--outcome", metavar="OUTCOME", help="What the evidence shows: paid, insufficient, …")
]
Evidence = Annotated[
    str, typer.Option("--evidence", metavar="REFERENCE", help="Where it can be seen: a statement's line, a letter.")
]
Request = Annotated[str, typer.Argument(metavar="REQUEST", help="The id of a request, R-…")]

_ALL = timedelta(days=3650)
_PAGE = 100


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt without a definite outcome, and why it still is open."""

    attempt: Attempt
    age: timedelta
    state: str  # claimed, unknown, pending, stuck
    why: str


def list_command(stack: Stack = "duebell", as_json: Json = False) -> None:
    """List the attempts that have no definite outcome, the longest waiting first: open, unknown and stuck ones.

    Of what is stuck no enquiry has told: `rerecord` settles it from evidence.
    """
    session = Session(stack)
    found = sorted(open_attempts(session), key=lambda one: one.age, reverse=True)
    if as_json:
        say_json([_plain(one) for one in found])
        return
    table = a_table("attempt", "state", "age", "amount", "instalments", "why", right=("age", "amount"))
    for one in found:
        money, numbers = one.attempt.amount, " ".join(f"#{n}" for n in one.attempt.numbers)
        amount = f"{money.grouped()} {money.currency}"
        table.add_row(_key(one.attempt), one.state, _age(one.age), amount, numbers, one.why)
    if found:
        show(table)
    say(f"{len(found)} without a definite outcome, {sum(one.state == 'stuck' for one in found)} of them stuck")


def recheck_command(
    attempts: Attempts,
    reason: Because,
    at_most: AtMost = 1,
    at_most_amount: AtMostAmount = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Ask the gateway once what became of attempts, and settle what is definite. Never debits anybody."""
    _order(Verb.RECHECK, attempts, reason, at_most, at_most_amount, stack, as_json=as_json)


def rerecord_command(
    attempts: Attempts,
    outcome: Outcome,
    evidence: Evidence,
    reason: Because,
    at_most: AtMost = 1,
    at_most_amount: AtMostAmount = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Settle attempts from evidence that you have seen, where no enquiry can. Asks nobody, debits nobody."""
    said = {"outcome": outcome, "evidence": evidence}
    _order(Verb.RERECORD, attempts, reason, at_most, at_most_amount, stack, as_json=as_json, **said)


def recharge_command(
    attempts: Attempts,
    reason: Because,
    amount: Amount = None,
    at_most: AtMost = 1,
    at_most_amount: AtMostAmount = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Debit again what the attempts' instalments still owe: a new attempt, under the budget and the rules of all."""
    _order(Verb.RECHARGE, attempts, reason, at_most, at_most_amount, stack, as_json=as_json, amount=amount)


def refund_command(
    attempts: Attempts,
    reason: Because,
    amount: Amount = None,
    at_most: AtMost = 1,
    at_most_amount: AtMostAmount = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Give back what attempts brought, or a part of it. What the money had paid is owed again."""
    _order(Verb.REFUND, attempts, reason, at_most, at_most_amount, stack, as_json=as_json, amount=amount)


def reopen_command(
    attempts: Attempts,
    reason: Because,
    at_most: AtMost = 1,
    at_most_amount: AtMostAmount = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Let instalments be debited again that a chargeback, reversal, refund or late money had closed. Debits nobody."""
    _order(Verb.REOPEN, attempts, reason, at_most, at_most_amount, stack, as_json=as_json)


def approve_command(request: Request, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Agree to what another person asked for, and do it. Look at it first, with duebell audit."""
    finish(ordered(Session(stack), {"verb": "approve", "request": request}), as_json=as_json)


def open_attempts(session: Session) -> Iterator[OpenAttempt]:
    """Every attempt that is not settled, read consistently after the index has named it."""
    store = session.store("loans", "attempts", "control")
    book, now = DynamoBook(session.dynamodb, store.tables, RandomTokens(), store.shards), session.now()
    for number in range(store.shards):
        after: str | None = None
        while True:
            page = book.open_attempts(keys.shard_name(number), now + _ALL, _PAGE, after)
            for key in page.keys:
                attempt = book.attempt(*keys.parse_intent_key(key))
                if attempt and attempt.state is not AttemptState.SETTLED:
                    yield _open(attempt, now)
            after = page.after
            if after is None:
                break


def _open(attempt: Attempt, now: datetime) -> OpenAttempt:
    age = now - attempt.born_at
    if attempt.stuck:
        return OpenAttempt(attempt, age, "stuck", attempt.stuck)
    if attempt.state is AttemptState.CLAIMED:
        is_fresh = now < attempt.claimed_at + LEASE
        why = "may be on its way" if is_fresh else "its worker is gone; the next enquiry asks about it"
        return OpenAttempt(attempt, age, "claimed", why)
    state = attempt.outcome.value if attempt.outcome else attempt.state.value
    asked = f"is asked about at {keys.instant(attempt.enquire_at)}" if attempt.enquire_at else "is asked about next"
    return OpenAttempt(attempt, age, state, f"no definite answer yet; {asked}")


def _order(
    verb: Verb,
    attempts: list[str],
    reason: str,
    at_most: int,
    at_most_amount: str | None,
    stack: str,
    *,
    as_json: bool,
    **said: str | None,
) -> None:
    event: dict[str, Any] = {"verb": verb.value, "attempts": attempts, "reason": reason, "at_most": at_most}
    answer = ordered(Session(stack), event | {"at_most_amount": at_most_amount} | said)
    finish(answer, as_json=as_json)


def _plain(one: OpenAttempt) -> dict[str, object]:
    attempt = one.attempt
    return {
        "attempt": _key(attempt),
        "state": one.state,
        "since": keys.instant(attempt.born_at),
        "age_minutes": int(one.age / timedelta(minutes=1)),
        "amount": attempt.amount.decimal(),
        "currency": attempt.amount.currency,
        "instalments": list(attempt.numbers),
        "owner": attempt.owner.value,
        "refunds": keys.intent_key(attempt.loan_id, attempt.refunds) if attempt.refunds is not None else None,
        "why": one.why,
    }


def _key(attempt: Attempt) -> str:
    return keys.intent_key(attempt.loan_id, attempt.seq)


def _age(age: timedelta) -> str:
    minutes = int(age / timedelta(minutes=1))
    return f"{minutes // 1440} d" if minutes >= 2880 else f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"
