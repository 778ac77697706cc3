"""Rewinding: the facts of an instant, made of what was written since, give the decisions that were taken then."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shared.domain import keys
from shared.domain.as_of import Past, as_of
from shared.domain.book import Line, MandateStatus, NoticeState, Outcome
from shared.domain.calendar import business_date
from shared.domain.changes import SaveReceipt
from shared.domain.contact_rules import Stops
from shared.domain.decision import Decision
from shared.domain.errors import InputError
from shared.domain.history import History, LoanHistory
from shared.domain.hold_orders import HoldAdd, HoldEnd
from shared.domain.past_mandates import mandates_before
from shared.ports.messages import What
from shared.ports.world import SendResult
from shared.workflows.contact_facts import ContactFacts
from shared.workflows.debit_facts import DebitFacts
from shared.workflows.decisions import decision_for
from shared.workflows.facts import policy_or_none
from shared.workflows.set_holds import Holds
from shared.workflows.stage_facts import StageFacts
from tests.unit.builders import SHANGHAI, a_loan, a_mandate, an_instalment, at
from tests.unit.town import SLOTS, Town


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision that was taken: where the line's worker stood, and what it said."""

    line: Line
    unit: str
    at: datetime
    decision: Decision[Any]


def history_of(town: Town) -> History:
    owner = town.store.borrower_file("b-1")
    assert owner is not None
    return History(owner.borrower, owner.card, (loan_of(town),), tuple(town.store.notices("b-1")))


def loan_of(town: Town) -> LoanHistory:
    file = town.store.loan_file("l-1", whole=True)
    assert file is not None
    book = town.store
    return LoanHistory(
        file,
        tuple(book.attempts("l-1")),
        tuple(book.entries("l-1")),
        tuple(book.escalations("l-1")),
        tuple(book.audit("l-1")),
    )


def decided_again(town: Town, past: Past, taken: Taken) -> Decision[Any]:
    """The same decision, on the facts as they stood."""
    now, file, borrower = taken.at, past.files["l-1"], contact_of(town).file.borrower
    policy = policy_or_none(town.shelf, "jiebei", now, borrower.country)
    assert policy is not None
    match taken.line:
        case Line.CONTACT:
            facts = replace(contact_of(town), loans=(file,), policies={"jiebei": policy})
            return replace(facts, file=replace(facts.file, card=past.card)).decide(now)
        case Line.DEBIT:
            row = file.instalment(keys.parse_debit_key(taken.unit)[1])
            assert row is not None
            told = past.card.told.get(keys.told_key("l-1", row.number, row.episode))
            return DebitFacts(file, row, told, policy, borrower.payday).decide(now)
        case Line.STAGE:
            oldest = file.oldest_unpaid
            told = past.card.told.get(keys.told_key("l-1", oldest.number, oldest.episode)) if oldest else None
            return StageFacts(file, told, policy).decide(now)


def contact_of(town: Town) -> ContactFacts:
    owner = town.store.borrower_file("b-1")
    assert owner is not None
    return ContactFacts(owner, (), {})


def live_and_note(town: Town, days: Sequence[str], events: dict[str, Any]) -> list[Taken]:
    """Lives through days, with something done after the last slot of some of them; what each line would decide is noted
    at every slot, before anything is done at it. The stage line's day begins with its first slot: later on the same day
    its own rows say no hour."""
    taken: list[Taken] = []
    for day in days:
        for slot in SLOTS:
            town.clock.set(at(f"{day} {slot}"))
            taken += noted(town, first=slot == SLOTS[0])
            town.pass_now()
        if day in events:
            town.clock.set(at(f"{day} 23:00"))
            events[day](town)
    return taken


def noted(town: Town, *, first: bool) -> list[Taken]:
    file = town.store.loan_file("l-1")
    assert file is not None
    units = [(Line.CONTACT, "b-1"), *((Line.DEBIT, keys.debit_key("l-1", i.number)) for i in file.instalments)]
    if first:
        units.append((Line.STAGE, "l-1"))
    now = town.clock.now()
    return [Taken(line, unit, now, decision_for(line, town.store, town.shelf, unit, now)) for line, unit in units]


def assert_same(town: Town, taken: Sequence[Taken]) -> None:
    """The same decision; of the stage line alone another one, on the day after the last money: when the loan was closed
    is not kept, and that is said."""
    history = history_of(town)
    for one in taken:
        past = as_of(history, one.at, SHANGHAI)
        again = decided_again(town, past, one)
        if one.line is not Line.STAGE or not any("was repaid the day before" in doubt for doubt in past.doubts):
            assert (one.line, one.unit, one.at, again) == (one.line, one.unit, one.at, one.decision)


def days(first: str, count: int) -> list[str]:
    start = date.fromisoformat(first)
    return [date.fromordinal(start.toordinal() + n).isoformat() for n in range(count)]


def repay(amount: str) -> Any:
    return lambda town: town.repay(amount, f"r-{town.clock.now():%Y%m%d}")


def hold(code: str) -> Any:
    """Sets a hold, where the loan is still open."""

    def act(town: Town) -> None:
        with suppress(InputError):
            Holds(town.book, town.shelf, town.clock).add(HoldAdd(code, "l-1", None, None, "t"), "arn:a")

    return act


def end_holds(town: Town) -> None:
    for one in town.loan().holds:
        Holds(town.book, town.shelf, town.clock).end(HoldEnd("l-1", one.hold_id, "t"), "arn:a")


EVENTS = [repay("1015.00"), repay("300.00"), repay("2030.00"), hold("dispute"), hold("complaint"), end_holds]
ACCOUNTS = ["paid-1", "insufficient-1", "balance-1", "mandate-dead-1", "account-dead-1", "risk-1", None]


