"""What had to be done in the quiet days, and what explains that it was not."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from shared.adapters.memory.book import MemoryBook
from shared.cli.rules import read_documents
from shared.cli.simulate import world as read_world
from shared.domain import keys
from shared.domain.book import Attempt, AuditEntry, MandateStatus, NoticeRecord, NoticeState, Source, SourceKind
from shared.domain.changes import Insert
from shared.domain.consent import Bar, BarredBy
from shared.domain.contact_rules import Channel, MessageClass, Stops
from shared.domain.holds import Hold
from shared.domain.money import Money
from shared.domain.switches import ALL_ON, DEBIT, Switches
from shared.invariants.rules import RailRules, RuleBook
from shared.ports.portfolio import Imported, ImportedRow
from shared.simulation.eras import World
from shared.simulation.liveness import ARREARS, DEBITS, DUE_DAYS, JUDGED, QuietDays, Work
from shared.simulation.series import Task, first_caught, run
from tests.snapshots import rules
from tests.unit.builders import a_borrower, a_card, a_loan, a_mandate, an_instalment, at

SINCE = at("2026-03-10 00:00")
NOW = SINCE + timedelta(days=8)
SEEDS = range(4)
LOANS, DAYS = 10, 20


@cache
def world() -> World:
    return read_world()


def lived(
    due_on: date = date(2026, 3, 14),
    borrower: dict[str, Any] | None = None,
    card: dict[str, Any] | None = None,
    loan: dict[str, Any] | None = None,
    instalment: dict[str, Any] | None = None,
    mandate: dict[str, Any] | None = None,
) -> MemoryBook:
    """A book with one instalment, and with a mandate where its fields are given."""
    store = MemoryBook()
    rows: list[ImportedRow] = [
        a_borrower(**borrower or {}),
        replace(a_card(), **card or {}),
        an_instalment(due_on=due_on, **instalment or {}),
        *([] if mandate is None else [a_mandate(**mandate)]),
        a_loan(**loan or {}),
    ]
    store.write([Imported(row, "") for row in rows])
    return store


def tried(store: MemoryBook) -> None:
    store.commit(
        [
            Insert(
                Attempt(
                    *("l-1", 1, (1,), Money(101_500, "CNY"), "m-1", "stub", "balance-1", "2026-03-14T08:00"),
                    claimed_at=at("2026-03-14 08:00"),
                    policy_version="v",
                )
            )
        ]
    )


def told(store: MemoryBook, tier: str, on: str, state: NoticeState = NoticeState.SENT, number: int = 1) -> None:
    key = keys.tier_key(tier, "l-1", number, 0)
    kind, day = tier.partition("_")[0].lower(), at(f"{on} 10:00")
    row = NoticeRecord("b-1", key, kind, (key,), Money(1, "CNY"), "sms", day.date(), day, "v", state)
    store.commit([Insert(replace(row, message_class=MessageClass.COLLECTION))])


def judged(store: MemoryBook, kind: str, board: Switches = ALL_ON, now: datetime = NOW) -> list[Work]:
    return [work for work in QuietDays(store, rules(), board, SINCE, now).work() if work.kind == kind]


def breached(store: MemoryBook, kind: str) -> list[str]:
    return [work.breach.check for work in judged(store, kind) if work.breach]


# debits


def test_an_instalment_that_nobody_presented_is_missed() -> None:
    store = lived(mandate={})
    assert breached(store, DEBITS) == ["debits-arrive"]
    tried(store)
    assert [work.problem for work in judged(store, DEBITS)] == [None]


_BAR = Bar(Channel.SMS, "a", BarredBy.DEAD, SINCE, frozenset({MessageClass.COLLECTION}))
_DEAD = (Source(SourceKind.BALANCE, "a", is_dead=True), Source(SourceKind.CREDIT_CARD, "b"))


@pytest.mark.parametrize(
    "explained",
    [
        {"due_on": date(2026, 3, 30)},
        {"due_on": date(2026, 3, 8)},  # no day is left after a notice that went once the noise was over
        {"due_on": date(2026, 3, 18)},  # the day is not over
        {"borrower": {"phone": None}},
        {"borrower": {"time_zone": "America/New_York", "other_zones": ("Asia/Urumqi", "Asia/Tokyo")}},
        {"borrower": {"country": "ZZ"}},
        {"card": {"bars": (_BAR,)}},
        {"loan": {"holds": (Hold("h", "dispute", frozenset({Stops.DEBIT}), SINCE),)}},
        {"instalment": {"blocked": True}},
        {"instalment": {"episode": 1}},
        {"instalment": {"paid_minor": 101_500}},
        {"mandate": {"status": MandateStatus.SUSPENDED}},
        {"mandate": {"since": SINCE + timedelta(days=1)}},
        {"mandate": {"expires_on": date(2026, 3, 15)}},
        {"mandate": {"funding": _DEAD}},
        {"mandate": {"rail": "bacs"}},  # its notice takes longer than these days last
    ],
)
def test_what_may_explain_it_is_not_judged(explained: dict[str, Any]) -> None:
    assert judged(lived(**{"mandate": {}, **explained}), DEBITS) == []


def test_a_mandate_that_took_over_in_these_days_is_not_judged() -> None:
    store = lived(mandate={})
    newer = a_mandate(mandate_id="m-2", signed_on=date(2026, 1, 1), expires_on=date(2026, 3, 15))
    store.write([Imported(newer, "")])
    assert judged(store, DEBITS) == []


class _AtShortNotice(RuleBook):
    def rail(self, name: str, day: date) -> RailRules | None:
        found = super().rail(name, day)
        return replace(found, notice_lead_days=0) if found else None


def test_a_rail_whose_rule_spans_loans_is_not_judged() -> None:
    """What the borrower's other loans did may stop it, however short its notice is."""
    packs = _AtShortNotice(read_documents())
    for rail, number in {"ach-covered": 0, "ach": 1}.items():
        days = QuietDays(lived(mandate={"rail": rail}), packs, ALL_ON, SINCE, NOW)
        assert sum(work.kind == DEBITS for work in days.work()) == number


