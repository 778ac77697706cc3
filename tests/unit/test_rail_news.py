"""A rail's word on a mandate, as the queue of repayments hands it on: twice, late, in any order, and of nobody."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.adapters.memory.book import MemoryBook
from shared.domain import keys
from shared.domain.book import MandateStatus
from shared.domain.errors import BookError, EventError
from shared.domain.mandate_requests import Changed, RailWord
from shared.domain.mandates import Purpose
from shared.ports.portfolio import Imported
from shared.runtime.repayment_events import repayment
from tests.unit.builders import a_loan, a_mandate, an_instalment
from tests.unit.office import NOW, Office, an_office

S = MandateStatus
EARLIER = NOW - timedelta(hours=3)
BODY = {
    "v": 1,
    "kind": "mandate",
    "event_id": "e-1",
    "loan_id": "l-1",
    "mandate_id": "m-1",
    "status": "revoked",
    "at": "2026-03-11T23:00:00Z",
}


def word(status: MandateStatus = S.REVOKED, at: datetime = EARLIER, **changes: Any) -> RailWord:
    return replace(RailWord("e-1", "l-1", "m-1", status, at), **changes)


def hear(office: Office, *words: RailWord) -> list[dict[str, int]]:
    return [dict(office.rail.work(one).counts) for one in words]


CHANGED, KNOWN, LATE = ({f"mandate.rail.{became}": 1} for became in ("changed", "known", "late"))


def refused(reason: str) -> dict[str, int]:
    return {"mandate.rail.refused": 1, f"quarantine.{reason}": 1}


@pytest.mark.parametrize(
    ("was", "said"),
    [(S.SIGNED, S.ACTIVE), (S.SIGNED, S.REVOKED), (S.ACTIVE, S.REVOKED), (S.ACTIVE, S.EXPIRED)],
)
def test_a_rails_word_changes_its_mandate_once_however_often_it_comes(was: MandateStatus, said: MandateStatus) -> None:
    office = an_office(mandates=[a_mandate(status=was)])
    assert hear(office, word(said), word(said), word(said, event_id="e-2")) == [CHANGED, KNOWN, KNOWN]
    assert office.status == {"m-1": said}
    assert office.told() == [f"mandate.rail.{said}"]


def test_after_a_revocation_the_next_authorisation_debits_as_soon_as_the_rail_confirms_it() -> None:
    office = an_office()
    hear(office, word())
    assert isinstance(office.through(Purpose.ENABLE), Changed)
    assert office.status == {"m-1": S.REVOKED, "m-1.2": S.SIGNED}
    assert hear(office, word(S.ACTIVE, NOW, event_id="e-2", mandate_id="m-1.2")) == [CHANGED]
    assert office.status["m-1.2"] is S.ACTIVE
    assert set(office.debit_steps().values()) == {NOW}


def test_in_whichever_order_the_words_come_the_end_stands() -> None:
    for order in ([S.ACTIVE, S.REVOKED], [S.REVOKED, S.ACTIVE]):
        office = an_office(mandates=[a_mandate(status=S.SIGNED)])
        at = {S.ACTIVE: EARLIER, S.REVOKED: EARLIER + timedelta(hours=1)}
        counts = hear(office, *(word(status, at[status]) for status in order))
        assert office.status == {"m-1": S.REVOKED}
        assert counts == ([CHANGED, CHANGED] if order[0] is S.ACTIVE else [CHANGED, LATE])
        assert not office.store.audit(keys.RAIL_NEWS)


def test_a_doubled_confirmation_after_the_borrower_cancelled_revives_nothing() -> None:
    office = an_office(mandates=[a_mandate(status=S.SIGNED)])
    confirmed = word(S.ACTIVE)
    assert hear(office, confirmed) == [CHANGED]
    office.through(Purpose.CANCEL)
    assert hear(office, confirmed) == [LATE]
    assert office.status == {"m-1": S.CANCELLED}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"loan_id": "l-9"}, "NO_LOAN"),
        ({"mandate_id": "m-9"}, "NO_MANDATE"),
        ({"status": S.ACTIVE, "at": NOW + timedelta(hours=1)}, "NOT_ALLOWED"),
    ],
)
def test_what_fits_no_mandate_is_kept_once_in_front_of_a_person(said: dict[str, Any], reason: str) -> None:
    office = an_office()
    office.through(Purpose.CANCEL)
    news = replace(word(), **said)
    assert hear(office, news, news) == [refused(reason), KNOWN]
    assert office.status == {"m-1": S.CANCELLED}
    (entry,) = office.store.audit(keys.RAIL_NEWS)
    assert (entry.what, entry.actor, entry.at) == (f"refused.{reason}", "rail", NOW)
    assert entry.detail == {
        "loan_id": news.loan_id,
        "mandate_id": news.mandate_id,
        "status": news.status,
        "said_at": keys.instant(news.at),
    }


def test_an_imported_mandate_that_was_suspended_is_not_lifted_by_its_rail() -> None:
    office = an_office(mandates=[a_mandate(status=S.SUSPENDED)])
    assert hear(office, word(S.ACTIVE)) == [refused("NOT_ALLOWED")]
    assert office.status == {"m-1": S.SUSPENDED}


def test_one_event_id_for_two_mandates_loses_neither() -> None:
    office = an_office()
    assert hear(office, word(mandate_id="m-8"), word(mandate_id="m-9")) == [refused("NO_MANDATE")] * 2
    assert len(office.store.audit(keys.RAIL_NEWS)) == 2


def test_a_word_that_always_loses_its_race_stays_in_the_queue() -> None:
    class Losing(MemoryBook):
        def commit(self, changes: object) -> bool:
            return False

    office = an_office()
    losing = Losing()
    losing._rows = office.store._rows
    with pytest.raises(BookError, match="l-1"):
        replace(office.rail, book=losing).work(word())


def test_a_webhook_is_read_as_a_rails_word() -> None:
    envelope = {"v": 1, "kind": "received", "received_at": "2026-03-12T02:00:00Z", "body": json.dumps(BODY)}
    assert repayment(json.dumps(envelope), {}) == repayment(json.dumps(BODY), {}) == word()


@pytest.mark.parametrize(
    ("said", "millis"),
    [("2026-03-11T23:00:00.250Z", 250), ("2026-03-12T07:00:00+08:00", 0), ("2026-03-11T17:30:00.250-05:30", 250)],
)
def test_its_instant_may_have_milliseconds_and_an_offset(said: str, millis: int) -> None:
    assert repayment(json.dumps(BODY | {"at": said}), {}) == word(at=EARLIER + timedelta(milliseconds=millis))


def test_what_fitted_no_loan_does_its_work_under_the_same_event_once_the_loan_is_there() -> None:
    office = an_office()
    early = word(loan_id="l-2")
    assert hear(office, early, early) == [refused("NO_LOAN"), KNOWN]
    office.store.write(
        [Imported(row, "") for row in (an_instalment(loan_id="l-2"), a_mandate(loan_id="l-2"), a_loan(loan_id="l-2"))]
    )
    assert hear(office, early, early) == [CHANGED, KNOWN]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"status": "suspended"}, "status must be active or revoked or expired"),
        ({"status": "cancelled"}, "status must be"),
        ({"status": 1}, "status must be"),
        ({"loan_id": "a b"}, "loan_id must be an id"),
        ({"mandate_id": "+8613800138000 "}, "mandate_id must be an id"),
        ({"event_id": ""}, "event_id must be"),
        ({"at": "2026-03-11"}, "at must be an instant"),
        ({"at": "2026-03-11T23:00:00"}, "at must be an instant"),
        ({"phone": "13800138000"}, "unknown field 'phone'"),
    ],
)
def test_a_word_that_cannot_be_read_names_its_field_and_repeats_no_value(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(EventError, match=problem) as caught:
        repayment(json.dumps(BODY | changes), {})
    assert "138001" not in str(caught.value)
