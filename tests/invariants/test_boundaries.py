"""Where each check begins to object: rows of the little book of `tests.cli.operating.lived`, one changed, in memory."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import shared.policies
from shared.invariants import checks
from shared.invariants.rows import (
    AccountRow,
    AttemptRow,
    ChargeRow,
    ClaimRow,
    DebitCardRow,
    EntryRow,
    HoldRow,
    MoneyRow,
    Place,
    RequestRow,
    Snapshot,
)
from shared.invariants.rules import RuleBook
from shared.invariants.terms import Breach, Open, Terms
from tests.cli.operating import lived
from tests.snapshots import rules, snapshot_of
from tests.unit.builders import at

PACKS = Path(shared.policies.__file__).parent
NIGHT = rules().end_of(date(2026, 4, 9))
NEXT_DAY = rules().end_of(date(2026, 4, 10))


@cache
def the_book() -> Snapshot:
    return snapshot_of(lived.town().store, lived.town().stub_books.charges())


def book(*changes: tuple[str, Callable[[Any], bool], dict[str, Any]]) -> Snapshot:
    """The clean book with other fields in the rows of a kind for which a condition holds."""
    made = the_book()
    lists: dict[str, Any] = {}
    for kind, which, fields in changes:
        rows = lists.get(kind, getattr(made, kind))
        assert any(which(row) for row in rows), (kind, fields)
        lists[kind] = [replace(row, **fields) if which(row) else row for row in rows]
    return Snapshot(**{kind: lists.get(kind, getattr(made, kind)) for kind in Snapshot.__dataclass_fields__})


def breaches(of: Snapshot, moment: datetime = lived.LAST_SLOT, hours: float = 24) -> list[Breach]:
    return list(checks.run(of, Terms(moment, rules(), timedelta(hours=hours))).breaches)


def names(of: Snapshot, moment: datetime = lived.LAST_SLOT, hours: float = 24) -> set[str]:
    return {breach.check for breach in breaches(of, moment, hours)}


def items(of: Snapshot, moment: datetime = lived.LAST_SLOT) -> list[Open]:
    return list(checks.run(of, Terms(moment, rules(), timedelta(hours=24))).open)


def documents() -> list[dict[str, Any]]:
    return [tomllib.loads(p.read_text(encoding="utf-8")) for p in sorted(PACKS.glob("*.toml"))]


def lender_without_notices() -> dict[str, Any]:
    lender = tomllib.loads((PACKS / "lender.toml").read_text(encoding="utf-8"))
    lender["debit"]["notice_required"]["value"] = False
    return lender


def loan(loan_id: str) -> Callable[[Any], bool]:
    return lambda row: bool(row.loan_id == loan_id)


def part(loan_id: str, number: int) -> Callable[[Any], bool]:
    return lambda row: bool(row.loan_id == loan_id and row.number == number)


def try_(loan_id: str, seq: int) -> Callable[[Any], bool]:
    return lambda row: bool(row.loan_id == loan_id and row.seq == seq)


def told(tier: str, loan_id: str, number: int = 1) -> Callable[[Any], bool]:
    key = f"{tier}#{loan_id}#{number:03d}#0"
    return lambda row: key in row.covers


def place(moment: str) -> Place:
    return Place(at(moment))


def quarantined(moment: str) -> Place:
    return Place(at(moment), quarantined=True)


def test_the_book_is_clean_in_memory_too() -> None:
    assert breaches(book()) == []
    assert breaches(book(), NEXT_DAY, hours=48) == []


class TestDebits:
    def test_an_attempt_may_ask_for_what_an_import_and_earlier_attempts_left(self) -> None:
        partly = EntryRow("l-2", "import", "p-1", 500, "CNY", date(2026, 3, 1), ((1, 500),))
        paid = book(("instalments", part("l-2", 1), {"paid_minor": 500}))
        paid = replace(paid, entries=[*paid.entries, partly])
        assert [breach.problem for breach in breaches(paid)] == ["for 101500, when 101000 was outstanding"] * 3
        lowered = [replace(row, amount_minor=101_000) if row.loan_id == "l-2" else row for row in paid.attempts]
        assert breaches(replace(paid, attempts=lowered)) == []

    def test_what_was_paid_by_hand_or_later_proves_nothing(self) -> None:
        by_hand = EntryRow("l-2", "transfer", "r-9", 500, "CNY", date(2026, 3, 1), ((1, 500),))
        paid = book(("instalments", part("l-2", 1), {"paid_minor": 500}))
        assert breaches(replace(paid, entries=[*paid.entries, by_hand])) == []

    def test_what_came_again_may_have_come_after_the_attempt(self) -> None:
        name = ("l-2", "gateway", "l-2:P000000:A01", 500, "CNY", date(2026, 3, 1), ((1, 500),))
        came = EntryRow(*name, kind="reinstatement", undoes="gateway#l-2:P000000")
        paid = book(("instalments", part("l-2", 1), {"paid_minor": 500}))
        (first,) = (row for row in the_book().attempts if row.loan_id == "l-1")
        refund = replace(first, loan_id="l-2", seq=0, refunds=9)
        found = names(replace(paid, entries=[*paid.entries, came], attempts=[refund, *paid.attempts]))
        assert "amounts-were-owed" not in found

    def test_an_attempt_after_one_that_paid_has_less_to_ask_for(self) -> None:
        """The instalment of l-1 was paid by attempt 1; an attempt 2 on it had nothing to ask for, attempt 0 had."""
        (first,) = (row for row in the_book().attempts if row.loan_id == "l-1")
        for seq, wrong in ((2, True), (0, False)):
            more = book()
            other = replace(first, seq=seq, slot="2026-03-10T12:00", outcome="insufficient")
            twice = replace(more, attempts=[*more.attempts, other])
            assert ("amounts-were-owed" in names(twice)) is wrong

    @pytest.mark.parametrize(
        ("amount", "wrong"), [(0, True), (-1, True), (1, False), (101_500, False), (101_501, True)]
    )
    def test_an_amount(self, amount: int, wrong: bool) -> None:
        found = names(book(("attempts", try_("l-2", 2), {"amount_minor": amount})))
        assert found == ({"amounts-were-owed"} if wrong else set())

    def test_an_amount_in_another_currency(self) -> None:
        assert names(book(("attempts", try_("l-2", 2), {"currency": "CZK"}))) == {"amounts-were-owed"}

    def test_more_attempts_than_the_rules_allow(self) -> None:
        (third,) = (row for row in the_book().attempts if row.loan_id == "l-2" and row.seq == 3)
        more = book(("instalments", part("l-2", 1), {"attempts": 4}))
        fourth = replace(third, seq=4, slot="2026-03-11T08:00", claimed_at=at("2026-03-11 08:00"))
        four = replace(more, attempts=[*more.attempts, fourth])
        assert [breach.problem for breach in breaches(four)] == ["4 attempts, 4 in this episode, 3 allowed"]
        void = replace(four, attempts=[*more.attempts, replace(fourth, outcome="void")])
        assert {b.problem for b in breaches(void)} == {
            "counts 4 attempts, 3 were made",
            "3 attempts, 4 in this episode, 3 allowed",
        }

    def test_an_episode_has_a_budget_of_its_own(self) -> None:
        of_episode = {"episode": 1, "attempts": 0}
        notices = {"covers": ("PRE_DEBIT#l-2#001#1", "PRE_DEBIT#l-1#001#0")}
        again = book(("instalments", part("l-2", 1), of_episode), ("notices", told("PRE_DEBIT", "l-2"), notices))
        assert "budget-is-kept" not in names(again)
        (third,) = (row for row in the_book().attempts if row.loan_id == "l-2" and row.seq == 3)
        more = [replace(third, seq=3 + n, slot=f"2026-03-1{n}T08:00") for n in range(1, 5)]
        assert "budget-is-kept" in names(replace(again, attempts=[*again.attempts, *more]))

    @pytest.mark.parametrize(
        ("slot", "claimed_at", "presented", "wrong"),
        [
            ("2026-03-10T12:00", "2026-03-10 12:00", 1, False),
            ("2026-03-10T12:00", "2026-03-10 11:59", 1, True),  # before its slot
            ("2026-03-10T12:00", "2026-03-11 12:00", 1, True),  # on another day
            ("2026-03-10T12:00", "2026-03-11 12:00", 2, False),  # presented again
            ("2026-03-10T12:00", "2026-03-10 21:59", 1, False),
            ("2026-03-10T12:00", "2026-03-10 22:00", 1, True),
            ("2026-03-11T12:00", "2026-03-12 07:59", 2, True),
            ("2026-03-10T13:00", "2026-03-10 13:00", 1, True),  # no slot of the rules
            ("2026-03-09T12:00", "2026-03-09 12:00", 1, True),  # before the due date
            ("2026-03-11T12:00", "2026-03-11 12:00", 1, False),  # a day that was missed, caught up
        ],
    )
    def test_the_hours_of_an_attempt(self, slot: str, claimed_at: str, presented: int, wrong: bool) -> None:
        changed = {"slot": slot, "claimed_at": at(claimed_at), "presented": presented}
        found = names(book(("attempts", try_("l-2", 2), changed)))
        assert ("debit-hours-are-kept" in found) is wrong

    def test_a_due_date_that_moved_is_not_held_against_earlier_attempts(self) -> None:
        moved = book(("instalments", part("l-2", 1), {"due_on": date(2026, 5, 1), "episode": 1}))
        assert "debit-hours-are-kept" not in names(moved)

    @pytest.mark.parametrize(("signed_on", "wrong"), [(date(2026, 3, 10), False), (date(2026, 3, 11), True)])
    def test_a_mandate_is_signed_by_the_day_of_the_attempt(self, signed_on: date, wrong: bool) -> None:
        found = names(book(("mandates", loan("l-2"), {"signed_on": signed_on})))
        assert found == ({"mandates-cover"} if wrong else set())

    @pytest.mark.parametrize(("ended_at", "wrong"), [("2026-03-10 12:00", False), ("2026-03-10 11:59", True)])
    def test_an_attempt_that_was_claimed_before_the_mandate_ended_stands(self, ended_at: str, wrong: bool) -> None:
        ended = book(
            ("attempts", try_("l-2", 3), {"outcome": "void"}),
            ("instalments", part("l-2", 1), {"attempts": 2}),
            ("attempts", try_("l-2", 1), {"outcome": "risk", "settled_at": at(ended_at)}),
            ("mandates", loan("l-2"), {"status": "suspended"}),
        )
        assert [b.subject for b in breaches(ended) if b.check == "mandates-cover"] == (
            ["l-2:P000002", "l-2:P000003"] if wrong else ["l-2:P000003"]
        )

    def test_an_answer_that_ends_a_mandate_and_is_not_settled_yet(self) -> None:
        pending = book(("attempts", try_("l-2", 1), {"outcome": "mandate-dead", "settled_at": None}))
        assert "mandates-cover" not in names(pending)

    @pytest.mark.parametrize(
        ("changed", "wrong"),
        [
            ({"business_date": date(2026, 3, 14)}, False),
            ({"business_date": date(2026, 3, 15)}, True),
            ({"amount_minor": 101_500}, False),
            ({"amount_minor": 101_499}, True),
            ({"state": "undeliverable"}, False),
            ({"state": "unknown"}, False),
            ({"state": "released"}, True),
        ],
    )
    def test_a_pre_debit_notice(self, changed: dict[str, Any], wrong: bool) -> None:
        found = names(book(("notices", told("PRE_DEBIT", "l-6"), changed)))
        assert found == ({"debits-were-announced"} if wrong else set())

    def test_a_notice_of_a_later_episode_announces_too(self) -> None:
        again = book(
            ("instalments", part("l-6", 1), {"episode": 1}),
            ("notices", told("PRE_DEBIT", "l-6"), {"covers": ("PRE_DEBIT#l-6#001#1",)}),
        )
        assert "debits-were-announced" not in names(again)

    def test_where_no_notice_is_required_none_is_missed(self) -> None:
        without = book(("notices", told("PRE_DEBIT", "l-6"), {"covers": ("PRE_DEBIT#l-6#001#9",)}))
        assert names(without) == {"debits-were-announced"}
        lenient = RuleBook([*(p for p in documents() if p["id"] != "lender"), lender_without_notices()])
        terms = Terms(lived.LAST_SLOT, lenient, timedelta(days=1))
        assert checks.run(without, terms).breaches == ()


class TestMoney:
    def test_money_in_suspense_counts_as_the_gateways(self) -> None:
        late = book(("attempts", try_("l-3", 3), {"state": "settled", "outcome": "void"}))
        assert "gateway-agrees" in names(late)
        entry = EntryRow("SUSPENSE", "gateway", "l-3:P000003", 101_500, "CNY", date(2026, 4, 9), ())
        assert "gateway-agrees" not in names(replace(late, entries=[*late.entries, entry]))
        twice = replace(late, entries=[*late.entries, entry, replace(entry, loan_id="l-3")])
        assert "gateway-agrees" in names(twice)

    def test_an_entry_without_a_charge(self) -> None:
        entry = EntryRow("SUSPENSE", "gateway", "l-9:P000001", 1, "CNY", date(2026, 4, 9), ())
        assert names(replace(book(), entries=[*the_book().entries, entry])) == {"gateway-agrees"}

    def test_an_entry_of_an_open_attempt_speaks_for_it(self) -> None:
        entry = EntryRow("SUSPENSE", "gateway", "l-3:P000003", 1, "CNY", date(2026, 4, 9), ())
        assert names(replace(book(), entries=[*the_book().entries, entry])) == {"gateway-agrees"}

    def test_a_charge_that_nobody_attempted(self) -> None:
        charges = [*(the_book().charges or []), ChargeRow("l-9:P000001", 1, "CNY")]
        assert names(replace(book(), charges=charges)) == {"gateway-agrees"}

    def test_money_that_found_nothing_to_pay_is_credit(self) -> None:
        credit = book(("entries", lambda e: e.source == "gateway", {"split": (), "parts": ()}))
        assert names(credit) == {"paid-is-booked"}

    @pytest.mark.parametrize(
        "changed",
        [
            {"external_id": "l-1:P000009"},
            {"amount_minor": 101_501},
            {"loan_id": "l-2"},
            {"split": ((2, 101_500),)},
        ],
    )
    def test_an_attempts_money_is_booked_for_it(self, changed: dict[str, Any]) -> None:
        found = names(book(("entries", lambda e: e.source == "gateway", changed)))
        assert "attempts-are-booked" in found

    def test_money_of_another_amount_stands_in_suspense_and_on_no_loan(self) -> None:
        held = {"loan_id": "SUSPENSE", "amount_minor": 101_499, "split": (), "parts": ()}
        assert "attempts-are-booked" not in names(book(("entries", lambda e: e.source == "gateway", held)))

    @pytest.mark.parametrize(
        ("paid", "state", "wrong"),
        [
            (-1, "open", True),
            (0, "open", False),
            (101_499, "open", False),
            (101_500, "open", True),
            (101_500, "paid", False),
            (101_500, "claimed", False),
            (101_501, "paid", True),
            (101_499, "paid", True),
        ],
    )
    def test_balances(self, paid: int, state: str, wrong: bool) -> None:
        interest = max(0, paid - 100_000)
        of_interest = {"paid_minor": paid, "interest_paid_minor": interest, "state": state}
        changed = book(("instalments", part("l-4", 2), of_interest))
        assert ("balances-hold" in names(changed)) is wrong

    def test_a_settled_loan_owes_nothing(self) -> None:
        assert "balances-hold" in names(book(("loans", loan("l-4"), {"status": "settled"})))

    @pytest.mark.parametrize(
        "changed",
        [
            {"split": ((1, 101_500), (1, 1))},
            {"split": ((1, 101_500), (2, 1))},
            {"split": ((1, 101_501), (2, -1))},
            {"split": ((1, 101_500), (1, 0))},
            {"split": ((1, 0),)},
            {"split": ((1, 200_001),)},
            {"currency": "CZK"},
            {"amount_minor": -1, "split": ()},
        ],
    )
    def test_a_ledger_entry(self, changed: dict[str, Any]) -> None:
        assert "ledger-is-sound" in names(book(("entries", loan("l-5"), changed)))

    def test_suspense_pays_nothing(self) -> None:
        assert "ledger-is-sound" in names(book(("entries", loan("SUSPENSE"), {"split": ((1, 1),)})))

    def test_an_instalment_in_another_currency_than_its_loan(self) -> None:
        assert names(book(("instalments", part("l-4", 2), {"currency": "CZK"}))) == {"ledger-is-sound"}

    @pytest.mark.parametrize("kind", ["escalations", "attempts", "entries"])
    def test_rows_of_a_loan_that_does_not_exist(self, kind: str) -> None:
        rows = [row for row in getattr(the_book(), kind) if row.loan_id == "l-2" or kind == "entries"]
        stray = replace(rows[0], loan_id="l-9")
        assert "rows-belong" in names(replace(book(), **{kind: [*getattr(the_book(), kind), stray]}))

    @pytest.mark.parametrize("kind", ["borrowers", "cards"])
    def test_a_loan_without_its_borrower(self, kind: str) -> None:
        without = replace(book(), **{kind: [row for row in getattr(the_book(), kind) if row.borrower_id != "b-2"]})
        assert "rows-belong" in names(without)

    @pytest.mark.parametrize("loan_ids", [("l-9",), ("l-1",)])
    def test_a_card_that_follows_a_loan_of_nobody_or_of_another(self, loan_ids: tuple[str, ...]) -> None:
        assert "rows-belong" in names(book(("cards", lambda c: c.borrower_id == "b-3", {"loan_ids": loan_ids})))

    def test_claims(self) -> None:
        (held,) = (row for row in the_book().attempts if row.is_open)
        double = replace(book(), attempts=[*the_book().attempts, replace(held, seq=4)])
        assert "claims-match" in names(double)
        stray = book(("attempts", try_("l-3", 3), {"numbers": (1, 9)}))
        assert "claims-match" in names(stray)


class TestContacts:
    @pytest.mark.parametrize("kind", ["remind", "pre-debit", "due", "failed", "overdue"])
    def test_whoever_paid_is_not_asked(self, kind: str) -> None:
        late = {"kind": kind, "claimed_at": at("2026-03-10 12:00"), "message_class": "receipt"}  # which no cap counts
        assert names(book(("notices", told("REMIND_7", "l-1"), late))) == {"nobody-asked-after-paying"}

    @pytest.mark.parametrize(
        "changed",
        [
            {"kind": "received"},
            {"kind": "settled"},
            {"state": "undeliverable"},
            {"state": "released"},
            {"claimed_at": at("2026-03-10 08:00")},  # the very instant
            {"covers": ("REMIND_7#l-1#001#1",)},  # another episode
            {"covers": ("REMIND_7#l-1#002#0",)},  # not paid yet
        ],
    )
    def test_this_is_no_asking_after_paying(self, changed: dict[str, Any]) -> None:
        late = {"claimed_at": at("2026-03-10 12:00")} | changed
        assert "nobody-asked-after-paying" not in names(book(("notices", told("REMIND_7", "l-1"), late)))

    def test_a_payment_by_hand_proves_nothing(self) -> None:
        late = {"claimed_at": at("2026-03-30 12:00")}
        assert names(book(("notices", told("REMIND_7", "l-6"), late))) == set()

    @pytest.mark.parametrize(
        ("clock", "wrong"), [("07:59", True), ("08:00", False), ("21:59", False), ("22:00", True), ("00:00", True)]
    )
    def test_contact_hours_are_the_borrowers(self, clock: str, wrong: bool) -> None:
        for tier, loan_id, zone in (("REMIND_7", "l-1", "Asia/Shanghai"), ("OVERDUE_7", "l-4", "America/Los_Angeles")):
            changed = {"claimed_at": at(f"2026-03-09 {clock}", zone), "kind": "received", "message_class": "receipt"}
            found = names(book(("notices", told(tier, loan_id), changed)))
            assert found == ({"contact-hours-are-kept"} if wrong else set())

    @pytest.mark.parametrize(("clock", "wrong"), [("08:59", True), ("09:00", False)])
    def test_what_is_no_outcome_waits_for_the_sending_hour(self, clock: str, wrong: bool) -> None:
        changed = {"claimed_at": at(f"2026-03-09 {clock}"), "message_class": "receipt"}
        found = names(book(("notices", told("REMIND_7", "l-1"), changed)))
        assert found == ({"contact-hours-are-kept"} if wrong else set())

    @pytest.mark.parametrize("state", ["released", "undeliverable"])
    def test_what_never_went_out_has_no_hours(self, state: str) -> None:
        night = {"claimed_at": at("2026-03-09 03:00"), "state": state}
        assert names(book(("notices", told("REMIND_7", "l-1"), night))) == set()

    @pytest.mark.parametrize(
        ("state", "wrong"), [("sent", True), ("unknown", True), ("undeliverable", True), ("released", False)]
    )
    def test_a_step_is_told_once(self, state: str, wrong: bool) -> None:
        twice = {"covers": ("OVERDUE_15#l-4#001#0",), "state": state}
        assert names(book(("notices", told("OVERDUE_7", "l-4"), twice))) == ({"told-once"} if wrong else set())

    @pytest.mark.parametrize(
        ("delivery", "wrong"), [(None, True), ("delivered", True), ("failed-for-now", True), ("failed-for-good", False)]
    )
    def test_what_certainly_never_arrived_may_be_told_again(self, delivery: str | None, wrong: bool) -> None:
        twice = {"covers": ("OVERDUE_15#l-4#001#0",), "delivery": delivery}
        assert names(book(("notices", told("OVERDUE_7", "l-4"), twice))) == ({"told-once"} if wrong else set())

    def test_no_rules_on_the_day_of_an_act(self) -> None:
        assert {b.subject for b in breaches(book(("loans", loan("l-2"), {"product": "nosuch"})))} >= {
            "l-2:P000001",
            "l-2 000#M1",
            "b-1#OVERDUE_1#l-2#001#0",
        }


class TestStages:
    LATER = place("2026-05-01 00:00")

    def test_a_stage_above_its_days_past_due(self) -> None:
        high = book(("escalations", loan("l-2"), {"key": "000#M2", "stage": "M2", "dpd": 31}))
        high = replace(high, loans=[replace(r, entered=("000#M2",)) if r.loan_id == "l-2" else r for r in high.loans])
        assert "stages-follow" not in names(high, NEXT_DAY, 48)  # 31 days past due then
        assert "stages-follow" in names(high)

    def test_a_cure_that_is_on_its_way_is_no_breach(self) -> None:
        cured = {"paid_minor": 101_500, "state": "paid"}
        on_its_way = book(
            ("instalments", part("l-2", 1), cured), ("loans", loan("l-2"), {"place": place("2026-04-09 20:00")})
        )
        assert "stages-follow" not in names(on_its_way)
        stuck = book(("instalments", part("l-2", 1), cured), ("loans", loan("l-2"), {"place": self.LATER}))
        assert "stages-follow" in names(stuck)
        held = book(
            ("instalments", part("l-2", 1), cured), ("loans", loan("l-2"), {"place": quarantined("2026-05-01 00:00")})
        )
        assert "stages-follow" not in names(held)

    def test_a_loan_of_which_nothing_is_unpaid_has_no_stage(self) -> None:
        entered = {"status": "open", "entered": ("000#M1",), "place": self.LATER}
        assert "stages-follow" in names(book(("loans", loan("l-6"), entered)))

    def test_a_stage_waits_for_its_notice(self) -> None:
        late = ("loans", loan("l-2"), {"place": self.LATER})
        assert "stages-follow" in names(book(late), NEXT_DAY, 48)
        untold = book(late, ("notices", told("OVERDUE_30", "l-2"), {"state": "released"}))
        assert "stages-follow" not in names(untold, NEXT_DAY, 48)
        just_told = book(late, ("notices", told("OVERDUE_30", "l-2"), {"business_date": date(2026, 4, 10)}))
        assert "stages-follow" not in names(just_told, NEXT_DAY, 48)

    @pytest.mark.parametrize(("hours", "wrong"), [(23, True), (25, False)])
    def test_how_long_the_stage_line_may_wait_for_its_notice_is_the_packs_to_say(self, hours: int, wrong: bool) -> None:
        slower = [
            {**p, "notice_wait_minutes": {"value": hours * 60}} if p["id"] == "lender" else p for p in documents()
        ]
        late = book(("loans", loan("l-2"), {"place": self.LATER}))
        found = checks.run(late, Terms(NEXT_DAY, RuleBook(slower), timedelta(hours=48))).breaches
        assert ("stages-follow" in {breach.check for breach in found}) is wrong

    @pytest.mark.parametrize(
        ("stops", "until", "wrong"),
        [
            ("escalation", None, False),
            ("escalation", date(2026, 4, 10), False),
            ("escalation", date(2026, 4, 9), True),
            ("debit", None, True),
        ],
    )
    def test_a_stage_waits_for_the_end_of_a_hold(self, stops: str, until: date | None, wrong: bool) -> None:
        held = HoldRow("dispute", frozenset({stops}), NEXT_DAY - timedelta(days=9), until)
        late = ("loans", loan("l-2"), {"place": self.LATER, "holds": (held,)})
        assert ("stages-follow" in names(book(late), NEXT_DAY, 48)) is wrong

    def test_a_loan_that_was_never_opened_has_no_stage_to_follow(self) -> None:
        late = {"place": self.LATER, "opened": False}
        assert "stages-follow" not in names(book(("loans", loan("l-2"), late)), NEXT_DAY, 48)

    @pytest.mark.parametrize(
        ("changed", "wrong"),
        [
            ({"left_on": date(2026, 3, 16)}, False),
            ({"left_on": date(2026, 3, 15)}, True),
            ({"left_on": None}, True),
            ({"stage": "M2"}, True),
            ({"dpd": 2}, True),
            ({"number": 2}, True),
            ({"key": "000#M2", "stage": "M2"}, True),
        ],
    )
    def test_an_escalation(self, changed: dict[str, Any], wrong: bool) -> None:
        assert ("escalations-stand" in names(book(("escalations", loan("l-6"), changed)))) is wrong

    def test_a_due_date_that_moved_does_not_change_what_was_past_due(self) -> None:
        moved = {"due_on": date(2026, 6, 1), "episode": 1}
        assert "escalations-stand" not in names(book(("instalments", part("l-6", 1), moved)))

    def test_stages_stand_in_order(self) -> None:
        wrong = book(("loans", loan("l-2"), {"entered": ("000#M1", "001#M1")}))
        assert any("out of order" in breach.problem for breach in breaches(wrong))

    @pytest.mark.parametrize(
        ("tier", "business_date", "wrong"),
        [
            ("OVERDUE_1", date(2026, 3, 16), False),
            ("OVERDUE_1", date(2026, 3, 17), True),
            ("OVERDUE_3", date(2026, 3, 16), False),
            ("OVERDUE_0", date(2026, 3, 16), True),
        ],
    )
    def test_a_stage_follows_its_notice(self, tier: str, business_date: date, wrong: bool) -> None:
        changed = {"covers": (f"{tier}#l-6#001#0",), "business_date": business_date}
        others = ("notices", lambda n: n.business_date > date(2026, 3, 16) and n.kind == "overdue", {"kind": "remind"})
        rows = book(("notices", told("OVERDUE_1", "l-6"), changed), others)
        rows = replace(
            rows,
            notices=[
                n for n in rows.notices if n.covers != ("OVERDUE_3#l-6#001#0",) or n.business_date == business_date
            ],
        )
        assert ("stages-were-told" in names(rows)) is wrong

    @pytest.mark.parametrize(
        ("claimed_at", "skew", "wrong"),
        [
            ("2026-03-17 00:00:02", 0, True),
            ("2026-03-17 00:00:02", 40, False),  # the stage's own clock was behind (seeds 976 and 1029)
            ("2026-03-17 00:00:40", 40, True),
        ],
    )
    def test_a_notice_of_midnight_by_another_clock(self, claimed_at: str, skew: int, wrong: bool) -> None:
        late = {"business_date": date(2026, 3, 17), "claimed_at": at(claimed_at)}
        rows = book(("notices", told("OVERDUE_1", "l-6"), late))
        rows = replace(rows, notices=[n for n in rows.notices if n.covers != ("OVERDUE_3#l-6#001#0",)])
        terms = Terms(lived.LAST_SLOT, rules(), timedelta(hours=24), timedelta(seconds=skew))
        found = {breach.check for breach in checks.run(rows, terms).breaches}
        assert ("stages-were-told" in found) is wrong


class TestLostWork:
    @pytest.mark.parametrize(
        ("changed", "wrong"),
        [
            ({}, True),
            ({"place": place("2026-04-10 08:00")}, False),
            ({"place": quarantined("2026-04-10 08:00")}, False),
            ({"state": "claimed"}, False),
            ({"blocked": True}, False),
            ({"attempts": 3}, False),
            ({"attempts": 2}, True),
            ({"last_outcome": "void"}, True),
            ({"last_outcome": "risk"}, True),
            ({"last_outcome": "mandate-dead"}, True),
            ({"last_outcome": "account-dead"}, True),
            ({"last_outcome": "insufficient"}, True),
            ({"last_outcome": "pending"}, False),
            ({"due_on": date(2026, 4, 7)}, True),  # announced today, debited tomorrow, the last day
            ({"due_on": date(2026, 4, 6)}, False),
            ({"paid_minor": 101_500}, False),
        ],
    )
    def test_an_instalment_that_may_be_debited(self, changed: dict[str, Any], wrong: bool) -> None:
        found = names(book(("instalments", part("l-1", 2), {"place": None} | changed)))
        assert ("nothing-is-lost" in found) is wrong

    def test_without_an_active_mandate_nothing_is_debited(self) -> None:
        off = book(("instalments", part("l-1", 2), {"place": None}), ("mandates", loan("l-1"), {"status": "suspended"}))
        assert "nothing-is-lost" not in names(off)

    @pytest.mark.parametrize(
        ("card", "lost"),
        [
            (DebitCardRow("b-1", 1, 0, None), True),
            (DebitCardRow("b-1", 2, 0, None), False),  # the limit, lowered to it
            (DebitCardRow("b-1", 0, 0, at("2026-03-01 12:00")), False),
        ],
    )
    def test_failures_over_all_loans_take_an_instalment_off_its_agenda(self, card: DebitCardRow, lost: bool) -> None:
        off = book(
            ("instalments", part("l-1", 2), {"place": None, "due_on": date(2026, 4, 20)}),  # its notice takes days
            ("mandates", loan("l-1"), {"rail": "ach-covered"}),
        )
        assert ("nothing-is-lost" in names(replace(off, debit_cards=[card]))) is lost

    def test_an_open_loan_is_on_its_agenda_and_on_a_card(self) -> None:
        assert "nothing-is-lost" in names(book(("loans", loan("l-1"), {"place": None})))
        assert "nothing-is-lost" not in names(book(("loans", loan("l-1"), {"place": None, "opened": False})))
        unfollowed = book(("cards", lambda c: c.borrower_id == "b-1", {"loan_ids": ("l-2",)}))
        assert [b.subject for b in breaches(unfollowed)] == ["l-1"]

    def test_a_repaid_loan_that_is_not_closed_yet_may_have_left_its_card(self) -> None:
        closing = {"status": "open", "place": place("2026-04-09 20:00")}
        assert "nothing-is-lost" not in names(book(("loans", loan("l-6"), closing)))

    def test_where_no_notice_is_required_the_last_day_to_debit_counts(self) -> None:
        last = book(("instalments", part("l-1", 2), {"place": None, "due_on": date(2026, 4, 6)}))
        assert "nothing-is-lost" not in names(last)
        lenient = RuleBook([*(p for p in documents() if p["id"] != "lender"), lender_without_notices()])
        found = checks.run(last, Terms(lived.LAST_SLOT, lenient, timedelta(days=1))).breaches
        assert [breach.subject for breach in found if breach.check == "nothing-is-lost"] == ["l-1#002"]

    def test_a_card_that_follows_no_loan_needs_no_agenda(self) -> None:
        assert "nothing-is-lost" not in names(book(("cards", lambda c: c.borrower_id == "b-3", {"place": None})))

    @pytest.mark.parametrize(("hours", "wrong"), [(24, False), (23.999, True)])
    def test_an_answer_has_a_limit(self, hours: float, wrong: bool) -> None:
        claimed = book(
            (
                "attempts",
                try_("l-3", 3),
                {"claimed_at": at("2026-04-08 20:00"), "first_claimed_at": at("2026-04-08 20:00"), "presented": 2},
            ),
            ("notices", told("OVERDUE_30", "l-2"), {"state": "claimed", "claimed_at": at("2026-04-08 20:00")}),
        )
        late = [breach.subject for breach in breaches(claimed, hours=hours) if breach.check == "answers-come"]
        assert late == (["b-1#OVERDUE_30#l-2#001#0", "l-3:P000003"] if wrong else [])


class TestOpenItems:
    SUSPENSE = Open("suspense", "SUSPENSE transfer#r-2026-03-26", "7000 CNY booked on 2026-03-26")

    def test_a_claim_is_simply_at_work_for_five_minutes(self) -> None:
        assert items(book(), lived.LAST_SLOT + timedelta(minutes=5)) == [self.SUSPENSE]
        assert items(book(), lived.LAST_SLOT + timedelta(minutes=5, seconds=1)) == [
            Open("attempt", "l-3:P000003", "unknown since 2026-04-09T12:00Z"),
            self.SUSPENSE,
        ]
        silent = book(("attempts", try_("l-3", 3), {"outcome": None, "state": "claimed"}))
        assert items(silent, NIGHT)[0].detail == "not answered since 2026-04-09T12:00Z"
        (breach,) = breaches(silent, NIGHT, hours=1)
        assert breach.problem == "claimed since 2026-04-09T12:00Z"

    def test_a_message_that_was_not_settled(self) -> None:
        def open_of(state: str, claimed_at: str) -> list[Open]:
            changed = {"state": state, "claimed_at": at(claimed_at)}
            return [
                item for item in items(book(("notices", told("OVERDUE_30", "l-2"), changed))) if item.kind == "message"
            ]

        key = "b-1#OVERDUE_30#l-2#001#0"
        assert open_of("claimed", "2026-04-09 19:55") == []
        assert open_of("claimed", "2026-04-09 19:54") == [
            Open("message", key, "claimed at 2026-04-09T11:54Z, not settled")
        ]
        assert open_of("unknown", "2026-03-09 12:00") == [
            Open("message", key, "perhaps sent at 2026-03-09T04:00Z; nobody sends it again")
        ]

    def test_what_is_quarantined_on_each_line(self) -> None:
        held = quarantined("2026-04-10 08:00")
        of = book(
            ("cards", lambda c: c.borrower_id == "b-1", {"place": held}),
            ("instalments", part("l-1", 2), {"place": held}),
            ("loans", loan("l-2"), {"place": held}),
        )
        assert [(item.subject, item.detail.split(" line")[0]) for item in items(of) if item.kind == "quarantine"] == [
            ("b-1", "failed on the contact"),
            ("l-1#002", "failed on the debit"),
            ("l-2", "failed on the stage"),
        ]

    def test_a_blocked_instalment(self) -> None:
        of = book(("instalments", part("l-1", 2), {"blocked": True}))
        assert [item.subject for item in items(of) if item.kind == "blocked"] == ["l-1#002"]

    def test_an_import_that_was_interrupted(self) -> None:
        """Its parts come before its loan, and its loan before its agenda."""
        assert [i.subject for i in items(book(("loans", loan("l-2"), {"opened": False}))) if i.kind == "import"] == [
            "l-2"
        ]
        parts = [replace(row, loan_id="l-9") for row in the_book().instalments if row.loan_id == "l-4"]
        unfinished = replace(book(), instalments=[*the_book().instalments, *parts])
        assert [item.subject for item in items(unfinished) if item.kind == "import"] == ["l-9"]
        settled = book(("loans", loan("l-5"), {"opened": False}))
        assert [item for item in items(settled) if item.kind == "import"] == []


def test_a_row_that_makes_no_sense_is_a_breach_and_not_a_crash() -> None:
    of = book(("notices", told("OVERDUE_7", "l-4"), {"covers": ("OVERDUE_7",)}))
    assert any("cannot be understood" in breach.problem for breach in breaches(of))


def payment(external_id: str, minor: int, **changes: Any) -> EntryRow:
    row = EntryRow("l-5", "transfer", external_id, minor, "CNY", date(2026, 3, 20), ())
    return replace(row, **changes)


def with_entries(*more: EntryRow) -> Snapshot:
    return replace(book(), entries=[*the_book().entries, *more])


class TestMoneyThatLeaves:
    @pytest.mark.parametrize(
        ("kind", "minor", "wrong"),
        [
            ("payment", 1, False),
            ("payment", -1, True),
            ("reversal", -1, False),
            ("chargeback", -1, False),
            ("refund", -1, False),
            ("reversal", 1, True),
            ("refund", 1, True),
            ("payment", 0, True),
        ],
    )
    def test_a_kind_has_its_sign(self, kind: str, minor: int, wrong: bool) -> None:
        of = with_entries(payment("r-9", 5), payment("r-9:R01", minor, kind=kind, undoes="transfer#r-9"))
        assert ("ledger-is-sound" in names(of)) is wrong

    @pytest.mark.parametrize(("taken", "wrong"), [((-5,), False), ((-6,), True), ((-2, -3), False), ((-2, -4), True)])
    def test_no_more_is_taken_back_than_came(self, taken: tuple[int, ...], wrong: bool) -> None:
        backs = [
            payment(f"r-9:R{n:02d}", minor, kind="reversal", undoes="transfer#r-9") for n, minor in enumerate(taken)
        ]
        assert ("taken-back-at-most" in names(with_entries(payment("r-9", 5), *backs))) is wrong

    @pytest.mark.parametrize(("again", "wrong"), [((5,), False), ((6,), True), ((2, 3), False), ((2, 4), True)])
    def test_no_more_comes_again_than_was_taken_back(self, again: tuple[int, ...], wrong: bool) -> None:
        taken = payment("r-9:R01", -5, kind="chargeback", undoes="transfer#r-9")
        won = [
            payment(f"r-9:R01:A{n:02d}", minor, kind="reinstatement", undoes="transfer#r-9:R01")
            for n, minor in enumerate(again)
        ]
        assert ("taken-back-at-most" in names(with_entries(payment("r-9", 5), taken, *won))) is wrong

    def test_what_waited_in_suspense_and_leaves_a_loan_is_one_money(self) -> None:
        """The gateway took 5 back of a charge; the entry in suspense is put straight by the loan's own."""
        key = "l-1:P000001"
        charges = [*(the_book().charges or []), ChargeRow(key, -5, "CNY")]
        waited = payment(f"{key}:webhook:e-1", -5, loan_id="SUSPENSE", source="gateway", kind="chargeback")
        name = f"{waited.external_id}:S01"
        out = replace(waited, external_id=name, amount_minor=5, kind="resolution", undoes=waited.name)
        off = replace(waited, loan_id="l-1", external_id=name, undoes=f"gateway#{key}")
        of = replace(with_entries(waited, out, off), charges=charges)
        assert not names(of) & {"taken-back-at-most", "gateway-agrees", "ledger-is-sound"}
        assert "gateway-agrees" in names(replace(of, charges=the_book().charges))

    def test_what_never_came_is_not_taken_back(self) -> None:
        assert "taken-back-at-most" in names(
            with_entries(payment("r-9:R01", -1, kind="reversal", undoes="transfer#r-9"))
        )

    def test_a_part_by_component_is_part_of_the_split(self) -> None:
        (row,) = (e for e in the_book().entries if e.loan_id == "l-1" and e.source == "gateway")
        assert row.parts
        other = [replace(e, parts=e.parts[:-1]) if e is row else e for e in the_book().entries]
        assert "ledger-is-sound" in names(replace(book(), entries=other))

    def test_a_row_s_components_are_those_of_the_ledger(self) -> None:
        paid = next(i for i in the_book().instalments if i.key == "l-1#001")
        assert paid.interest_paid_minor == 1_500
        moved = book(("instalments", part("l-1", 1), {"interest_paid_minor": 1_499}))
        assert {"paid-is-booked", "balances-hold"} >= names(moved) >= {"paid-is-booked"}

    @pytest.mark.parametrize(("minor", "loan_id", "wrong"), [(5, "l-5", False), (4, "l-5", True)])
    def test_what_leaves_suspense_arrives(self, minor: int, loan_id: str, wrong: bool) -> None:
        of = with_entries(
            payment("r-9", 5, loan_id="SUSPENSE"),
            payment("r-9:S01", -5, loan_id="SUSPENSE", kind="resolution", undoes="transfer#r-9"),
            payment("r-9:S01", minor, loan_id=loan_id, kind="resolution", undoes="transfer#r-9"),
        )
        assert ("taken-back-at-most" in names(of)) is wrong
        assert [item for item in items(of) if item.kind == "suspense"] == [TestOpenItems.SUSPENSE]

    def test_what_arrives_has_left_suspense(self) -> None:
        of = with_entries(payment("r-9:S01", 5, kind="resolution", undoes="transfer#r-9"))
        assert "taken-back-at-most" in names(of)

    @pytest.mark.parametrize(
        ("given_back", "state", "wrong"), [(101_500, "settled", False), (101_501, "claimed", True)]
    )
    def test_refunds_are_at_most_what_was_paid(self, given_back: int, state: str, wrong: bool) -> None:
        (paid,) = (row for row in the_book().attempts if row.loan_id == "l-1" and row.outcome == "paid")
        outcome = "paid" if state == "settled" else None
        back = replace(paid, seq=7, refunds=paid.seq, amount_minor=given_back, state=state, outcome=outcome)
        found = names(replace(book(), attempts=[*the_book().attempts, back]))
        assert ("taken-back-at-most" in found) is wrong

    @pytest.mark.parametrize(
        ("came", "given_back", "wrong"),
        [(120_000, 120_000, False), (120_000, 120_001, True), (90_000, 101_500, False), (90_000, 101_501, True)],
    )
    def test_money_of_another_amount_goes_back_whole(self, came: int, given_back: int, wrong: bool) -> None:
        """What the gateway took under the key of an attempt over 101,500, and what the attempt asked for: the more."""
        (asked,) = (row for row in the_book().attempts if row.loan_id == "l-1" and row.outcome == "paid")
        held = payment("l-1:P000008", came, loan_id="SUSPENSE", source="gateway")
        refused = replace(asked, seq=8, outcome="insufficient", amount_minor=101_500)
        back = replace(refused, seq=9, refunds=8, amount_minor=given_back, state="claimed", outcome=None)
        of = replace(with_entries(held), attempts=[*the_book().attempts, refused, back])
        assert ("taken-back-at-most" in names(of)) is wrong

    def test_what_no_attempt_took_is_not_given_back(self) -> None:
        (paid,) = (row for row in the_book().attempts if row.loan_id == "l-1" and row.outcome == "paid")
        back = replace(paid, seq=7, refunds=6, amount_minor=1, state="claimed", outcome=None)
        assert "taken-back-at-most" in names(replace(book(), attempts=[*the_book().attempts, back]))

    def test_money_is_where_its_mark_says(self) -> None:
        (transfer,) = (e for e in the_book().entries if e.loan_id == "l-5")
        mark = MoneyRow("transfer", transfer.external_id, "l-5")
        assert names(replace(book(), money=[mark])) == set()
        assert names(replace(book(), money=[replace(mark, loan_id="l-4")])) == {"booked-as-marked"}

    def test_a_transfer_stands_on_one_loan(self) -> None:
        of = with_entries(payment("r-9", 5), payment("r-9", 5, loan_id="SUSPENSE"))
        assert "booked-as-marked" in names(of)


