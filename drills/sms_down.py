"""The SMS provider is down for a day: it turns most messages away, and for some it cannot be told whether they left."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any
from urllib.parse import parse_qs

from demo.records import parse_tier_key
from drills.lab import BAD_DAY, PLAN, Lab, Outcome, Tell, asked_twice, lab, live, must_hold_always, rang
from drills.seen import Seen
from drills.wire import Fault, Refused, Request, no_fault
from shared.domain.book import Attempt, InstalmentState, NoticeRecord, NoticeState
from shared.domain.book import Outcome as Answer
from shared.domain.tiers import NoticeKind

NAME = "sms-down"
_XML = "text/xml"


def _error(code: str) -> bytes:
    return f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>".encode()


_TURNED_AWAY = Refused(400, _error("Throttling"), _XML)
_BROKEN = Refused(500, _error("InternalError"), _XML)
"""After this answer nobody knows whether the message left."""


@dataclass
class Outage:
    """No SMS goes out: one number in four gets an answer that leaves it open, the others a plain refusal."""

    turned_away: int = 0
    broken: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __call__(self, request: Request) -> Fault | None:
        if b"PhoneNumber=" not in request.body:
            return None
        said = parse_qs(request.body.decode())
        phone, text = said["PhoneNumber"][0], said["Message"][0]
        if int(phone[-2:]) % 4:
            self.turned_away += 1
            return _TURNED_AWAY
        self.broken[phone, text] += 1
        return _BROKEN


def play(port: int | None, tell: Tell) -> Seen:
    seen = Seen(NAME)
    with lab(port, tell) as (stack, book):
        outage, evening = Outage(), dict[str, Any]()

        def goes_down() -> None:
            evening["before"] = stack.metrics()
            stack.wire.faults = outage

        def is_down() -> None:
            evening.update(after=stack.metrics(), status=stack.status())
            evening["notices"] = list(stack.rows(NoticeRecord))

        stack.at(BAD_DAY, time(8), goes_down)
        stack.evenings[BAD_DAY] = is_down
        stack.at(BAD_DAY + 1, time(8), stack.goes_wrong(no_fault))
        ended = live(stack, book, tell)
        _judge(seen, stack, outage, ended, evening)
        must_hold_always(seen, stack, ended)
    return seen


def _judge(seen: Seen, stack: Lab, outage: Outage, ended: Outcome, evening: dict[str, Any]) -> None:
    bad, after = PLAN.day(BAD_DAY), PLAN.day(BAD_DAY + 1)
    at_end = {(n.borrower_id, n.notice_key): n for n in ended.records.notices}
    wanted: list[NoticeRecord] = [n for n in evening["notices"] if n.business_date == bad]
    waited = [n for n in wanted if n.state is NoticeState.RELEASED]
    unknown = [n for n in wanted if n.state is NoticeState.UNKNOWN]
    silent = {b.borrower_id for b in ended.records.borrowers if not b.phone}
    final = [at_end[n.borrower_id, n.notice_key] for n in waited]
    sent_later = [n for n in final if n.state is NoticeState.SENT]
    stale = [n for n in final if n.state is not NoticeState.SENT]
    debits = [a for a in ended.records.attempts if a.slot.startswith(bad.isoformat())]
    seen.numbers |= {
        "messages wanted on the bad day": len(wanted),
        "sends turned away": outage.turned_away,
        "sends without a readable answer": sum(outage.broken.values()),
        "waiting in the evening": len(waited),
        "unknown in the evening": len(unknown),
        "to borrowers without a telephone, noted as undeliverable": sum(_is_to_nobody(n, silent) for n in wanted),
        "status in the evening, contact line on agenda": evening["status"]["lines"]["contact"]["on_agenda"],
        "alarms on the bad day": rang(stack, evening["before"], evening["after"]),
        "debits on the bad day all the same": len(debits),
        "sent later, still true": len(sent_later),
        "of them on the morning after": sum(n.business_date == after for n in sent_later),
        "never sent, no longer true": len(stale),
        "by tier": _tiers(stale),
    }
    seen.must("the drill had something to break", [] if waited and unknown else ["too few messages on the day"])
    left = {n.provider_ref for n in ended.records.notices if n.state is NoticeState.SENT}
    seen.must(
        "whatever was wanted waits, is unknown or has no telephone to go to: nothing counts as sent, or is given up",
        neither_waiting_nor_unknown(wanted, silent),
    )
    seen.must_be("what is noted as sent is what left, message for message", left, set(ended.texts))
    seen.must(
        "what may have left is not sent again",
        [n.notice_key for n in unknown if at_end[n.borrower_id, n.notice_key].state is not NoticeState.UNKNOWN],
    )
    seen.must("such a message was tried once", [phone for (phone, _), times in outage.broken.items() if times > 1])
    seen.must(
        "no reminder left on its due day or later, no announcement without its debit to follow", left_too_late(ended)
    )
    seen.must("on the morning after nobody is asked twice for an instalment", asked_twice(ended, after))
    seen.must(
        "each debit of the bad day that was due went to the gateway",
        [
            name
            for one in ended.work
            if one.what == "debits on the due day"
            for name in one.missing
            if _due_on(name, ended)
        ],
    )


def _tiers(notices: list[NoticeRecord]) -> str:
    counts = Counter(parse_tier_key(n.notice_key)[0] for n in notices)
    return ", ".join(f"{tier} {count}" for tier, count in sorted(counts.items())) or "none"


def neither_waiting_nor_unknown(wanted: Iterable[NoticeRecord], silent: Container[str]) -> list[str]:
    """Messages of a day on which nothing leaves that count as sent or in work, or were given up, though their borrower
    has a telephone: an outage of the provider is nobody's dead number."""
    return [
        f"{n.notice_key} is {n.state}"
        for n in wanted
        if n.state not in (NoticeState.RELEASED, NoticeState.UNKNOWN) and not _is_to_nobody(n, silent)
    ]


