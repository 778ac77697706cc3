"""Events of `change_mandates`, as typed values; a malformed one raises EventError and repeats no value: it may hold a
code."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from shared.domain.book import MandateStatus, Source
from shared.domain.funding import read_sources
from shared.domain.mandate_requests import (
    AskChange,
    ConfirmChange,
    FundMandate,
    LenderChange,
    MandateRequest,
    ShowMandates,
)
from shared.domain.mandates import Purpose
from shared.domain.shape import says
from shared.runtime.callers import CALLER, digest_of, proof
from shared.runtime.fields import Fields, identifier, matching, one_of, version_1

_DOES = {name: name for name in ("ask", "confirm", "suspend", "resume", "fund", "show")}
_PURPOSES = {purpose.value: purpose for purpose in Purpose}
_STATUSES = {"suspend": MandateStatus.SUSPENDED, "resume": MandateStatus.ACTIVE}
_CODE = matching(r"\d{6}", "six digits in quotes")
_HASH = matching(r"[0-9a-f]{64}", "the SHA-256 of the notice: 64 hexadecimal digits in small letters")
_CHANNEL = matching(r"[a-z][a-z0-9-]{0,31}", "a word such as app or cli")
_UNSAID = ""
"""The actor of a change of the lender's before STS has said who signed it."""


def change_mandates(event: object, principal: Callable[[Mapping[str, str], str], str]) -> MandateRequest:
    """`{"v":1,"do":"ask","loan_id":…,"purpose":"cancel"}`, and confirm, suspend, resume, fund, show.

    Suspend, resume and fund are the lender's own people's: signed, and `principal` says by whom.
    """
    fields = Fields(event, "event of change_mandates")
    fields.take("v", version_1)
    do, loan_id = fields.take("do", one_of(_DOES)), fields.take("loan_id", identifier)
    found = _request(do, loan_id, fields)
    if not isinstance(found, LenderChange | FundMandate):
        fields.done()
        return found
    signed = fields.take(CALLER, proof)
    fields.done()
    return replace(found, actor=principal(signed, digest_of(event) if isinstance(event, dict) else ""))


def _request(do: str, loan_id: str, fields: Fields) -> MandateRequest:
    match do:
        case "ask":
            return AskChange(loan_id, fields.take("purpose", one_of(_PURPOSES)))
        case "confirm":
            return ConfirmChange(
                loan_id,
                fields.take("purpose", one_of(_PURPOSES)),
                fields.take("code", _CODE),
                fields.take("acknowledged", _HASH),
                fields.take("channel", _CHANNEL),
            )
        case "show":
            return ShowMandates(loan_id)
        case "fund":
            return FundMandate(
                loan_id,
                fields.take("mandate_id", identifier),
                fields.take("sources", _sources),
                _UNSAID,
                fields.take("reason", _reason),
            )
        case _:
            return LenderChange(
                loan_id,
                fields.take("mandate_id", identifier),
                _STATUSES[do],
                _UNSAID,
                fields.take("reason", _reason),
            )


@says("a list of 1 to 10 accounts in their order, each once, such as balance:acc-1 or debit-card:acc-2")
def _sources(value: object) -> tuple[Source, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError
    return read_sources(value)


@says("a reason of 1 to 200 characters on one line")
def _reason(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 200 or not value.isprintable():
        raise ValueError
    return value.strip()