class TestTheGatewaysBooks:
    def test_what_it_took_back_counts(self) -> None:
        back = ChargeRow("l-1:P000001", -500, "CNY")
        of = replace(book(), charges=[*(the_book().charges or []), back])
        assert names(of) == {"gateway-agrees"}
        untold = replace(of, charges=[*(the_book().charges or []), replace(back, untold=True)])
        assert "gateway-agrees" not in names(untold)

    def test_two_charges_of_one_key_are_two(self) -> None:
        (charge,) = (c for c in the_book().charges or [] if c.key == "l-1:P000001")
        twice = replace(book(), charges=[*(the_book().charges or []), charge], claims=[], requests=[])
        assert names(twice) == {"gateway-agrees", "charged-once"}

    def test_an_instalment_is_charged_once_but_for_what_contradicts(self) -> None:
        (first,) = (row for row in the_book().attempts if row.loan_id == "l-1")
        second = replace(first, seq=2, slot="2026-03-10T12:00", outcome="insufficient")
        more = ChargeRow("l-1:P000002", 1, "CNY")
        for charge, wrong in ((more, True), (replace(more, contradicts=True), False)):
            of = replace(
                book(),
                attempts=[*the_book().attempts, second],
                charges=[*(the_book().charges or []), charge],
                claims=[],
                requests=[],
            )
            assert ("charged-once" in names(of)) is wrong


