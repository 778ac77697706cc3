"""`duebell mandate`: turn a loan's automatic deduction on or off, name its accounts, and see how its mandates stand.

The function `change_mandates` does it: who runs these commands needs the right to invoke it and none on a table.
"""

import re
import sys
import unicodedata
from typing import Annotated, Any

import typer

from shared.cli.output import Json, complain, say, say_json
from shared.cli.session import Session, Stack
from shared.cli.signing import signed
from shared.domain import keys
from shared.domain.errors import InputError
from shared.domain.funding import read_sources
from shared.domain.mandates import Purpose, Refusal

LoanId = Annotated[str, typer.Argument(metavar="LOAN", help="The loan's id.")]
MandateId = Annotated[str, typer.Argument(metavar="MANDATE", help="The mandate's id.")]
Code = Annotated[str | None, typer.Option("--code", help="The code that the borrower got; else it is asked for.")]
Acknowledged = Annotated[
    str | None, typer.Option("--acknowledge", metavar="HASH", help="The hash of the notice that was read.")
]
Sources = Annotated[
    list[str], typer.Option("--source", metavar="KIND:ACCOUNT", help="An account, such as balance:acc-1; in order.")
]
Because = Annotated[str, typer.Option("--reason", help="Why, for the loan's history: nothing personal.")]

_YES = ("y", "yes", "是")
_FUNCTION = "FUNCTION_CHANGE_MANDATES"
_BLANKS = re.compile(r"[\s-]")
_CODE = re.compile(r"[0-9]{6}")
_HASH = re.compile(r"[0-9a-f]{64}")


