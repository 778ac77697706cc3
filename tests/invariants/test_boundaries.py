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
from shared.invariants.rows import ChargeRow, EntryRow, Place, Snapshot
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
        by_hand = EntryRow("l-2", "manual", "r-9", 500, "CNY", date(2026, 3, 1), ((1, 500),))
        paid = book(("instalments", part("l-2", 1), {"paid_minor": 500}))
        assert breaches(replace(paid, entries=[*paid.entries, by_hand])) == []

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
        credit = book(("entries", lambda e: e.source == "gateway", {"split": ()}))
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
        changed = book(("instalments", part("l-4", 2), {"paid_minor": paid, "state": state}))
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
        late = {"kind": kind, "claimed_at": at("2026-03-10 12:00")}
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
            claimed_at = at(f"2026-03-09 {clock}", zone)
            found = names(book(("notices", told(tier, loan_id), {"claimed_at": claimed_at})))
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
            ("attempts", try_("l-3", 3), {"claimed_at": at("2026-04-08 20:00"), "presented": 2}),
            ("notices", told("OVERDUE_30", "l-2"), {"state": "claimed", "claimed_at": at("2026-04-08 20:00")}),
        )
        late = [breach.subject for breach in breaches(claimed, hours=hours) if breach.check == "answers-come"]
        assert late == (["b-1#OVERDUE_30#l-2#001#0", "l-3:P000003"] if wrong else [])


class TestOpenItems:
    SUSPENSE = Open("suspense", "SUSPENSE manual#r-2026-03-26", "7000 CNY booked on 2026-03-26")

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