class TestWhatWasSeen:
    """Claims and requests as a simulation sees them at the moment at which they are made."""

    def claim(self, **changes: Any) -> Snapshot:
        row = ClaimRow("l-1:P000001", at("2026-03-10 08:00"), 101_500, (), "active", mandate_expired=False)
        return replace(book(), claims=[replace(row, **changes)], requests=[])

    @pytest.mark.parametrize(
        ("changed", "wrong"),
        [
            ({}, False),
            ({"outstanding_minor": 101_499}, True),
            ({"open_others": ("l-1:P000009",)}, True),
            ({"mandate_status": "suspended"}, True),
            ({"mandate_status": None}, True),
            ({"mandate_expired": True}, True),
        ],
    )
    def test_a_claim(self, changed: dict[str, Any], wrong: bool) -> None:
        assert names(self.claim(**changed)) == ({"claims-were-free"} if wrong else set())

    @pytest.mark.parametrize(
        ("presented", "times", "other", "wrong"),
        [(1, 1, False, False), (1, 2, False, True), (2, 2, False, False), (None, 1, False, True), (2, 2, True, True)],
    )
    def test_a_request(self, presented: int | None, times: int, other: bool, wrong: bool) -> None:
        row = RequestRow("l-1:P000001", (101_500, "paid-1"), at("2026-03-10 08:00"), presented)
        sent = [row] * times
        if other:
            sent[-1] = replace(row, parameters=(101_499, "paid-1"))
        found = names(replace(book(), claims=[], requests=sent))
        assert found == ({"requests-were-claimed"} if wrong else set())

    def test_where_nobody_watched_nothing_is_said_of_it(self) -> None:
        ran = {result.check.name for result in checks.run(book(), Terms(NIGHT, rules(), timedelta(hours=24))).results}
        assert not ran & {check.name for check in checks.WATCHED}


