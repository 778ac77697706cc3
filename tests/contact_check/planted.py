"""Faults to be caught: what the product is given in the place of what is so. The judge sees the truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from tests.contact_check.facts import Answer, Case

_MINUTE = timedelta(minutes=1)


def _same_leaf(path: str, value: Any) -> Any:
    return value


def _same_case(case: Case) -> Case:
    return case


def _same_answer(answer: Answer) -> Answer:
    return answer


@dataclass(frozen=True, slots=True)
class Planted:
    """`leaf` changes what the product reads in the countries' and the lender's packs; None takes a leaf away."""

    leaf: Callable[[str, Any], Any] = _same_leaf
    case: Callable[[Case], Case] = _same_case
    answer: Callable[[Answer], Answer] = _same_answer


def _in(tree: str, **changes: Callable[[Any], Any]) -> Callable[[str, Any], Any]:
    """Changes these fields of every leaf below a tree."""

    def edit(path: str, value: Any) -> Any:
        if not path.startswith(tree):
            return value
        return {name: changes[name](old) if name in changes else old for name, old in value.items()}

    return edit


def _leaf(wanted: str, changed: Callable[[Any], Any]) -> Callable[[str, Any], Any]:
    return lambda path, value: changed(value) if path.startswith(wanted) else value


def _later(clock: str) -> str:
    minutes = int(clock[:2]) * 60 + int(clock[3:]) + 1
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _waits(change: timedelta, *reasons: str) -> Callable[[Answer], Answer]:
    return lambda a: replace(a, until=a.until + change) if a.until and (not reasons or a.reason in reasons) else a


PLANTED: Mapping[str, Planted] = {
    "window-closes-late": Planted(leaf=_in("contact.windows.", to=_later)),
    "window-opens-late": Planted(leaf=_in("contact.windows.", **{"from": _later})),
    "saturday-is-sunday": Planted(leaf=_in("contact.windows.weekdays", weekdays=lambda _: [1, 2, 3, 4, 5, 7])),
    "cap-one-more": Planted(leaf=_in("contact.caps.", max=lambda most: most + 1)),
    "cap-a-day-less": Planted(leaf=_in("contact.caps.voice-after", days=lambda days: days - 1)),
    "cap-of-another-scope": Planted(leaf=_in("contact.caps.sms-day", scope=lambda _: "debt")),
    "tries-not-counted": Planted(leaf=_in("contact.caps.voice-day", counts=lambda _: "connected")),
    "hold-lets-through": Planted(leaf=_in("holds.dispute", stops=lambda _: ["debit"])),
    "hold-lasts-longer": Planted(leaf=_in("holds.breathing-space", days=lambda d: d + 1 if d != "none" else d)),
    "threat-allowed": Planted(leaf=_in("text.banned.threats", phrases=lambda phrases: phrases[1:])),
    "required-for-fewer": Planted(leaf=_in("text.required.", classes=lambda _: ["receipt"])),
    "word-not-heard": Planted(leaf=_leaf("keywords.stop", lambda words: words[:-1])),
    "guarantor-told": Planted(
        leaf=_leaf("contact.recipients", lambda who: [*who, "attorney"] if "attorney" not in who else who)
    ),
    "kept-too-short": Planted(leaf=_leaf("contact.retention_days", lambda days: days - 1)),
    "confirmed-late": Planted(leaf=_leaf("contact.confirm_minutes", lambda minutes: 6)),
    "told-a-day-later": Planted(leaf=_leaf("debit.lead_days", lambda days: 1)),
    "channels-in-another-order": Planted(
        leaf=lambda path, value: value[::-1] if path.startswith("contact.channels.") else value
    ),
    "zone-forgotten": Planted(case=lambda case: replace(case, zones=case.zones[:1])),
    "bars-forgotten": Planted(case=lambda case: replace(case, bars=())),
    "holds-forgotten": Planted(
        case=lambda case: replace(case, loans=tuple(replace(loan, holds=()) for loan in case.loans))
    ),
    "contact-forgotten": Planted(case=lambda case: replace(case, log=case.log[:-1])),
    "waits-too-short": Planted(answer=_waits(-_MINUTE, "CONTACT_CAP", "OUTSIDE_CONTACT_HOURS")),
    "waits-too-long": Planted(answer=_waits(_MINUTE, "CONTACT_CAP", "OUTSIDE_CONTACT_HOURS")),
    "sleeps-too-long": Planted(answer=_waits(timedelta(days=1), "NOTHING_DUE")),
    "another-class": Planted(answer=lambda a: replace(a, message_class="receipt") if a.outcome == "act" else a),
}
