"""Every leaf of every rail's pack is read: changing it alone changes a decision, or what an answer means."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from shared.adapters.policy_files import read_packs
from shared.domain.book import DebitCard, Instalment, LastAttempt, Outcome, Source, SourceKind
from shared.domain.debit import plan_debit
from shared.domain.intents import plan_pay_now
from shared.domain.packs import Kind, Leaf, Pack
from shared.domain.policy import Policy
from shared.domain.rail import Rail, read_rail
from shared.domain.switches import ALL_ON
from tests.unit.builders import DUE, a_file, a_loan, a_mandate, a_policy_over, an_instalment, announced, at, attempted

PACKS = [pack for pack in read_packs() if pack.type == "rail"]
ACCOUNTS = (Source(SourceKind.BALANCE, "balance-1"), Source(SourceKind.DEBIT_CARD, "card-1"))
OUT_OF_THE_WAY: dict[str, Any] = {
    "max_attempts": 30,
    "retry_days": (3, 10, 35, 185),
    "due_day_attempts": 16,
    "partial_percent": 50,
    "retry_outcomes": frozenset(outcome for outcome in Outcome if outcome.is_failure),
    "notice_required": False,
    "notice_lead_days": 0,
}
"""The lender's own rules, so wide that the rail's decide."""


def policy_over(rail: Rail) -> Policy:
    return a_policy_over(rail, **OUT_OF_THE_WAY)


def last(outcome: Outcome, day: date, **changes: Any) -> LastAttempt:
    slot = f"{day}T08:00"
    return replace(LastAttempt(1, slot, at(f"{day} 08:00"), outcome, day, 101_500, mandate_id="m-1"), **changes)


def rows() -> Iterator[Instalment]:
    yield an_instalment()
    for number in (1, 2, 3, 4, 7, 14, 15, 16):
        yield attempted(Outcome.INSUFFICIENT, f"{DUE}T08:00", number, first_attempt_on=DUE)
    for outcome in (o for o in Outcome if o.is_failure):
        yield attempted(outcome, f"{DUE}T08:00", 1, first_attempt_on=DUE)
    for changes in ({"amount_minor": 50_000}, {"of_day": 2}, {"of_day": 7}, {"source": 1}):
        yield an_instalment(attempts=1, last_attempt=last(Outcome.INSUFFICIENT, DUE, **changes))


def instants() -> Iterator[datetime]:
    days = (-4, -3, -2, -1, *range(15), 30, 35, 36, 37, 185, 186)
    yield from (at(f"{DUE + timedelta(days=n)} 12:30") for n in days)
    yield from (at(f"{DUE} {clock}") for clock in ("00:15", "06:15", "08:30", "09:15", "10:15", "13:15", "21:45"))


def decisions(rail: Rail, lead_days: int) -> Iterator[object]:
    """What is rare comes first. `lead_days` are the pack's own, whatever the leaf was changed to."""
    policy = policy_over(rail)
    mandate = a_mandate(rail=rail.name, funding=ACCOUNTS)
    in_time = announced(DUE - timedelta(days=lead_days))
    for card in (None, *(DebitCard("b-1", failures=n) for n in (1, 2, 6, 7))):
        yield plan_debit(an_instalment(), a_loan(), mandate, in_time, policy, at(f"{DUE} 12:30"), debits=card)
    far = an_instalment(due_on=date(2028, 3, 7))
    yield plan_debit(far, a_loan(), mandate, announced(date(2028, 3, 1)), policy, at("2027-12-20 12:30"))
    for ahead in (8, 3651, 3650, 3649):
        early = an_instalment(due_on=DUE + timedelta(days=ahead))
        yield plan_pay_now(a_file(early), None, None, mandate, policy, at(f"{DUE} 12:30"), ALL_ON)
    for now in instants():
        for told in (None, in_time, announced(DUE - timedelta(days=30)), announced(DUE)):
            yield plan_debit(an_instalment(), a_loan(), mandate, told, policy, now)
        for row in rows():
            yield plan_debit(row, a_loan(), mandate, in_time, policy, now)
        yield plan_pay_now(a_file(), None, None, mandate, policy, now, ALL_ON)


@cache
def before(name: str) -> list[object]:
    rail = read_rail(next(pack for pack in PACKS if pack.id == name))
    return list(decisions(rail, rail.notice_lead_days))


CHANGES: dict[str, Callable[[Any], object]] = {
    "rail.zone": lambda _: "Asia/Tokyo",
    "rail.windows": lambda _: [["09:00", "09:30"]],
    "rail.settle_weekdays": lambda v: v[1:],
    "rail.closed_on": lambda v: [*v, DUE],
    "rail.calendar_until": lambda _: date(2026, 3, 8),
    "rail.retry_outcomes": lambda v: v[1:],
    "rail.notice_required": lambda v: not v,
    "rail.days_before_due": lambda v: v - 1,
    "rail.attempts_within_days": lambda v: 7 if v == "none" else v + 10,
}


def changed(path: str, value: Any) -> object:
    if path in CHANGES:
        return CHANGES[path](value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return 7 if value == "none" else [*value, "another"]


def decides_nothing(rail: Rail, path: str) -> bool:
    """Leaves that another leaf of the same pack makes idle."""
    match path:
        case "rail.zone":
            return not rail.windows
        case "rail.attempts_within_days":
            return rail.days_after_due is not None
        case "rail.partial":
            return rail.same_amount or rail.max_per_day == 1  # its one attempt of the day is the whole amount
        case "rail.notice_lead_days" | "rail.notice_valid_days":
            return not rail.notice_required
        case _:
            return False


LEAVES = [(pack, path) for pack in PACKS for path in pack.leaves if path.startswith("rail.")]


@pytest.mark.parametrize(("pack", "path"), LEAVES, ids=[f"{pack.id}-{path}" for pack, path in LEAVES])
def test_a_changed_leaf_changes_a_decision(pack: Pack, path: str) -> None:
    rail = read_rail(pack)
    other = read_rail(with_leaf(pack, path, changed(path, pack.leaves[path].value)))
    assert other != rail
    if path == "rail.retries_itself":
        return  # tests/unit/test_rails.py: refused when the policy is loaded
    now, then = decisions(other, rail.notice_lead_days), before(pack.id)
    differs = any(a != b for a, b in zip(now, then, strict=True))
    assert differs is not decides_nothing(rail, path)


@pytest.mark.parametrize(("pack", "path"), [(p, path) for p in PACKS for path in p.leaves if path.startswith("codes.")])
def test_a_code_that_moves_changes_what_an_answer_means(pack: Pack, path: str) -> None:
    codes = pack.leaves[path].value
    assert isinstance(codes, list)
    fewer = read_rail(with_leaf(pack, path, codes[1:]))
    assert fewer.outcome_of(codes[0]) is Outcome.UNKNOWN
    assert read_rail(pack).outcome_of(codes[0]) == path.removeprefix("codes.")


def with_leaf(pack: Pack, path: str, value: object) -> Pack:
    return replace(pack, leaves={**pack.leaves, path: Leaf(value, Kind.OWN_DESIGN, "a test")})