class TestRails:
    """`l-2` failed three times on 10 March; on other rails than the stub's that would have been too often."""

    def on(self, rail: str, *changes: tuple[str, Callable[[Any], bool], dict[str, Any]]) -> set[str]:
        moved = {"rail": rail}
        found = breaches(book(("attempts", loan("l-2"), moved), ("mandates", loan("l-2"), moved), *changes))
        return {breach.problem for breach in found if breach.check in ("budget-is-kept", "debit-hours-are-kept")}

    def test_the_stub_sets_no_limit(self) -> None:
        assert self.on("stub") == set()

    def test_one_a_day(self) -> None:
        assert "3 attempts on 2026-03-10, wechat takes 1" in self.on("wechat")

    def test_two_for_an_instalment(self) -> None:
        assert "3 attempts, 3 in this episode, 2 allowed" in self.on("card-cpa-uk")

    def test_what_was_not_the_borrower_s_failure_does_not_count(self) -> None:
        ours = ("attempts", try_("l-2", 3), {"outcome": "config"})
        fewer = ("instalments", part("l-2", 1), {"attempts": 2})
        assert self.on("card-cpa-uk", ours, fewer) == set()

    def test_the_same_amount_again(self) -> None:
        lower = ("attempts", try_("l-2", 3), {"amount_minor": 101_499})
        said = "bacs repeats one amount: 101500 failed, 101499 was asked for"
        assert said in self.on("bacs", lower)
        between = ("attempts", try_("l-2", 2), {"numbers": (1, 2)})
        assert said in self.on("bacs", lower, between)  # an order over several that failed as well
        came = ("attempts", try_("l-2", 2), {"numbers": (1, 2), "outcome": "paid"})
        assert said not in self.on("bacs", lower, came)

    @pytest.mark.parametrize(("last", "wrong"), [("2026-04-09", False), ("2026-04-10", True)])
    def test_days_since_the_first(self, last: str, wrong: bool) -> None:
        late = ("attempts", try_("l-2", 3), {"slot": f"{last}T20:00", "claimed_at": at(f"{last} 20:00")})
        found = self.on("bacs", late)
        assert any("days after the first" in problem for problem in found) is wrong

    def test_hours(self) -> None:
        found = self.on("upi")  # takes none from 10:00 to 13:00 and from 17:00 to 21:30 of its own time
        assert any("when upi takes none" in problem for problem in found)

    def test_days_without_settlement(self) -> None:
        saturday = {"slot": "2026-03-14T12:00", "claimed_at": at("2026-03-14 12:00")}
        found = self.on("bacs", ("attempts", try_("l-2", 2), saturday))
        assert "on 2026-03-14, when bacs does not settle" in found

    def test_whoever_orders_a_debit_himself_has_no_slot(self) -> None:
        ordered = {"owner": "borrower", "slot": "2026-03-10T09:17", "claimed_at": at("2026-03-10 09:17")}
        assert self.on("stub", ("attempts", try_("l-2", 2), ordered)) == set()

    def test_one_try_in_a_slot_for_each_account_and_amount(self) -> None:
        again = {"slot": "2026-03-10T08:00", "claimed_at": at("2026-03-10 08:20")}
        assert "2 attempts in slot 2026-03-10T08:00" in self.on("stub", ("attempts", try_("l-2", 2), again))
        lower = again | {"amount_minor": 50_000}
        assert self.on("stub", ("attempts", try_("l-2", 2), lower)) == set()