def _is_to_nobody(notice: NoticeRecord, silent: Container[str]) -> bool:
    return notice.state is NoticeState.UNDELIVERABLE and notice.borrower_id in silent


def left_too_late(ended: Outcome) -> list[str]:
    """Reminders that left on the due day or later, and announcements that no debit followed. An announcement may leave
    on the due day: it moves its debit. What was paid by hand meanwhile is not debited."""
    by_name = {(i.loan_id, i.number): i for i in ended.records.instalments}
    debits = defaultdict[tuple[str, int], list[Attempt]](list)
    for attempt in ended.records.attempts:
        for number in attempt.numbers:
            debits[attempt.loan_id, number].append(attempt)

    def is_late(kind: str, on: date, name: tuple[str, int]) -> bool:
        if kind == NoticeKind.REMIND:
            return on >= by_name[name].due_on
        if kind != NoticeKind.PRE_DEBIT or on >= PLAN.last_day:
            return False
        is_debited = any(date.fromisoformat(attempt.slot[:10]) > on for attempt in debits[name])
        paid_by_hand = by_name[name].state is InstalmentState.PAID and not any(
            attempt.outcome is Answer.PAID for attempt in debits[name]
        )
        return not is_debited and not paid_by_hand

    return [
        f"{notice.notice_key} on {notice.business_date}"
        for notice in ended.records.notices
        if notice.state is NoticeState.SENT
        for _, loan_id, number in map(parse_tier_key, notice.covers)
        if is_late(notice.kind, notice.business_date, (loan_id, number))
    ]


def _due_on(name: str, ended: Outcome) -> bool:
    loan_id, _, number = name.partition("#")
    return any(
        i.due_on == PLAN.day(BAD_DAY)
        for i in ended.records.instalments
        if (i.loan_id, i.number) == (loan_id, int(number))
    )