@settings(max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # a life takes long: no shrinking
@given(
    st.sampled_from(ACCOUNTS),
    st.dictionaries(st.integers(0, 44), st.sampled_from(EVENTS), max_size=4),
)
def test_rewinding_to_any_instant_gives_the_decisions_that_were_taken_then(
    account: str | None, events: dict[int, Any]
) -> None:
    lived = days("2026-03-01", 46)
    town = Town(an_instalment(), an_instalment(number=2, due_on=date(2026, 4, 10)), account=account)
    assert_same(town, live_and_note(town, lived, {lived[n]: event for n, event in events.items()}))


@pytest.mark.parametrize("account", ["insufficient-1", "mandate-dead-1", None])
def test_a_life_through_stages_and_a_cure_is_rewound(account: str | None) -> None:
    lived = days("2026-03-01", 75)
    events = {"2026-04-20": repay("1015.00"), "2026-05-05": hold("dispute"), "2026-05-09": end_holds}
    town = Town(an_instalment(), an_instalment(number=2, due_on=date(2026, 4, 10)), account=account)
    assert_same(town, live_and_note(town, lived, events))


def test_what_keeps_no_hour_is_said() -> None:
    town = Town(account=None)
    town.live_through("2026-03-01", "2026-03-11")
    town.repay("300.00", "r-1")
    history = history_of(town)
    past = as_of(history, at("2026-03-11 20:00"), SHANGHAI)
    assert past.doubts == (
        "transfer#r-1 is counted from the next day on: its hour is not kept",
        "stage M1 of this day is counted from the next day on",
    )
    assert as_of(history, at("2026-03-10 20:00"), SHANGHAI).doubts == ()


def test_an_attempt_that_was_on_its_way_had_its_instalment_claimed() -> None:
    town = Town()
    town.live_through("2026-03-01", "2026-03-10")
    history = history_of(town)
    (attempt,) = history.loans[0].attempts
    late = replace(attempt, settled_at=at("2026-03-10 09:00"))
    history = replace(history, loans=(replace(history.loans[0], attempts=(late,)),))
    row = row_of(as_of(history, at("2026-03-10 08:30"), SHANGHAI))
    assert (row.state, row.paid_minor, row.attempts) == ("claimed", 0, 1)
    row = row_of(as_of(history, at("2026-03-10 09:30"), SHANGHAI))
    assert (row.state, row.paid_minor, row.paid_by) == ("paid", 101_500, 1)


def row_of(past: Past) -> Any:
    return past.files["l-1"].instalment(1)


def test_holds_are_those_that_the_audit_says() -> None:
    town = Town()
    town.clock.set(at("2026-03-02 10:00"))
    hold("dispute")(town)
    town.clock.set(at("2026-03-04 10:00"))
    end_holds(town)
    history = history_of(town)
    stood = {
        text: [sorted(h.stops) for h in as_of(history, at(text), SHANGHAI).files["l-1"].loan.holds]
        for text in ("2026-03-02 10:00", "2026-03-02 10:01", "2026-03-04 10:00", "2026-03-04 10:01")
    }
    stops = [[Stops.CONTACT, Stops.DEBIT, Stops.ESCALATION]]
    assert stood == {
        "2026-03-02 10:00": [],
        "2026-03-02 10:01": stops,
        "2026-03-04 10:00": stops,
        "2026-03-04 10:01": [],
    }


def test_a_mandate_that_an_answer_ended_was_active_before_it() -> None:
    town = Town(account="mandate-dead-1")
    town.live_through("2026-03-01", "2026-03-12")
    (attempt,) = town.attempts()
    assert (attempt.outcome, town.store.loan_file("l-1").mandates[0].status) == (Outcome.MANDATE_DEAD, "revoked")  # type: ignore[union-attr]
    settled_at = attempt.settled_at
    assert settled_at is not None
    mandates = loan_of(town).file.mandates
    before = mandates_before(mandates, [], [attempt], settled_at)
    assert [m.status for m in before] == [MandateStatus.ACTIVE]
    assert mandates_before(mandates, [], [attempt], at("2026-03-12 10:00")) == mandates


@pytest.mark.parametrize(("answer", "counted"), [(SendResult.UNKNOWN, 1), (SendResult.REFUSED, 0)])
def test_a_message_that_failed_on_its_way_was_a_contact_and_one_that_never_left_was_none(
    answer: SendResult, counted: int
) -> None:
    town = Town(an_instalment(), account=None)
    town.clock.set(at("2026-03-10 12:00"))
    town.inbox.script(answer)
    town.work(Line.CONTACT, ["b-1"])
    (notice,) = town.notices()
    if answer is SendResult.UNKNOWN:
        failed = replace(notice, state=NoticeState.UNDELIVERABLE, delivery=What.FAILED_FOR_NOW)
        assert town.store.commit([SaveReceipt(failed, None)])
    past = as_of(history_of(town), at("2026-03-10 13:00"), SHANGHAI)
    assert len(past.card.contacts) == len(history_of(town).card.contacts) == counted


def test_a_rewound_loan_keeps_what_never_changes() -> None:
    town = Town()
    town.live_through("2026-03-01", "2026-03-10")
    past = as_of(history_of(town), at("2026-03-01 00:00"), SHANGHAI)
    loan = past.files["l-1"].loan
    assert (loan.loan_id, loan.principal_minor, loan.entered) == ("l-1", a_loan().principal_minor, ())
    assert past.files["l-1"].mandates == (a_mandate(account_ref="paid-1"),)
    assert business_date(at("2026-03-01 00:00"), SHANGHAI) == date(2026, 3, 1)
    assert (past.card.told, past.card.contacts) == ({}, ())