class TestFailuresInARow:
    """Two in a row over all loans of a borrower, on the rail of US loans that are covered by the rule."""

    def tries(self, *outcomes: str | None, agreed: str | None = None) -> set[str]:
        rows = [
            self.row("l-2", n + 1, f"2026-03-1{n} 08:00", f"2026-03-1{n} 09:00", outcome)
            for n, outcome in enumerate(outcomes)
        ]
        return self.judged(*rows, agreed=agreed)

    def row(self, loan_id: str, seq: int, claimed: str, settled: str, outcome: str | None) -> AttemptRow:
        (first,) = (row for row in the_book().attempts if row.loan_id == "l-2" and row.seq == 1)
        return replace(
            first,
            loan_id=loan_id,
            seq=seq,
            mandate_id={"l-1": "m-1", "l-2": "m-l-2"}[loan_id],
            rail="ach-covered",
            reserves=True,
            outcome=outcome,
            state="settled" if outcome else "claimed",
            claimed_at=at(claimed),
            settled_at=at(settled) if outcome else None,
        )

    def judged(self, *rows: AttemptRow, agreed: str | None = None, skew: int = 0) -> set[str]:
        mandate = {"rail": "ach-covered", "agreed_at": at(agreed) if agreed else None}
        changed = book(("mandates", loan("l-2"), mandate))
        others = [row for row in the_book().attempts if row.loan_id not in ("l-1", "l-2")]
        card = DebitCardRow("b-1", 0, sum(row.outcome is None for row in rows), None)
        of = replace(changed, attempts=[*others, *rows], debit_cards=[card])
        terms = Terms(lived.LAST_SLOT, rules(), timedelta(hours=24), timedelta(seconds=skew))
        return {breach.subject for breach in checks.run(of, terms).breaches if breach.check == "failures-stop"}

    def test_none_after_the_second(self) -> None:
        assert self.tries("insufficient", "limit") == set()
        assert self.tries("insufficient", "limit", None) == {"l-2:P000003"}

    def test_money_begins_anew_and_what_was_not_his_failure_changes_nothing(self) -> None:
        assert self.tries("insufficient", "paid", "limit", None) == set()
        assert self.tries("insufficient", "config", "limit", None) == {"l-2:P000004"}

    def test_a_newer_authorisation_allows_more(self) -> None:
        assert self.tries("insufficient", "limit", None, agreed="2026-03-11 12:00") == set()
        assert self.tries("insufficient", "limit", None, agreed="2026-03-11 08:30") == {"l-2:P000003"}

    def test_failures_after_a_newer_authorisation_stop_again(self) -> None:
        again = ("insufficient", "limit", "limit", "insufficient", None)
        assert self.tries(*again[:3], None, agreed="2026-03-11 12:00") == set()
        assert self.tries(*again, agreed="2026-03-11 12:00") == {"l-2:P000005"}

    def test_money_after_the_second_does_not_lift_the_stop(self) -> None:
        assert self.tries("insufficient", "limit", "paid", None) == {"l-2:P000003", "l-2:P000004"}

    def test_an_attempt_does_not_come_after_its_own_answer(self) -> None:
        first = self.row("l-2", 1, "2026-03-10 08:00:00", "2026-03-10 08:00:01", "insufficient")
        second = self.row("l-2", 2, "2026-03-11 08:00:09", "2026-03-11 08:00:01", "insufficient")
        assert self.judged(first, second) == set()

    def test_numbers_of_one_loan_tell_what_came_first_whatever_the_clocks_say(self) -> None:
        first = self.row("l-2", 1, "2026-03-10 08:00:00", "2026-03-10 08:00:01", "insufficient")
        void = self.row("l-2", 2, "2026-03-11 08:00:09", "2026-03-11 08:00:09", "void")
        second = self.row("l-2", 3, "2026-03-11 08:00:00", "2026-03-11 08:00:01", "insufficient")
        third = self.row("l-2", 4, "2026-03-11 08:00:00", "", None)
        assert self.judged(first, void, second) == set()
        assert self.judged(first, void, second, third, skew=40) == {"l-2:P000004"}

    @pytest.mark.parametrize(("claimed", "wrong"), [("08:00:41", False), ("08:00:42", True)])
    def test_between_loans_only_what_is_further_apart_than_clocks(self, claimed: str, wrong: bool) -> None:
        first = self.row("l-2", 1, "2026-03-10 08:00:00", "2026-03-10 08:00:01", "insufficient")
        second = self.row("l-2", 2, "2026-03-11 08:00:00", "2026-03-11 08:00:01", "insufficient")
        other = self.row("l-1", 1, f"2026-03-11 {claimed}", "", None)
        assert (self.judged(first, second, other, skew=40) == {other.key}) is wrong
        assert self.judged(first, second, other) == {other.key}

    @pytest.mark.parametrize(("came", "wrong"), [("08:00:41", False), ("08:00:42", True)])
    def test_money_that_clocks_leave_open_came_between_two_failures(self, came: str, wrong: bool) -> None:
        first = self.row("l-2", 1, "2026-03-10 08:00:00", "2026-03-10 08:00:01", "insufficient")
        money = self.row("l-1", 1, "2026-03-11 08:00:00", f"2026-03-11 {came}", "paid")
        second = self.row("l-2", 2, "2026-03-11 08:00:00", "2026-03-11 08:00:01", "insufficient")
        third = self.row("l-2", 3, "2026-03-11 12:00:00", "", None)
        assert (self.judged(first, money, second, third, skew=40) == {third.key}) is wrong
        assert self.judged(first, money, second, third) == {third.key}

    def test_a_place_for_each_open_debit(self) -> None:
        card = DebitCardRow("b-3", 0, 1, None)
        assert names(replace(book(), debit_cards=[card])) == {"failures-stop"}
        assert names(replace(book(), debit_cards=[replace(card, open=0)])) == set()