def test_nothing_is_judged_while_anything_is_off_or_after_a_hold() -> None:
    store = lived(mandate={})
    assert judged(store, DEBITS, ALL_ON.turned(DEBIT, on=False)) == []
    store.commit([Insert(AuditEntry("l-1", "r", SINCE, "op-1", "hold.added", "asked"))])
    assert judged(store, DEBITS) == []


# messages


def test_who_is_late_is_told_of_the_last_step_that_he_reached() -> None:
    store = lived(due_on=date(2026, 3, 1))  # 12 days late five days before the end
    assert breached(store, ARREARS) == ["notices-arrive"]
    told(store, "OVERDUE_3", "2026-03-05")
    assert breached(store, ARREARS) == ["notices-arrive"]
    told(store, "OVERDUE_7", "2026-03-11", NoticeState.UNDELIVERABLE)
    assert breached(store, ARREARS) == ["notices-arrive"]
    told(store, "OVERDUE_15", "2026-03-16")
    assert breached(store, ARREARS) == []


def test_of_the_time_of_the_faults_a_try_is_enough() -> None:
    store = lived(due_on=date(2026, 3, 1))
    told(store, "OVERDUE_7", "2026-03-09", NoticeState.UNDELIVERABLE)
    assert breached(store, ARREARS) == []


def test_who_has_not_reached_a_step_or_has_paid_is_not_judged() -> None:
    assert judged(lived(due_on=date(2026, 3, 13)), ARREARS) == []
    assert judged(lived(due_on=date(2026, 3, 1), instalment={"paid_minor": 101_500}), ARREARS) == []


def test_the_due_day_is_told_where_nothing_debits() -> None:
    store = lived()
    assert breached(store, DUE_DAYS) == ["notices-arrive"]
    told(store, "DUE", "2026-03-14")
    assert [work.problem for work in judged(store, DUE_DAYS)] == [None]
    assert judged(lived(mandate={}), DUE_DAYS) == []


@pytest.mark.parametrize(
    ("others", "number"),
    [(("2026-03-14",), 1), (("2026-03-07", "2026-03-08", "2026-03-09", "2026-03-10"), 1), (("2026-03-13",), 0)],
)
def test_a_cap_may_keep_the_due_day_back(others: tuple[str, ...], number: int) -> None:
    """One message on the day or four in the week before it do; one of the day before does not, but abroad."""
    store = lived()
    for place, day in enumerate(others):
        told(store, "REMIND_1", day, number=place + 2)
    assert len(judged(store, DUE_DAYS)) == 1 - number
    abroad = lived(borrower={"time_zone": "Europe/Prague"})
    told(abroad, "REMIND_1", others[-1], number=2)
    assert judged(abroad, DUE_DAYS) == [] or len(others) > 1


# whole lives


def test_lives_ask_for_work_of_each_kind_and_all_of_it_is_done() -> None:
    results = [run(Task(seed, LOANS, DAYS), world()) for seed in SEEDS]
    counts = sum((result.counts for result in results), Counter[str]())
    assert [result.breaches for result in results] == [()] * len(results)
    assert [kind for kind in JUDGED if not counts[kind]] == []


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("debit-always-deferred", "debits-arrive"),
        ("announcements-never-sent", "debits-arrive"),
        ("due-day-not-told", "notices-arrive"),
        ("late-told-for-stages-alone", "notices-arrive"),
    ],
)
def test_lines_that_move_and_do_nothing_are_noticed(name: str, check: str) -> None:
    caught = first_caught(name, SEEDS, world(), LOANS, DAYS)
    assert caught.breach.partition(":")[0] == check


def test_no_check_asks_the_rules_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A count that asked the planner would find what the planner finds."""

    def asked(*_: object, **__: object) -> None:
        raise AssertionError("the planner was asked")

    planners: list[tuple[str, str]] = [
        ("shared.domain.debit", "plan_debit"),
        ("shared.domain.debit_days", "debit_day"),
        ("shared.domain.contact", "plan_contact"),
        ("shared.domain.steps", "step_of"),
    ]
    for module, name in planners:
        monkeypatch.setattr(f"{module}.{name}", asked)
    found: Callable[[str], list[Work]] = lambda kind: judged(lived(mandate={}), kind)  # noqa: E731
    assert len(found(DEBITS)) == 1
