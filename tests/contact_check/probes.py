"""The product's answers to questions beside decisions, from the functions that its workflows call."""

from typing import Any

from shared.domain.contact_rules import Channel, MessageClass, Recipient, Stops
from shared.domain.contact_windows import opens
from shared.domain.hold_orders import HoldAdd, new_hold
from shared.domain.holds import held
from shared.domain.opt_out import keyword_in
from shared.domain.policy import Policy
from shared.domain.wording_rules import wording_faults
from tests.contact_check.lives import Lived
from tests.contact_check.product import policy_of
from tests.contact_check.words import FIELDS, Question, questions


def ask_all(seed: int, hours: int, fault: str | None = None) -> Lived:
    """Every question, as if each were a decision; hits are of leaves that alone made a right answer so."""
    asked = Lived()
    for question in questions(seed, hours):
        policy = policy_of("shipped", question.country, "jiebei", fault)
        found = _answer(policy, question)
        asked.decisions[question.leaf[0], "question", question.kind] += 1
        if question.hits:
            asked.hits[question.leaf] += 1
        if found != question.right:
            leaf = ": ".join(question.leaf)
            asked.faults.append(f"{leaf}: {question.kind} {question.given}: {found}, and not {question.right}")
    return asked


def _answer(policy: Policy, question: Question) -> Any:
    rules, given = policy.contact, question.given
    match question.kind:
        case "text":
            text, message_class, channel = given
            found = wording_faults(text, rules, MessageClass(message_class), Channel(channel), FIELDS)
            return frozenset((fault.pack.rpartition("-")[0], fault.leaf) for fault in found)
        case "inbound":
            keyword = keyword_in(given[0], rules)
            return str(keyword) if keyword else None
        case "recipient":
            return rules.may_contact(Recipient(given[0]))
        case "number":
            return {"contact.retention_days": rules.retention_days, "contact.confirm_minutes": rules.confirm_minutes}[
                given[0]
            ]
        case "hold" | "held":
            return _hold(policy, *given)
        case _:
            message_class, channel, zones, now, planned = given
            chosen = policy.planned if planned else rules
            return opens(now, chosen, MessageClass(message_class), Channel(channel), zones)


def _hold(
    policy: Policy, code: str, begins: Any, day: Any, what: str | None = None, now: Any = None, on: Any = None
) -> Any:
    one = new_hold(HoldAdd(code, "l-1", None, None, "contact check"), policy.contact, (), (), begins, day)
    if what is None:
        return frozenset(map(str, one.stops)), one.until
    found = held((one,), Stops(what), now, on, policy.business_zone)
    return found.until if found else None