class TestMandates:
    @pytest.mark.parametrize(("since", "wrong"), [("2026-03-10 07:54", True), ("2026-03-10 07:55", False)])
    def test_one_that_was_not_active_any_more(self, since: str, wrong: bool) -> None:
        changed = {"status": "cancelled", "since": at(since)}
        later = book(
            ("mandates", loan("l-2"), changed), ("attempts", loan("l-2"), {"claimed_at": at("2026-03-10 08:00")})
        )
        assert ("mandates-cover" in names(later)) is wrong

    @pytest.mark.parametrize(
        ("since", "status", "skew", "wrong"),
        [
            ("2026-03-10 07:59:59", "active", 0, True),
            ("2026-03-10 08:00:00", "active", 0, True),
            ("2026-03-10 08:00:01", "active", 0, False),
            ("2026-03-10 07:59:20", "active", 40, True),
            ("2026-03-10 07:59:21", "active", 40, False),
            ("2026-03-10 08:00:00", "suspended", 40, True),  # the answer's own change
            (None, "active", 40, True),
        ],
    )
    def test_one_that_an_answer_ended_is_lifted_after_it(
        self, since: str | None, status: str, skew: int, wrong: bool
    ) -> None:
        """A change that clocks leave open came after the answer."""
        lifted = {"status": status, "since": at(since) if since else None}
        of = book(
            ("attempts", try_("l-2", 1), {"outcome": "account-dead", "settled_at": at("2026-03-10 08:00:00")}),
            ("mandates", loan("l-2"), lifted),
        )
        terms = Terms(lived.LAST_SLOT, rules(), timedelta(hours=24), timedelta(seconds=skew))
        found = {b.subject: b.problem for b in checks.run(of, terms).breaches if b.check == "mandates-cover"}
        assert ("had ended mandate m-l-2 with account-dead" in found.get("l-2:P000002", "")) is wrong

    @pytest.mark.parametrize(("expires_on", "wrong"), [(date(2026, 3, 10), False), (date(2026, 3, 9), True)])
    def test_its_last_day(self, expires_on: date, wrong: bool) -> None:
        assert ("mandates-cover" in names(book(("mandates", loan("l-2"), {"expires_on": expires_on})))) is wrong

    def test_every_account_of_its_order(self) -> None:
        order = (AccountRow("balance", "one"), AccountRow("debit-card", "two"))
        for account, wrong in (("one", False), ("two", False), ("three", True)):
            of = book(
                ("mandates", loan("l-2"), {"funding": order}), ("attempts", loan("l-2"), {"account_ref": account})
            )
            assert ("mandates-cover" in names(of)) is wrong

    @pytest.mark.parametrize(("claimed", "wrong"), [("10:00", False), ("12:00", False), ("12:06", True)])
    def test_an_attempt_from_before_the_accounts_were_named_anew_stands(self, claimed: str, wrong: bool) -> None:
        named = {"funding": (AccountRow("balance", "new"),), "since": at("2026-03-12 12:00")}
        of = book(
            ("mandates", loan("l-2"), named),
            ("attempts", loan("l-2"), {"account_ref": "new"}),
            ("attempts", try_("l-2", 1), {"account_ref": "old", "claimed_at": at(f"2026-03-12 {claimed}")}),
        )
        found = {b.subject for b in breaches(of) if b.check == "mandates-cover"}
        assert ("l-2:P000001" in found) is wrong


def test_what_stands_in_front_of_a_person_has_no_limit_and_what_is_pending_a_longer_one() -> None:
    def late(**changes: Any) -> bool:
        old = {"claimed_at": at("2026-03-25 20:00"), "first_claimed_at": at("2026-03-25 20:00"), "presented": 2}
        return "answers-come" in names(book(("attempts", try_("l-3", 3), old | changes)))

    assert late()
    assert not late(stuck="the key may be forgotten")
    assert late(outcome="pending")
    assert not late(outcome="pending", first_claimed_at=at("2026-03-26 20:00"))


def test_a_debit_may_be_announced_anew_on_another_day() -> None:
    (row,) = (n for n in the_book().notices if told("PRE_DEBIT", "l-6")(n))
    for day, wrong in ((row.business_date, True), (row.business_date + timedelta(days=1), False)):
        again = replace(row, notice_key="PRE_DEBIT#again", business_date=day, provider_ref="M9999")
        assert ("told-once" in names(replace(book(), notices=[*the_book().notices, again]))) is wrong
