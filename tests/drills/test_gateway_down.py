"""What of a day without a gateway counts as a guess, and which message about a failed debit as a false alarm."""

from dataclasses import replace

import pytest

from drills.expected import Charge
from drills.gateway_down import Outage, false_alarms, guessed
from drills.lab import Outcome
from shared.domain.book import Outcome as Answer
from tests.demo.small import RECORDS, at, attempt, notice

MORNING, NOON = "L-1:P000001", "L-1:P000002"
ALARM = ["FAILED#L-1#001#0 about L-1#1"]
PAID_SINCE = Charge(NOON, 10_100, "paid")


def alarms(*charges: Charge, hour: int = 9, number: int = 1) -> list[str]:
    """What is told of one message at an hour of a day on which the lender holds two debits for declined."""
    told = replace(notice("B-1", f"FAILED#L-1#00{number}#0", "failed", 10), claimed_at=at(10, hour))
    attempts = (attempt(1, 8, Answer.INSUFFICIENT), attempt(2, 12, Answer.INSUFFICIENT))
    return false_alarms(Outcome(replace(RECORDS, notices=(told,), attempts=attempts), list(charges), {}, []))


@pytest.mark.parametrize("code", ["insufficient", "limit", "closed", "mandate_dead", "account_dead", "risk"])
def test_what_the_gateway_declined_may_be_told(code: str) -> None:
    assert alarms(Charge(MORNING, 0, code), PAID_SINCE) == []


@pytest.mark.parametrize(
    "books",
    [
        (),  # it never saw the debit that the lender settled on a guess
        (Charge(MORNING, 10_100, "paid"),),
        (Charge(MORNING, 0, "waiting"),),
        (Charge(MORNING, 0, "no code of its rail"),),
    ],
)
def test_what_only_the_lender_holds_for_declined_is_a_false_alarm(books: tuple[Charge, ...]) -> None:
    assert alarms(*books) == ALARM


@pytest.mark.parametrize(("hour", "told"), [(11, ALARM), (12, []), (13, [])])
def test_a_decline_that_comes_after_the_message_makes_it_no_truer(hour: int, told: list[str]) -> None:
    assert alarms(Charge(NOON, 0, "insufficient"), hour=hour) == told


def test_the_first_decline_is_the_one_that_counts() -> None:
    assert alarms(Charge(MORNING, 0, "insufficient"), Charge(NOON, 0, "insufficient")) == []


def test_a_decline_is_that_of_its_own_instalments() -> None:
    assert alarms(Charge(MORNING, 0, "insufficient"), number=2) == ["FAILED#L-1#002#0 about L-1#2"]


@pytest.mark.parametrize(
    ("in_the_evening", "told"),
    [
        ({MORNING: "unknown", NOON: "unknown"}, []),
        ({MORNING: "unknown", NOON: "unknown", "L-2:P000009": "pending"}, []),  # of another day
        ({NOON: "unknown"}, [f"{MORNING} is settled"]),
        ({MORNING: "unknown", NOON: "claimed"}, [f"{NOON} is claimed"]),
    ],
)
def test_whatever_went_out_without_an_answer_is_unknown_in_the_evening(
    in_the_evening: dict[str, str], told: list[str]
) -> None:
    status = {"attempts": [{"key": key, "state": state} for key, state in in_the_evening.items()]}

    assert guessed(Outage("stub", unheard=[MORNING], unseen=[NOON, NOON]), status) == told
