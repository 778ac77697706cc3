"""`demo.json`: what a run came to, in numbers that do not know the time of day; two runs agree to the byte."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from demo.figures import (
    DayFigures,
    main_currency,
    outcomes_by_attempt,
    tier_of,
    tiers_of,
)
from demo.history import History
from demo.records import Records
from shared.domain import keys
from shared.domain.book import NoticeState


def document(history: History) -> dict[str, Any]:
    """The whole of `demo.json`."""
    records, plan = history.records, history.plan
    days = history.days()
    return {
        "run": {
            "book": history.book,
            "from": plan.first_day.isoformat(),
            "to": plan.last_day.isoformat(),
            "days": plan.days,
            "skipped": sorted(plan.skipped),
        },
        "portfolio": {
            "borrowers": len(records.borrowers),
            "loans": Counter(loan.product for loan in records.loans),
            "status": Counter(str(loan.status) for loan in records.loans),
            "instalments": len(records.instalments),
            "mandates": Counter(str(mandate.status) for mandate in records.mandates),
        },
        "decisions": history.outside.decisions,
        "messages": _messages(records),
        "attempts": _attempts(records),
        "money": _money(records),
        "stages": {
            "entered": Counter(str(e.stage) for e in records.escalations),
            "left": Counter(str(e.stage) for e in records.escalations if e.left_on),
        },
        "repaid_within_3_days": {
            tier.tier: {"messages": tier.messages, "told_minor": tier.told_minor, "repaid_minor": tier.repaid_minor}
            for tier in tiers_of(records)
        },
        "days": [_day(figures, plan.skipped_days) for figures in days],
        "days_money_in": main_currency(records),
        "emulator": {
            "invocations": history.outside.invocations,
            "sms": len(history.outside.texts),
            "phones": history.outside.phones,
        },
        "checks": {c.name: {"examined": c.examined, "breaches": len(c.breaches)} for c in history.outside.checks},
    }


def to_json(history: History) -> str:
    return json.dumps(document(history), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _messages(records: Records) -> dict[str, Any]:
    by_tier: dict[str, Counter[str]] = defaultdict(Counter)
    for notice in records.notices:
        by_tier[tier_of(notice)][str(notice.state)] += 1
    return {
        "by_state": Counter(str(notice.state) for notice in records.notices),
        "by_tier": by_tier,
        "steps_told": sum(len(notice.covers) for notice in records.notices if notice.state is NoticeState.SENT),
    }


def _attempts(records: Records) -> dict[str, Any]:
    return {
        "by_outcome": Counter(str(a.outcome or a.state) for a in records.attempts),
        "by_attempt": {str(nth): outcomes for nth, outcomes in outcomes_by_attempt(records).items()},
        "presented": sum(a.presented for a in records.attempts),
    }


def _money(records: Records) -> Mapping[str, Any]:
    """By currency, in minor units."""
    booked: dict[str, Counter[str]] = defaultdict(Counter)
    paid: Counter[str] = Counter()
    credited: Counter[str] = Counter()
    suspense: Counter[str] = Counter()
    for entry in records.entries:
        currency = entry.amount.currency
        booked[currency][entry.source] += entry.amount.minor
        paid[currency] += entry.amount.minor - entry.credit_minor
        (suspense if entry.loan_id == keys.SUSPENSE else credited)[currency] += entry.credit_minor
    due: Counter[str] = Counter()
    for instalment in records.instalments:
        due[instalment.currency] += instalment.due_minor
    return {
        currency: {
            "booked": booked[currency],
            "credited": credited[currency],
            "suspense": suspense[currency],
            "outstanding": due[currency] - paid[currency],
        }
        for currency in sorted(due)
    }


def _day(figures: DayFigures, skipped: frozenset[Any]) -> dict[str, Any]:
    return {
        "date": figures.day.isoformat(),
        "skipped": figures.day in skipped,
        "messages": figures.messages,
        "deductions": figures.deductions,
        "deducted_minor": figures.deducted_minor,
        "payments_by_hand": figures.payments,
        "paid_by_hand_minor": figures.paid_minor,
        "entered": figures.entered,
        "left": figures.left,
        "book": {str(bucket): minor for bucket, minor in figures.book.items()},
    }
