"""The gateway is down for a day: some debits are charged and never answered, the others never arrive."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

from demo.records import Records, parse_tier_key
from drills.lab import BAD_DAY, PLAN, Lab, Outcome, Tell, instant, lab, live, must_hold_always, rang
from drills.metrics import Metrics
from drills.seen import Seen
from drills.wire import Cut, Fault, Lost, Refused, Request, no_fault
from shared.adapters.policy_files import rail_codes
from shared.domain import keys
from shared.domain.book import Attempt, AttemptState, NoticeState
from shared.domain.book import Outcome as Answer
from shared.domain.gateway import CLIENT_TIMEOUT_SECONDS
from shared.domain.portfolio import BORROWERS
from shared.domain.tiers import FAILED, RECEIVED, SETTLED

NAME = "gateway-down"
_SPENT = Refused(503, b'{"status":"error","code":"unavailable","message":"down"}', "application/json")
_PAYS = ("paid-", "pending-", "slow-", "lost-")
"""Accounts from which the gateway takes what it is asked for."""


@dataclass
class Outage:
    """Every request to the gateway goes wrong, presentments in four ways by turns."""

    host: str
    unheard: list[str] = field(default_factory=list)  # keys that the gateway worked on, and whose answer was lost
    unseen: list[str] = field(default_factory=list)  # keys that the gateway never saw
    enquiries: int = 0
    ways: Any = field(default_factory=lambda: cycle((Lost(), _SPENT, Cut(), Cut(CLIENT_TIMEOUT_SECONDS + 1))))

    def __call__(self, request: Request) -> Fault | None:
        if request.host != self.host:
            return None
        if request.method == "GET":
            self.enquiries += 1
            return _SPENT if self.enquiries % 2 else Cut()
        way: Fault = next(self.ways)
        (self.unheard if isinstance(way, Lost) else self.unseen).append(json.loads(request.body)["key"])
        return way


def play(port: int | None, tell: Tell) -> Seen:
    seen = Seen(NAME)
    with lab(port, tell) as (stack, book):
        outage = Outage(urlsplit(stack.outputs["StubUrl"]).netloc)
        evening: dict[str, Any] = {}

        def goes_down() -> None:
            evening["before"] = stack.metrics()
            stack.wire.faults, stack.gateway_reports = outage, False

        def is_down() -> None:
            evening.update(status=stack.status(), after=stack.metrics())

        def comes_back() -> None:
            stack.wire.faults, stack.gateway_reports = no_fault, True

        stack.at(BAD_DAY, time(8), goes_down)
        stack.evenings[BAD_DAY] = is_down
        stack.at(BAD_DAY + 1, time(8), comes_back)
        stack.evenings[BAD_DAY + 1] = lambda: evening.update(recovered=stack.metrics())
        ended = live(stack, book, tell)
        _numbers(seen, stack, outage, ended, evening)
        _claims(seen, outage, ended, evening["status"], {row[0] for row in book.rows[BORROWERS] if not row[2]})
        must_hold_always(seen, stack, ended)
    return seen


def _numbers(seen: Seen, stack: Lab, outage: Outage, ended: Outcome, evening: dict[str, Any]) -> None:
    before: Metrics = evening["before"]
    down, back = evening["after"] - before, evening["recovered"] - evening["after"]
    attempts = _by_key(ended.records)
    charged = _charged(outage, ended)
    unseen = [attempts[key] for key in outage.unseen]
    open_then = Counter(one["state"] for one in evening["status"]["attempts"])
    seen.numbers |= {
        "presentments on the bad day": len(outage.unheard) + len(outage.unseen),
        "of them worked on, answer lost": f"{len(outage.unheard)}, {len(charged)} of them charged",
        "of them never seen by the gateway": len(outage.unseen),
        "enquiries without an answer": outage.enquiries,
        "status in the evening, attempts open": ", ".join(f"{n} {state}" for state, n in sorted(open_then.items())),
        "messages sent on the bad day all the same": sum(
            n.state is NoticeState.SENT and n.business_date == PLAN.day(BAD_DAY) for n in ended.records.notices
        ),
        "alarms on the bad day": rang(stack, before, evening["after"]),
        "enquiries that found nobody, counted by reconcile": down["reconcile", "gateway-silent"],
        "found paid on the next day": sum(attempts[key].outcome is Answer.PAID for key in charged),
        "presented again under the same key": back["reconcile", "presented-again"],
        "void, and debited under a new key": sum(a.outcome is Answer.VOID for a in unseen),
    }


def _charged(outage: Outage, ended: Outcome) -> list[str]:
    """The keys whose money was taken and whose answer was lost."""
    paid = {charge.key for charge in ended.charges if charge.minor}
    return [key for key in outage.unheard if key in paid]


def _claims(seen: Seen, outage: Outage, ended: Outcome, evening: Mapping[str, Any], unreachable: set[str]) -> None:
    records, lost = ended.records, _charged(outage, ended)
    attempts = _by_key(records)
    charged = Counter((attempts[c.key].loan_id, n) for c in ended.charges if c.minor for n in attempts[c.key].numbers)
    seen.must("the drill had something to break", [] if lost and outage.unseen else ["no debit on the day"])
    seen.must(
        "each debit of the bad day is unknown in the evening: nothing was declined on a guess", guessed(outage, evening)
    )
    entries = Counter(entry.external_id for entry in records.entries)
    seen.must("each charge whose answer was lost is booked once", [key for key in lost if entries[key] != 1])
    still_open = [key for key, attempt in attempts.items() if attempt.state is not AttemptState.SETTLED]
    seen.must("no attempt is open at the end", still_open)
    able = [attempts[key] for key in (*lost, *outage.unseen) if attempts[key].account_ref.startswith(_PAYS)]
    rows = {(i.loan_id, i.number): i for i in records.instalments}
    unpaid = [f"{a.loan_id}#{n}" for a in able for n in a.numbers if not rows[a.loan_id, n].is_paid]
    seen.must(f"all {len(able)} debits of accounts with money came through in the end", unpaid)
    told = [parse_tier_key(key) for n in records.notices if n.state is NoticeState.SENT for key in n.covers]
    received = {(loan_id, number) for tier, loan_id, number in told if tier in (RECEIVED, SETTLED)}
    silent = {loan.loan_id for loan in records.loans if loan.borrower_id in unreachable}
    untold = [one for one in charged if one not in received and (one[0], 0) not in received and one[0] not in silent]
    seen.must("whoever was charged and has a telephone was told that the money came", untold)
    seen.must("nobody heard of a failure that was none", false_alarms(ended))
    seen.must("nobody heard that he is overdue while the gateway had his money", _unjust(lost, records))


def guessed(outage: Outage, evening: Mapping[str, Any]) -> list[str]:
    """Debits that went out while nobody had an answer, and that `duebell status` of the evening does not show as
    unknown: somebody guessed what became of them."""
    states = {one["key"]: one["state"] for one in evening["attempts"]}
    sent = dict.fromkeys((*outage.unheard, *outage.unseen))
    return [f"{key} is {states.get(key, 'settled')}" for key in sent if states.get(key) != Answer.UNKNOWN]


def false_alarms(ended: Outcome) -> list[str]:
    """Messages about a failed debit of an instalment for which the gateway had declined no debit by then.

    By the gateway's own books: what the lender holds of an attempt may be the very guess that such a message comes of.
    The books tell no time; a debit reaches them at its last claim at the earliest.
    """
    attempts, codes = _by_key(ended.records), rail_codes("stub")
    first = dict[tuple[str, int], datetime]()
    for charge in ended.charges:
        if codes.get(charge.code, Answer.UNKNOWN).is_failure:
            attempt = attempts[charge.key]
            for number in attempt.numbers:
                at = attempt.loan_id, number
                first[at] = min(first.get(at, attempt.claimed_at), attempt.claimed_at)
    return [
        f"{notice.notice_key} about {loan_id}#{number}"
        for notice in ended.records.notices
        for tier, loan_id, number in map(parse_tier_key, notice.covers)
        if tier == FAILED and not ((loan_id, number) in first and first[loan_id, number] <= notice.claimed_at)
    ]


def _by_key(records: Records) -> dict[str, Attempt]:
    return {keys.intent_key(a.loan_id, a.seq): a for a in records.attempts}


def _unjust(lost: list[str], records: Records) -> list[str]:
    attempts = _by_key(records)
    taken = {(attempts[key].loan_id, number) for key in lost for number in attempts[key].numbers}
    return [
        notice.notice_key
        for notice in records.notices
        for tier, loan_id, number in map(parse_tier_key, notice.covers)
        if tier.startswith("OVERDUE") and (loan_id, number) in taken and notice.claimed_at >= instant(BAD_DAY, time(8))
    ]
