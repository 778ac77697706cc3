"""What the witness of failures in a row objects to: the order of the commits decides, whatever their stamps say."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.world import FixedClock
from shared.domain.book import Attempt, AttemptState, Evidence, MandateStatus, Outcome
from shared.domain.changes import Insert, SaveAttempt, SaveMandate
from shared.domain.money import Money
from shared.ports.portfolio import Imported
from shared.simulation.failures import FailuresInRow
from tests.snapshots import rules
from tests.unit.builders import a_loan, a_mandate, at

NOON = at("2026-03-10 12:00")


def two_loans() -> FailuresInRow:
    book = MemoryBook()
    book.write([Imported(a_loan(loan_id=loan_id), "") for loan_id in ("l-1", "l-2")])
    return FailuresInRow(book, FixedClock(NOON), rules())


@dataclass
class Life:
    """Two loans of one borrower; every stamp is the same, as of clocks that tell nothing."""

    witness: FailuresInRow = field(default_factory=two_loans)
    seqs: int = 0
    breached: list[str] = field(default_factory=list)

    def claims(self, loan_id: str = "l-1", rail: str = "ach-covered") -> Attempt:
        self.seqs += 1
        made = Attempt(
            *(loan_id, self.seqs, (1,), Money(100, "USD"), "m-1", rail, "a-1", "2026-03-10T12:00"),
            claimed_at=NOON,
            policy_version="v",
        )
        self.breached += [breach.subject for breach in self.witness.saw([Insert(made)])]
        return made

    def claims_again(self, attempt: Attempt) -> None:
        self.breached += [breach.subject for breach in self.witness.saw([SaveAttempt(attempt, was_presented=1)])]

    def answers(self, attempt: Attempt, outcome: Outcome) -> None:
        done = replace(attempt, state=AttemptState.SETTLED, outcome=outcome, settled_at=NOON)
        assert list(self.witness.saw([SaveAttempt(done, was_presented=1)])) == []

    def tries(self, *outcomes: Outcome, loan_id: str = "l-1", rail: str = "ach-covered") -> None:
        for outcome in outcomes:
            self.answers(self.claims(loan_id, rail), outcome)

    def waits(self, seconds: int) -> None:
        self.witness.clock.advance(timedelta(seconds=seconds))

    def authorises(self, word: int, status: MandateStatus = MandateStatus.ACTIVE) -> None:
        said = Evidence("1", "h", NOON + timedelta(minutes=word), "app")
        assert list(self.witness.saw([SaveMandate(a_mandate(evidence=said, status=status), 0)])) == []


def test_nothing_is_claimed_after_the_second_over_all_loans() -> None:
    life = Life()
    life.tries(Outcome.INSUFFICIENT, Outcome.CONFIG)
    life.tries(Outcome.LIMIT, loan_id="l-2")
    assert life.breached == []
    life.claims("l-1")
    life.claims("l-2")
    assert life.breached == ["l-1:P000004", "l-2:P000005"]


def test_a_claim_before_the_last_answer_is_none_after_it_until_it_is_made_again() -> None:
    life = Life()
    life.tries(Outcome.INSUFFICIENT)
    last, beside = life.claims(), life.claims()
    life.answers(last, Outcome.INSUFFICIENT)
    assert life.breached == []
    life.claims_again(beside)
    assert life.breached == ["l-1:P000003"]


def test_money_begins_anew_before_the_limit_and_lifts_nothing_after_it() -> None:
    life = Life()
    life.tries(Outcome.INSUFFICIENT, Outcome.PAID, Outcome.LIMIT)
    pending = life.claims()
    life.tries(Outcome.INSUFFICIENT)
    life.answers(pending, Outcome.PAID)
    assert life.breached == []
    life.claims()
    assert life.breached == ["l-1:P000006"]


def test_an_answer_that_is_written_again_is_one_failure() -> None:
    life = Life()
    once = life.claims()
    life.answers(once, Outcome.INSUFFICIENT)
    life.answers(once, Outcome.INSUFFICIENT)
    life.claims()
    assert life.breached == []


@pytest.mark.parametrize(("before", "wrong"), [(40, False), (41, True)])
def test_a_word_before_the_last_failure_lets_debit_only_where_clocks_may_have_turned_them_round(
    before: int, wrong: bool
) -> None:
    life = Life()
    life.tries(Outcome.INSUFFICIENT)
    life.authorises(1)
    life.waits(before)
    life.tries(Outcome.INSUFFICIENT)
    life.claims()
    assert (life.breached == ["l-1:P000003"]) is wrong


def test_only_the_borrower_s_own_word_lets_debit_and_only_under_its_mandate() -> None:
    life = Life()
    life.authorises(1)
    life.waits(60)
    life.tries(Outcome.INSUFFICIENT, Outcome.INSUFFICIENT)
    life.authorises(1)  # a suspension that is lifted leaves his word of before
    life.authorises(2, MandateStatus.CANCELLED)
    life.claims()
    assert life.breached == ["l-1:P000003"]
    life.authorises(3)
    life.claims()
    assert life.breached == ["l-1:P000003"]
    life.claims("l-2")
    assert life.breached == ["l-1:P000003", "l-2:P000005"]


def test_failures_after_a_newer_word_stop_again() -> None:
    life = Life()
    life.tries(Outcome.INSUFFICIENT, Outcome.INSUFFICIENT)
    life.authorises(1)
    life.waits(60)
    life.tries(Outcome.INSUFFICIENT, Outcome.INSUFFICIENT)
    assert life.breached == []
    life.claims()
    assert life.breached == ["l-1:P000005"]


def test_no_rule_spans_loans_on_another_rail() -> None:
    life = Life()
    life.tries(Outcome.INSUFFICIENT, Outcome.INSUFFICIENT, Outcome.INSUFFICIENT, rail="stub")
    assert life.breached == []
