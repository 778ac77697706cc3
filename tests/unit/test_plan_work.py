"""Planning: hints for what is due, room in the queues, and what a dry run tells."""

from dataclasses import replace
from datetime import date

import pytest

from shared.adapters.memory.world import MemoryQueue, MemorySwitches
from shared.domain.book import Line
from shared.domain.errors import EventError, StoreError
from shared.domain.request import ByHand
from shared.domain.switches import NEVER_WRITTEN, Switches
from shared.workflows.plan_work import Preview
from tests.unit.builders import a_borrower, a_loan, a_mandate, an_instalment, at
from tests.unit.town import Town


def town_of(loans: int) -> Town:
    town = Town(account="paid-1")
    for number in range(2, loans + 1):
        loan_id, borrower_id = f"l-{number}", f"b-{number}"
        town.take_on(
            a_borrower(borrower_id=borrower_id),
            a_loan(loan_id=loan_id, borrower_id=borrower_id),
            [an_instalment(loan_id=loan_id)],
            a_mandate(loan_id=loan_id),
        )
    town.clock.set(at("2026-03-10 08:00"))
    return town


def test_everything_due_is_hinted_at_and_stays_on_its_agenda() -> None:
    town = town_of(45)
    assert town.planner().plan("run") == {Line.CONTACT: 45, Line.DEBIT: 45, Line.STAGE: 45}
    assert town.queue.depth(Line.DEBIT) == 3
    assert town.planner().plan("run")[Line.DEBIT] == 45


def test_a_queue_is_topped_up_only_to_what_its_workers_clear() -> None:
    town = town_of(45)
    assert town.planner(capacity=2).plan("run")[Line.STAGE] == 40
    assert town.planner(capacity=2).plan("run")[Line.STAGE] == 0
    town.queue.receive(Line.STAGE)
    assert town.planner(capacity=2).plan("run")[Line.STAGE] == 20


def test_what_is_not_due_is_not_hinted_at() -> None:
    town = town_of(2)
    town.pass_now()
    town.clock.set(at("2026-03-10 08:01"))
    assert set(town.planner().plan("run").values()) == {0}


def test_a_line_whose_queue_does_not_answer_stops_no_other() -> None:
    class Silent(MemoryQueue):
        def depth(self, line: Line) -> int:
            if line is Line.CONTACT:
                raise StoreError("sqs: ServiceUnavailable")
            return super().depth(line)

    town = town_of(2)
    queue = Silent()
    with pytest.raises(StoreError, match="ServiceUnavailable"):
        replace(town.planner(), queue=queue).plan("run")
    assert {line: queue.depth(line) for line in (Line.DEBIT, Line.STAGE)} == {Line.DEBIT: 1, Line.STAGE: 1}


def ask(town: Town, **changes: object) -> Preview:
    fields: dict[str, object] = {"line": Line.CONTACT, "loan_ids": ("l-1",), "business_date": None}
    answer = town.planner().by_hand(ByHand(**(fields | changes)), "by hand")  # type: ignore[arg-type]
    assert isinstance(answer, Preview)
    return answer


@pytest.mark.parametrize(
    ("line", "on", "decision", "reason", "key"),
    [
        (Line.CONTACT, date(2026, 3, 3), "act", "REMINDER_DUE", "b-1"),
        (Line.CONTACT, date(2026, 3, 12), "act", "PRE_DEBIT_NOTICE_DUE", "b-1"),
        (Line.CONTACT, date(2026, 3, 1), "defer", "NOTHING_DUE", "b-1"),
        (Line.DEBIT, date(2026, 3, 10), "defer", "NOTICE_NOT_SENT", "l-1#001"),
        (Line.DEBIT, date(2026, 3, 20), "drop", "CATCH_UP_OVER", "l-1#001"),
        (Line.STAGE, date(2026, 3, 11), "defer", "NOTICE_NOT_SENT", "l-1"),
    ],
)
def test_a_dry_run_tells_the_decision_of_a_day_with_its_reason(
    line: Line, on: date, decision: str, reason: str, key: str
) -> None:
    town = Town(account="paid-1", start="2026-02-20 12:00")
    found = ask(town, line=line, business_date=on).decisions
    assert [(f.key, f.decision, f.reason) for f in found] == [(key, decision, reason)]


def test_a_dry_run_changes_nothing() -> None:
    town = town_of(3)
    rows = [town.store.loan_file("l-1"), town.store.borrower_file("b-1")]
    ask(town)
    ask(town, line=Line.DEBIT)
    assert rows == [town.store.loan_file("l-1"), town.store.borrower_file("b-1")]
    assert (town.inbox.sent, town.stub.presented, town.queue.depth(Line.CONTACT)) == ([], [], 0)


def test_a_dry_run_of_all_is_paged_and_tells_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.workflows.plan_work.PAGE", 10)
    town = town_of(25)
    seen: list[str] = []
    after = None
    for _ in range(5):
        page = ask(town, loan_ids=None, line=Line.STAGE, after=after)
        seen += [f.key for f in page.decisions]
        after = page.after
        if after is None:
            break
    assert sorted(seen) == sorted({f"l-{n}" for n in range(1, 26)})
    named = tuple(f"l-{n}" for n in range(1, 26))
    first = ask(town, loan_ids=named, line=Line.STAGE)
    assert len(first.decisions) == 10
    assert len(ask(town, loan_ids=named, line=Line.STAGE, after="20").decisions) == 5


def test_a_live_run_by_hand_hints_at_named_loans_whatever_their_agenda_says() -> None:
    town = town_of(3)
    town.pass_now()
    asked = ByHand(Line.DEBIT, ("l-2",), None, dry_run=False)
    assert town.planner().by_hand(asked, "by hand") == {Line.DEBIT: 1}
    everything = ByHand(Line.STAGE, None, date(2026, 3, 10), dry_run=False)
    assert town.planner().by_hand(everything, "by hand") == {Line.STAGE: 3}


def test_a_live_run_for_another_day_is_refused() -> None:
    town = town_of(1)
    with pytest.raises(EventError, match="2026-03-10"):
        town.planner().by_hand(ByHand(Line.DEBIT, None, date(2026, 3, 9), dry_run=False), "by hand")


def test_an_unknown_loan_is_named() -> None:
    with pytest.raises(EventError, match="l-77"):
        ask(town_of(1), loan_ids=("l-77",))


def test_while_all_debiting_is_off_the_debit_line_gets_no_hints_and_keeps_its_rows() -> None:
    town = town_of(3)
    town.switches = MemorySwitches(Switches(on=True, off=frozenset({"debit"})))
    rows = town.store.loan_file("l-1")
    hints = town.planner().plan("test")
    assert (hints[Line.DEBIT], town.queue.depth(Line.DEBIT)) == (0, 0)
    assert (hints[Line.CONTACT], hints[Line.STAGE]) == (3, 3)
    assert town.planner().held() == {Line.DEBIT}
    assert town.store.loan_file("l-1") == rows
    town.switches = MemorySwitches(Switches(on=True, off=frozenset({"rail:stub"})))
    assert town.planner().plan("test")[Line.DEBIT] == 3
    assert town.planner().held() == frozenset()


def test_a_board_that_was_never_written_holds_the_debit_line() -> None:
    town = town_of(1)
    town.switches = MemorySwitches(NEVER_WRITTEN)
    assert town.planner().plan("test")[Line.DEBIT] == 0
