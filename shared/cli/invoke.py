"""`duebell invoke plan_work|pay_now`: the deployed function, by hand."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.cli.output import Json, complain, say, say_json
from shared.cli.session import Session, Stack
from shared.domain.errors import EventError, InputError
from shared.domain.pay_order import PayOrder
from shared.domain.request import ByHand
from shared.runtime import pay_events, plan_events

EventFile = Annotated[
    Path, typer.Option("--event", help="A file with the event as JSON; - reads standard input.", metavar="FILE")
]


def plan_work(event: EventFile, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Run plan_work on the stack.

    By hand the event names a line, and loans or all of them:
    {"line": "contact", "loan_ids": ["L1"], "business_date": "2026-03-01"}
    That is a dry run, which tells every decision with its reason and changes nothing.
    With "dry_run": false it is a live one, for today only.
    """
    document = _read(event)
    asked = plan_events.plan_work(document)
    session = Session(stack)
    if not as_json:
        complain(_intent(asked))
    answer = session.invoke("FUNCTION_PLAN_WORK", document)
    if as_json:
        say_json(answer)
        return
    _show(answer)


def pay_now(event: EventFile, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Debit now what a borrower orders: instalments of a loan, or all of it.

    {"v": 1, "order_id": "O1", "loan_id": "L1", "instalments": [2, 3], "amount": "100.00", "currency": "CNY"}
    Without instalments, or with "all", it is the payoff; without an amount all that they owe.
    It is sent once. After an answer that was lost, look at the loan before ordering again.
    """
    document = _read(event)
    order = pay_events.pay_now(document)
    if not as_json:
        complain(_debit(order))
    answer = Session(stack).invoke("FUNCTION_PAY_NOW", document)
    if as_json:
        say_json(answer)
        return
    _show_payment(answer)


def _read(path: Path) -> object:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EventError(f"{path} is not UTF-8") from error
    try:
        return json.loads(text)
    except ValueError as error:
        raise EventError(f"{path} is not JSON: {error}") from error


def _intent(asked: ByHand | None) -> str:
    """What the run will do, in a sentence."""
    if asked is None:
        return "live run: hints to the workers at everything that is due by now"
    whose = "all loans" if asked.loan_ids is None else f"{len(asked.loan_ids)} loan{'s' * (len(asked.loan_ids) != 1)}"
    if asked.dry_run:
        return f"dry run: tells the {asked.line} line's decisions on {whose} for {asked.business_date or 'today'}"
    return f"live run: hints to the {asked.line} line's workers at {whose}, who then act for real"


def _debit(order: PayOrder) -> str:
    """What will be debited, in a sentence."""
    how_much = f"{order.amount.decimal()} {order.amount.currency}" if order.amount else "all that is owed"
    which = f"instalments {', '.join(map(str, order.numbers))}" if order.numbers else "every unpaid instalment"
    return f"debits now, for real: {how_much} of {which} of loan {order.loan_id}"


def _show_payment(answer: Any) -> None:
    """The decision as a line, and one for the attempt."""
    if not isinstance(answer, dict) or "decision" not in answer:
        say_json(answer)
        return
    until = f" until {answer['until']}" if answer.get("until") else ""
    say(f"{answer['decision']}{until}  {answer['reason']}: {answer['sentence']}")
    if answer.get("lost"):
        say("lost: somebody else was quicker on this loan, and nothing was debited")
    if made := answer.get("attempt"):
        outcome = made["outcome"] or "not known yet: an enquiry will tell"
        say(f"{made['key']}  {made['amount']} {made['currency']}  {outcome}")


def _show(answer: Any) -> None:
    """The decisions of a dry run as lines, any other answer as JSON."""
    if not isinstance(answer, dict) or not isinstance(answer.get("decisions"), list):
        say_json(answer)
        return
    for found in answer["decisions"]:
        until = f" until {found['until']}" if found.get("until") else ""
        what = f"  {json.dumps(found['what'], ensure_ascii=False)}" if found.get("what") else ""
        say(f"{found['key']:24} {found['decision']}{until}  {found['reason']}: {found['sentence']}{what}")
    say(f"{len(answer['decisions'])} decisions for {answer.get('business_date')}")
    if answer.get("after"):
        say(f'more: ask again with "after": {json.dumps(answer["after"])}')