def enable_command(
    loan_id: LoanId,
    code: Code = None,
    acknowledge: Acknowledged = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Turn automatic deduction on, with the code that is sent to the borrower.

    Shows what it means, asks whether it was read, and for the code. Programs call twice: with --json it only asks and
    answers with the notice and its hash, and with --code and --acknowledge it confirms.
    """
    _change(Purpose.ENABLE, loan_id, code, acknowledge, stack, as_json=as_json)


def cancel_command(
    loan_id: LoanId,
    code: Code = None,
    acknowledge: Acknowledged = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Turn automatic deduction off at once, with the code that is sent to the borrower.

    Shows what it means and which debits cannot be stopped any more, asks whether it was read, and for the code.
    Programs call twice: with --json it only asks and answers with the notice and its hash, and with --code and
    --acknowledge it confirms.
    """
    _change(Purpose.CANCEL, loan_id, code, acknowledge, stack, as_json=as_json)


def suspend_command(
    loan_id: LoanId, mandate_id: MandateId, reason: Because, stack: Stack = "duebell", as_json: Json = False
) -> None:
    """Suspend a mandate: nothing is deducted under it until somebody resumes it."""
    _lender("suspend", loan_id, mandate_id, reason, stack, as_json=as_json)


def resume_command(
    loan_id: LoanId, mandate_id: MandateId, reason: Because, stack: Stack = "duebell", as_json: Json = False
) -> None:
    """Lift the suspension of a mandate."""
    _lender("resume", loan_id, mandate_id, reason, stack, as_json=as_json)


def fund_command(
    loan_id: LoanId,
    mandate_id: MandateId,
    sources: Sources,
    reason: Because,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Name the accounts that a mandate debits, in their order, in the place of all that it names now.

    A suspended mandate stays suspended: resume it afterwards.
    """
    read_sources(sources)
    _lender("fund", loan_id, mandate_id, reason, stack, as_json=as_json, sources=sources)


def show_command(loan_id: LoanId, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Show a loan's mandates, and every change of them."""
    answer = _asked(Session(stack), "show", loan_id)
    if as_json or "refused" in answer:
        _finish(answer, as_json=as_json)
        return
    standing = answer["standing"]
    for found in standing["mandates"]:
        since = f" since {found['since']}" if found["since"] else ""
        until = f", until {found['expires_on']}" if found["expires_on"] else ""
        accounts = ", then ".join(f"{of['kind']}{' (dead)' if of['dead'] else ''}" for of in found["funding"])
        order = f", from {accounts}" if accounts else ""
        signed = f", signed on {found['signed_on']}"
        say(f"{found['mandate_id']}  {found['rail']}  {found['status']}{since}{until}{signed}{order}")
    if not standing["mandates"]:
        say("no mandate was ever signed")
    for entry in standing["history"]:
        say(f"{entry['at']}  {entry['what']}  by {entry['actor']}: {entry['reason']}{_from_to(entry['detail'])}")


def _from_to(detail: dict[str, str]) -> str:
    changed = [name.removeprefix("was.") for name in detail if name.startswith("was.")]
    moved = "".join(f"; {one} {detail[f'was.{one}']} -> {detail[f'now.{one}']}" for one in sorted(changed))
    return f"{moved}; other accounts than before" if "funding_before" in detail else moved


def _change(
    purpose: Purpose, loan_id: str, code: str | None, acknowledge: str | None, stack: str, *, as_json: bool
) -> None:
    keys.checked_id(loan_id)
    if (code is None) != (acknowledge is None):
        raise InputError("give --code and --acknowledge together, or neither of them")
    session = Session(stack)
    if code is not None and acknowledge is not None:
        code, acknowledge = _read_code(code), acknowledge.strip().lower()
        if not _HASH.fullmatch(acknowledge):
            raise InputError("--acknowledge must be the hash of the notice: 64 hexadecimal digits")
        answer = _confirmed(session, purpose, loan_id, code, acknowledge)
    elif as_json:
        answer = _asked(session, "ask", loan_id, purpose=purpose.value)
    else:
        answer = _in_person(session, purpose, loan_id)
    _finish(answer, as_json=as_json)


def _in_person(session: Session, purpose: Purpose, loan_id: str) -> dict[str, Any]:
    """Goes through it with the person at the terminal; what is refused in the end changed nothing."""
    answer = _asked(session, "ask", loan_id, purpose=purpose.value)
    if "refused" in answer:
        return answer
    notice, code = _acknowledged(answer["asked"]["notice"]), ""
    complain(f"a code was sent to the borrower; it is good until {answer['asked']['code_expires_at']}")
    while True:
        code = code or _read_code(_typed("code:"))
        answer = _confirmed(session, purpose, loan_id, code, notice["hash"])
        match answer.get("refused"):
            case {"reason": Refusal.NOTICE_CHANGED.name, "notice": changed}:
                complain("the loan has changed meanwhile; the notice reads now:")
                notice = _acknowledged(changed)
            case {"reason": Refusal.CODE_WRONG.name, "tries_left": left}:
                complain(f"the code is wrong; tries left: {left}")
                code = ""
            case _:
                return answer


def _acknowledged(notice: dict[str, Any]) -> dict[str, Any]:
    say(notice["text"])
    if _typed("Was this read, and understood? y or n:").lower() not in _YES:
        raise InputError("the notice was not acknowledged: nothing was changed")
    return notice


def _typed(question: str) -> str:
    """A line that a person types; asked on standard error, so that standard output holds the result alone."""
    complain(question)
    line = sys.stdin.readline()
    if not line:
        raise InputError("nobody answered: nothing was changed")
    return line.strip()


def _read_code(text: str) -> str:
    """Six digits, however they were typed: full width, with blanks or dashes between them."""
    digits = _BLANKS.sub("", unicodedata.normalize("NFKC", text))
    if not _CODE.fullmatch(digits):
        raise InputError("a code is six digits; nothing was changed")
    return digits


def _confirmed(session: Session, purpose: Purpose, loan_id: str, code: str, acknowledged: str) -> dict[str, Any]:
    more = {"purpose": purpose.value, "code": code, "acknowledged": acknowledged, "channel": "cli"}
    return _asked(session, "confirm", loan_id, **more)


def _lender(do: str, loan_id: str, mandate_id: str, reason: str, stack: str, *, as_json: bool, **more: Any) -> None:
    keys.checked_id(mandate_id)
    if not (reason := reason.strip()) or len(reason) > 200 or not reason.isprintable():
        raise InputError("--reason must be 1 to 200 characters on one line")
    event = {"v": 1, "do": do, "loan_id": keys.checked_id(loan_id), "mandate_id": mandate_id, "reason": reason, **more}
    _finish(_answer(Session(stack), signed(event)), as_json=as_json)


def _asked(session: Session, do: str, loan_id: str, **more: Any) -> dict[str, Any]:
    return _answer(session, {"v": 1, "do": do, "loan_id": keys.checked_id(loan_id), **more})


def _answer(session: Session, event: dict[str, Any]) -> dict[str, Any]:
    answer = session.invoke(_FUNCTION, event)
    if not isinstance(answer, dict):
        raise InputError("change_mandates gave no answer that can be read")
    return answer


def _finish(answer: dict[str, Any], *, as_json: bool) -> None:
    """Says what became of it; a refusal is 2."""
    refused = answer.get("refused")
    if as_json:
        say_json(answer)
        if refused:
            raise typer.Exit(2)
        return
    if refused:
        if changed := refused.get("notice"):
            say(changed["text"])
            say(f"hash: {changed['hash']}")
        left = f"; tries left: {refused['tries_left']}" if "tries_left" in refused else ""
        of = f"--source {refused['source']}: " if "source" in refused else ""
        raise InputError(f"{of}{refused['sentence']}{left} ({refused['reason']})")
    for found in answer["changed"]["mandates"]:
        say(f"{found['mandate_id']} is {found['status']} since {answer['changed']['at']}")
