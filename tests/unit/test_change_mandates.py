"""Turning deduction on and off: the code, the notice, the races, and what a crash leaves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.world import MemorySwitches
from shared.adapters.policy_files import PolicyFiles
from shared.domain import keys, switches
from shared.domain.book import (
    DebitCard,
    Instalment,
    InstalmentState,
    Line,
    LoanFile,
    Mandate,
    MandateStatus,
)
from shared.domain.changes import Change, HoldInstalment, SaveDebitCard, SaveInstalment, SaveMandate
from shared.domain.contact_rules import Channel
from shared.domain.errors import BookError, PolicyError, StoreError
from shared.domain.mandate_requests import Asked, Changed, Refused
from shared.domain.mandates import Purpose, Refusal
from shared.domain.money import Money
from shared.domain.one_time_codes import USED
from shared.domain.policy import Policy
from shared.domain.switches import Switches
from shared.ports.messages import Sender
from shared.ports.portfolio import Imported, ImportedRow
from shared.ports.world import SendResult
from shared.workflows.change_mandates import MandateChanges
from shared.workflows.writing_mandates import LATER, MOST_INSTALMENTS
from tests.unit.builders import a_borrower, a_loan, a_mandate, an_instalment, at
from tests.unit.office import FIRST_CODE, NOW, Office, an_office

S = MandateStatus
ENABLE, CANCEL = Purpose.ENABLE, Purpose.CANCEL
TODAY = date(2026, 3, 12)


class Killed(BaseException):
    """The process dies."""


def refused(answer: object) -> Refusal:
    assert isinstance(answer, Refused), answer
    return answer.reason


# the two ways through


def test_cancelling_is_one_step_at_once_and_raises_the_gate() -> None:
    office = an_office()
    assert office.through(CANCEL) == Changed((("m-1", S.CANCELLED),), NOW)
    assert office.status == {"m-1": S.CANCELLED}
    assert office.file.mandate_on(date(2026, 3, 12)) is None
    assert office.file.loan.gate_rev == 1


def test_the_evidence_says_what_was_read_when_and_where() -> None:
    office = an_office()
    asked = office.asked(CANCEL)
    office.clock.advance(timedelta(minutes=2))
    office.confirm(CANCEL, FIRST_CODE, asked.notice.text_hash)
    (mandate,) = office.file.mandates
    assert mandate.evidence is not None
    assert (mandate.evidence.text_hash, mandate.evidence.text_version) == (asked.notice.text_hash, asked.notice.version)
    assert (mandate.evidence.seen_at, mandate.evidence.channel) == (NOW + timedelta(minutes=2), "app")
    assert mandate.since == NOW + timedelta(minutes=2)


def test_every_change_stays_in_the_history() -> None:
    office = an_office()
    office.through(CANCEL)
    office.through(ENABLE)  # at the same instant: the gate tells the two apart
    office.through(CANCEL)
    office.rail.says("l-1", "m-1", S.REVOKED, NOW)
    assert office.told() == ["mandate.cancel", "mandate.enable", "mandate.cancel", "mandate.rail.revoked"]
    first = next(e for e in office.store.audit("l-1") if e.detail["gate_rev"] == "1")
    assert (first.actor, first.at, first.reason) == ("borrower", NOW, "confirmed with a one-time code")
    assert first.detail["was.m-1"] == "active"
    assert first.detail["now.m-1"] == "cancelled"
    assert first.detail.keys() == {
        *("text_version", "text_hash", "seen_at", "channel", "claimed", "gate_rev", "was.m-1", "now.m-1")
    }


def test_enabling_wakes_every_open_instalment_and_the_contact_line() -> None:
    office = an_office(
        an_instalment(number=1, paid_minor=101_500, state=InstalmentState.PAID),
        an_instalment(number=2, due_on=date(2026, 4, 10)),
        an_instalment(number=3, due_on=date(2026, 5, 10), state=InstalmentState.CLAIMED),
        an_instalment(number=4, due_on=date(2026, 6, 10), blocked=True),
        an_instalment(number=5, due_on=date(2026, 7, 10)),
        mandates=[a_mandate(status=S.CANCELLED)],
    )
    assert office.through(ENABLE) == Changed((("m-1", S.ACTIVE),), NOW)
    assert office.debit_steps() == {1: None, 2: NOW, 3: None, 4: None, 5: NOW}
    assert office.store.agenda(Line.DEBIT, "S000", NOW, 10).keys == ("l-1#002", "l-1#005")
    assert office.store.agenda(Line.CONTACT, "S000", NOW, 10).keys == ("b-1",)


def test_cancelling_wakes_the_contact_line_because_no_deduction_will_speak() -> None:
    office = an_office()
    office.through(CANCEL)
    assert office.store.agenda(Line.CONTACT, "S000", NOW, 10).keys == ("b-1",)
    assert office.debit_steps() == {1: None, 2: None}


def test_cancelling_ends_all_of_a_loans_mandates_under_one_gate() -> None:
    office = an_office(mandates=[a_mandate(), a_mandate(mandate_id="m-2", status=S.SIGNED)])
    office.through(CANCEL)
    assert office.status == {"m-1": S.CANCELLED, "m-2": S.CANCELLED}
    assert office.file.loan.gate_rev == 1


def test_after_the_end_at_the_rail_nothing_is_debited_until_the_rail_confirms() -> None:
    office = an_office(mandates=[a_mandate(status=S.REVOKED)])
    assert office.through(ENABLE) == Changed((("m-1.2", S.SIGNED),), NOW)
    assert office.file.mandate_on(date(2026, 3, 12)) is None
    assert set(office.debit_steps().values()) == {None}
    assert refused(office.changes.ask("l-1", ENABLE)) is Refusal.AWAITS_RAIL
    assert office.rail.says("l-1", "m-1.2", S.ACTIVE, NOW) == Changed((("m-1.2", S.ACTIVE),), NOW)
    mandate = office.file.mandate_on(date(2026, 3, 12))
    assert mandate is not None
    assert (mandate.mandate_id, mandate.evidence is not None) == ("m-1.2", True)
    assert set(office.debit_steps().values()) == {NOW}


# a transaction takes 100 rows


def covered(**changes: Any) -> Mandate:
    """Under the rail that stops after two failures in a row."""
    return a_mandate(rail="ach-covered", **changes)


def many(count: int, **changes: Any) -> list[Instalment]:
    first = date(2026, 4, 1)
    return [an_instalment(number=n, due_on=first + timedelta(days=n), **changes) for n in range(1, count + 1)]


@dataclass
class Spy:
    """Hands on to the store; `before` and `after` are called around each commit."""

    store: MemoryBook
    before: Callable[[Sequence[Change]], None] = lambda _: None
    after: Callable[[Sequence[Change]], None] = lambda _: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def commit(self, changes: Sequence[Change]) -> bool:
        self.before(changes)
        made = self.store.commit(changes)
        self.after(changes)
        return made


@pytest.mark.parametrize("count", [MOST_INSTALMENTS, MOST_INSTALMENTS + 1, 360])
def test_the_longest_loan_is_enabled_and_none_of_its_instalments_is_forgotten(count: int) -> None:
    office = an_office(*many(count), mandates=[covered(status=S.CANCELLED)])
    office.store.commit([SaveDebitCard(DebitCard("b-1", failures=2, rev=1))])
    assert isinstance(office.through(ENABLE), Changed)
    steps = office.debit_steps()
    assert [steps[n] for n in range(1, MOST_INSTALMENTS + 1)] == [NOW] * MOST_INSTALMENTS
    assert {steps[n] for n in range(MOST_INSTALMENTS + 1, count + 1)} <= {NOW + LATER}


def test_a_debit_that_settles_while_deduction_is_turned_on_looks_again() -> None:
    """Decided on the cancelled mandate it would leave the agenda, and turning on wakes only what is open."""
    office = an_office(mandates=[a_mandate(status=S.CANCELLED)])
    assert office.claim()
    before = office.file.instalment(1)
    assert before is not None
    assert isinstance(office.through(ENABLE), Changed)
    assert office.debit_steps()[1] is None
    assert not office.store.commit([SaveInstalment(replace(before, state=InstalmentState.OPEN, rev=before.rev + 1))])


def test_cancelling_beside_a_mandate_whose_last_day_is_over_is_one_change_of_each_row() -> None:
    over = a_mandate(mandate_id="m-0", expires_on=date(2026, 3, 1))
    office = an_office(mandates=[a_mandate(), over])
    assert isinstance(office.through(CANCEL), Changed)
    assert office.status["m-1"] is S.CANCELLED


def test_the_longest_loan_is_cancelled() -> None:
    office = an_office(*many(360))
    assert isinstance(office.through(CANCEL), Changed)


def test_a_crash_between_the_far_and_the_near_instalments_is_harmless() -> None:
    office = an_office(*many(100), mandates=[a_mandate(status=S.CANCELLED)])
    asked = office.asked(ENABLE)

    def die(changes: Sequence[Change]) -> None:
        if any(isinstance(c, SaveMandate) for c in changes):
            raise Killed

    with pytest.raises(Killed):
        replace(office.changes, book=Spy(office.store, before=die)).confirm(
            "l-1", ENABLE, FIRST_CODE, asked.notice.text_hash, "app"
        )
    assert office.status == {"m-1": S.CANCELLED}
    assert isinstance(office.confirm(ENABLE, FIRST_CODE, asked.notice.text_hash), Changed)
    assert None not in office.debit_steps().values()


# the code


def test_the_code_goes_to_the_borrower_and_is_kept_nowhere() -> None:
    office = an_office()
    office.asked(CANCEL)
    (message,) = office.inbox.sent
    assert message.address == a_borrower().phone
    assert FIRST_CODE in message.text
    stored = repr((office.store.code("l-1", "cancel"), office.store.audit("l-1"), office.store.audit("CODES#b-1")))
    assert FIRST_CODE not in stored
    assert "7700900001" not in stored


def test_a_code_confirms_one_purpose_of_one_loan_once() -> None:
    office = an_office()
    asked = office.asked(CANCEL)
    assert refused(office.confirm(ENABLE, FIRST_CODE, asked.notice.text_hash)) is Refusal.STANDS_SO
    assert isinstance(office.confirm(CANCEL, FIRST_CODE, asked.notice.text_hash), Changed)
    assert refused(office.confirm(CANCEL, FIRST_CODE, asked.notice.text_hash)) is Refusal.STANDS_SO
    assert refused(office.confirm(ENABLE, FIRST_CODE, asked.notice.text_hash)) is Refusal.NO_CODE
    office.through(ENABLE)
    assert refused(office.confirm(CANCEL, FIRST_CODE, asked.notice.text_hash)) is Refusal.CODE_USED


def test_wrong_codes_are_counted_and_the_third_locks_even_the_right_one() -> None:
    office = an_office()
    acknowledged = office.asked(CANCEL).notice.text_hash
    answers = [office.confirm(CANCEL, guess, acknowledged) for guess in ("000000", "000001", "000002", FIRST_CODE)]
    assert [refused(a) for a in answers] == [
        *(Refusal.CODE_WRONG, Refusal.CODE_WRONG, Refusal.CODE_LOCKED, Refusal.CODE_LOCKED)
    ]
    assert [a.tries_left for a in answers if isinstance(a, Refused)] == [2, 1, 0, None]
    assert office.status == {"m-1": S.ACTIVE}


def test_the_right_code_at_the_last_try_counts() -> None:
    office = an_office()
    acknowledged = office.asked(CANCEL).notice.text_hash
    for guess in ("000000", "000001"):
        office.confirm(CANCEL, guess, acknowledged)
    assert isinstance(office.confirm(CANCEL, FIRST_CODE, acknowledged), Changed)


@pytest.mark.parametrize(
    ("after", "refusal"), [(timedelta(minutes=4, seconds=59), None), (timedelta(minutes=5), Refusal.CODE_EXPIRED)]
)
def test_a_code_is_good_for_five_minutes(after: timedelta, refusal: Refusal | None) -> None:
    office = an_office()
    acknowledged = office.asked(CANCEL).notice.text_hash
    office.clock.advance(after)
    answer = office.confirm(CANCEL, FIRST_CODE, acknowledged)
    assert (answer.reason if isinstance(answer, Refused) else None) is refusal


def test_a_new_code_takes_the_place_of_the_old_one() -> None:
    office = an_office()
    office.asked(CANCEL)
    acknowledged = office.asked(CANCEL).notice.text_hash
    assert refused(office.confirm(CANCEL, FIRST_CODE, acknowledged)) is Refusal.CODE_WRONG
    assert isinstance(office.confirm(CANCEL, "100002", acknowledged), Changed)


def test_a_phone_is_not_filled_with_codes() -> None:
    office = an_office(mandates=[a_mandate()])
    for _ in range(5):
        office.asked(CANCEL)
    assert refused(office.changes.ask("l-1", CANCEL)) is Refusal.TOO_MANY_CODES
    office.clock.advance(timedelta(minutes=59, seconds=59))
    assert refused(office.changes.ask("l-1", CANCEL)) is Refusal.TOO_MANY_CODES
    office.clock.advance(timedelta(seconds=1))
    office.asked(CANCEL)
    assert len(office.inbox.sent) == 6


@dataclass
class Shelf:
    changes: dict[str, Any]

    def policy(self, product: str, now: datetime) -> Policy:
        return replace(PolicyFiles().policy(product, now), **self.changes)

    def today(self, now: datetime) -> date:
        return PolicyFiles().today(now)


def test_the_policy_says_how_many_codes_an_hour() -> None:
    office = an_office()
    office.changes = replace(office.changes, shelf=Shelf({"codes_per_hour": 1}))
    office.asked(CANCEL)
    assert refused(office.changes.ask("l-1", CANCEL)) is Refusal.TOO_MANY_CODES


def test_two_askers_at_once_send_no_more_than_the_hour_allows() -> None:
    """The last code of the hour: another process takes it between our reading and our claim, for another loan."""
    office = an_office()
    theirs: list[ImportedRow] = [a_loan(loan_id="l-2"), an_instalment(loan_id="l-2"), a_mandate(loan_id="l-2")]
    office.store.write([Imported(row, "") for row in theirs])
    one_an_hour = replace(office.changes, shelf=Shelf({"codes_per_hour": 1}))

    def other(_: Sequence[Change]) -> None:
        spy.before = lambda _: None
        assert isinstance(one_an_hour.ask("l-2", CANCEL), Asked)

    spy = Spy(office.store, before=other)
    assert refused(replace(one_an_hour, book=spy).ask("l-1", CANCEL)) is Refusal.TOO_MANY_CODES
    assert len(office.inbox.sent) == 1


@pytest.mark.parametrize("result", [SendResult.REFUSED, SendResult.RETRY_LATER])
def test_a_code_that_certainly_was_not_sent_is_said_to_be_so(result: SendResult) -> None:
    office = an_office()
    office.inbox.script(result)
    assert refused(office.changes.ask("l-1", CANCEL)) is Refusal.NOT_SENT
    office.asked(CANCEL)


OURS = (switches.SEND, switches.channel("sms"), switches.provider("sandbox"), switches.product("jiebei"))


def off(office: Office, *names: str) -> MandateChanges:
    return replace(office.changes, switches=MemorySwitches(Switches(on=True, off=frozenset(names))))


@pytest.mark.parametrize("name", OURS)
def test_a_switch_that_is_off_stops_codes_and_costs_none(name: str) -> None:
    office = an_office()
    for _ in range(9):
        assert refused(off(office, name).ask("l-1", CANCEL)) is Refusal.SWITCHED_OFF
    assert (office.inbox.sent, office.store.audit(keys.codes_subject("b-1"))) == ([], ())
    office.asked(CANCEL)


def test_another_switch_stops_no_code_and_a_board_that_nobody_opened_stops_each() -> None:
    office = an_office()
    others = (switches.DEBIT, switches.rail("stub"), switches.channel("push"), switches.product("huabei"))
    assert isinstance(off(office, *others).ask("l-1", CANCEL), Asked)
    closed = replace(office.changes, switches=MemorySwitches(Switches()))
    assert refused(closed.ask("l-1", CANCEL)) is Refusal.SWITCHED_OFF
    assert len(office.inbox.sent) == 1


def test_a_switch_that_is_turned_off_after_the_claim_stops_the_code() -> None:
    """Its code counts: it was claimed."""
    office = an_office()
    board = MemorySwitches()
    turning = Spy(office.store, after=lambda _: board.set(Switches()))
    for _ in range(2):
        changes = replace(office.changes, book=turning, switches=board)
        assert refused(changes.ask("l-1", CANCEL)) is Refusal.SWITCHED_OFF
    assert (office.inbox.sent, len(office.store.audit(keys.codes_subject("b-1")))) == ([], 1)


def test_a_board_that_was_read_before_it_was_turned_lets_no_code_through_and_costs_none() -> None:
    class Cached:
        def read(self, *, fresh: bool = False) -> Switches:
            return Switches(on=not fresh)

    office = an_office()
    changes = replace(office.changes, switches=Cached())
    for _ in range(9):
        assert refused(changes.ask("l-1", CANCEL)) is Refusal.SWITCHED_OFF
    assert (office.inbox.sent, office.store.audit(keys.codes_subject("b-1"))) == ([], ())


def test_a_code_that_was_sent_is_good_also_while_switches_are_off() -> None:
    office = an_office()
    asked = office.asked(CANCEL)
    confirmed = off(office, switches.SEND).confirm("l-1", CANCEL, office.last_code(), asked.notice.text_hash, "app")
    assert isinstance(confirmed, Changed)


def test_only_the_provider_of_the_lenders_pack_carries_codes() -> None:
    office = an_office()
    for name in ("sns", "none"):
        other = replace(office.changes, sms=Sender(name, office.inbox))
        assert refused(other.ask("l-1", CANCEL)) is Refusal.NO_PROVIDER
    assert office.inbox.sent == []


def narrow() -> dict[str, Any]:
    rules = PolicyFiles().policy("jiebei", NOW).providers[Channel.SMS]
    return {"providers": {Channel.SMS: replace(rules, not_countries=frozenset({"CN"}))}}


@pytest.mark.parametrize("fields", [{"providers": {}}, {"wired": {Channel.SMS: "none"}}, narrow()])
def test_a_provider_without_a_valid_pack_or_for_other_countries_carries_none(fields: dict[str, Any]) -> None:
    office = an_office()

    class Shelf(PolicyFiles):
        def policy(self, product: str, now: datetime) -> Policy:
            return replace(super().policy(product, now), **fields)

    assert refused(replace(office.changes, shelf=Shelf()).ask("l-1", CANCEL)) is Refusal.NO_PROVIDER
    assert office.inbox.sent == []


def test_a_code_carries_the_price_that_its_parts_may_cost() -> None:
    office = an_office()
    office.asked(CANCEL)
    (message,) = office.inbox.sent
    assert message.max_price == Decimal("0.20") * message.parts


def test_a_code_that_was_perhaps_sent_may_be_used() -> None:
    office = an_office()
    office.inbox.script(SendResult.UNKNOWN)
    assert isinstance(office.through(CANCEL), Changed)


def test_a_crash_between_storing_and_sending_leaves_a_code_that_nobody_has() -> None:
    office = an_office()

    def die(_: Sequence[Change]) -> None:
        raise Killed

    with pytest.raises(Killed):
        replace(office.changes, book=Spy(office.store, after=die)).ask("l-1", CANCEL)
    assert office.inbox.sent == []
    assert isinstance(office.through(CANCEL), Changed)


def test_a_code_that_waited_too_long_to_be_sent_is_not_sent() -> None:
    office = an_office()

    def dawdle(_: Sequence[Change]) -> None:
        office.clock.advance(timedelta(minutes=5))

    slow = replace(office.changes, book=Spy(office.store, after=dawdle))
    assert refused(slow.ask("l-1", CANCEL)) is Refusal.NOT_SENT
    assert office.inbox.sent == []


def test_a_store_that_does_not_answer_sends_nothing() -> None:
    office = an_office()

    def fail(_: Sequence[Change]) -> None:
        raise StoreError("down")

    with pytest.raises(StoreError):
        replace(office.changes, book=Spy(office.store, before=fail)).ask("l-1", CANCEL)
    assert office.inbox.sent == []


def test_an_answer_that_was_lost_while_sending_is_no_second_message() -> None:
    office = an_office()
    office.inbox.script(TimeoutError())
    with pytest.raises(TimeoutError):
        office.changes.ask("l-1", CANCEL)
    assert len(office.inbox.sent) == 1


# what is refused before a code goes out


@pytest.mark.parametrize(
    ("purpose", "mandates", "refusal"),
    [
        (CANCEL, [], Refusal.NO_MANDATE),
        (ENABLE, [], Refusal.NO_MANDATE),
        (CANCEL, [a_mandate(status=S.CANCELLED)], Refusal.STANDS_SO),
        (ENABLE, [a_mandate()], Refusal.STANDS_SO),
        (ENABLE, [a_mandate(status=S.SUSPENDED)], Refusal.UNDER_REVIEW),
    ],
)
def test_no_code_goes_out_for_what_would_be_refused(
    purpose: Purpose, mandates: list[Mandate], refusal: Refusal
) -> None:
    office = an_office(mandates=mandates)
    assert refused(office.changes.ask("l-1", purpose)) is refusal
    assert refused(office.confirm(purpose, FIRST_CODE, "h")) is refusal
    assert office.inbox.sent == []


def test_a_loan_that_does_not_exist_is_refused_everywhere() -> None:
    changes = an_office().changes
    assert refused(changes.ask("l-9", CANCEL)) is Refusal.NO_LOAN
    assert refused(changes.confirm("l-9", CANCEL, FIRST_CODE, "h", "app")) is Refusal.NO_LOAN
    rail = an_office().rail
    assert refused(rail.says("l-9", "m-1", S.REVOKED, NOW)) is Refusal.NO_LOAN
    assert refused(rail.says("l-1", "m-9", S.REVOKED, NOW)) is Refusal.NO_MANDATE


def test_a_borrower_without_a_phone_gets_no_code() -> None:
    office = an_office(borrower=a_borrower(phone=None))
    assert refused(office.changes.ask("l-1", CANCEL)) is Refusal.NO_ADDRESS


def test_without_a_valid_pack_nothing_is_changed() -> None:
    class Empty:
        def policy(self, product: str, now: datetime) -> Policy:
            raise PolicyError("none")

        def today(self, now: datetime) -> date:
            raise PolicyError("none")

    office = an_office()
    changes = replace(office.changes, shelf=Empty())
    assert refused(changes.ask("l-1", CANCEL)) is Refusal.POLICY_MISSING
    assert refused(changes.confirm("l-1", CANCEL, FIRST_CODE, "h", "app")) is Refusal.POLICY_MISSING


def test_a_loan_without_its_borrower_is_an_error() -> None:
    office = an_office()
    del office.store._rows.borrowers["b-1"]
    with pytest.raises(BookError, match="l-1"):
        office.changes.ask("l-1", CANCEL)


# the notice and the claim


def test_another_text_than_the_present_one_is_not_an_acknowledgement_and_costs_no_try() -> None:
    office = an_office()
    asked = office.asked(CANCEL)
    answer = office.confirm(CANCEL, FIRST_CODE, "0" * 64)
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.notice) == (Refusal.NOTICE_CHANGED, asked.notice)
    assert isinstance(office.confirm(CANCEL, FIRST_CODE, asked.notice.text_hash), Changed)


def test_a_debit_claimed_since_the_notice_has_to_be_read_before() -> None:
    office = an_office()
    asked = office.asked(CANCEL)
    assert asked.notice.claimed == ()
    assert office.claim()
    answer = office.confirm(CANCEL, FIRST_CODE, asked.notice.text_hash)
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.NOTICE_CHANGED
    assert answer.notice is not None
    assert [(c.reference, c.amount, c.numbers) for c in answer.notice.claimed] == [
        ("l-1:P000001", Money(101_500, "CNY"), (1,))
    ]
    assert "l-1:P000001" in answer.notice.text
    assert isinstance(office.confirm(CANCEL, FIRST_CODE, answer.notice.text_hash), Changed)
    (cancelled,) = office.store.audit("l-1")
    assert cancelled.detail["claimed"] == "l-1:P000001"


def test_a_cancelling_that_was_acknowledged_first_always_wins_against_a_claim() -> None:
    office = an_office()
    read = office.file  # the debit line decided on this
    office.through(CANCEL)
    assert not office.store.commit(office.claiming(read))
    assert office.store.attempts("l-1") == ()


@pytest.mark.parametrize("number", [1, 2])
def test_a_claim_between_the_reading_and_the_change_is_never_overlooked(number: int) -> None:
    office = an_office()
    asked = office.asked(CANCEL)

    def claim(_: Sequence[Change]) -> None:
        spy.before = lambda _: None
        assert office.claim(number=number)

    spy = Spy(office.store, before=claim)
    answer = replace(office.changes, book=spy).confirm("l-1", CANCEL, FIRST_CODE, asked.notice.text_hash, "app")
    assert refused(answer) is Refusal.NOTICE_CHANGED
    assert office.status == {"m-1": S.ACTIVE}


def test_cancelling_requires_every_open_instalment_as_it_was_read() -> None:
    seen: list[Sequence[Change]] = []
    office = an_office()
    asked = office.asked(CANCEL)
    spy = Spy(office.store, before=seen.append)
    replace(office.changes, book=spy).confirm("l-1", CANCEL, FIRST_CODE, asked.notice.text_hash, "app")
    held = [c for c in seen[-1] if isinstance(c, HoldInstalment)]
    assert [c.number for c in held] == [1, 2]


def test_midnight_between_notice_and_confirmation_shows_the_new_day() -> None:
    office = an_office(an_instalment(due_on=date(2026, 3, 12)))
    office.clock.set(at("2026-03-12 23:58"))
    asked = office.asked(CANCEL)
    office.clock.set(at("2026-03-13 00:00"))
    assert refused(office.confirm(CANCEL, FIRST_CODE, asked.notice.text_hash)) is Refusal.NOTICE_CHANGED


# races and crashes


def test_two_confirmations_at_once_change_once() -> None:
    office = an_office()
    acknowledged = office.asked(CANCEL).notice.text_hash
    others: list[Changed | Refused] = []

    def other(_: Sequence[Change]) -> None:
        spy.before = lambda _: None
        others.append(office.confirm(CANCEL, FIRST_CODE, acknowledged))

    spy = Spy(office.store, before=other)
    ours = replace(office.changes, book=spy).confirm("l-1", CANCEL, FIRST_CODE, acknowledged, "app")
    assert isinstance(others[0], Changed)
    assert refused(ours) is Refusal.STANDS_SO
    assert office.file.loan.gate_rev == 1
    assert office.told() == ["mandate.cancel"]


def test_two_wrong_guesses_at_once_are_two_tries() -> None:
    office = an_office()
    acknowledged = office.asked(CANCEL).notice.text_hash

    def other(_: Sequence[Change]) -> None:
        spy.before = lambda _: None
        office.confirm(CANCEL, "000000", acknowledged)

    spy = Spy(office.store, before=other)
    answer = replace(office.changes, book=spy).confirm("l-1", CANCEL, "000001", acknowledged, "app")
    assert isinstance(answer, Refused)
    assert answer.tries_left == 1
    code = office.store.code("l-1", "cancel")
    assert code is not None
    assert code.tries == 2


def test_a_right_guess_loses_to_a_lock_that_came_first() -> None:
    office = an_office()
    acknowledged = office.asked(CANCEL).notice.text_hash

    def guess_thrice(_: Sequence[Change]) -> None:
        spy.before = lambda _: None
        for digits in ("000000", "000001", "000002"):
            office.confirm(CANCEL, digits, acknowledged)

    spy = Spy(office.store, before=guess_thrice)
    answer = replace(office.changes, book=spy).confirm("l-1", CANCEL, FIRST_CODE, acknowledged, "app")
    assert refused(answer) is Refusal.CODE_LOCKED
    assert office.status == {"m-1": S.ACTIVE}


def test_a_loan_that_changes_all_the_time_is_left_alone_in_the_end() -> None:
    class Losing(Spy):
        def commit(self, changes: Sequence[Change]) -> bool:
            return False

    office = an_office()
    acknowledged = office.asked(CANCEL).notice.text_hash
    losing = replace(office.changes, book=Losing(office.store))
    assert refused(losing.ask("l-1", CANCEL)) is Refusal.RACED
    assert refused(losing.confirm("l-1", CANCEL, FIRST_CODE, acknowledged, "app")) is Refusal.RACED
    assert refused(losing.confirm("l-1", CANCEL, "000000", acknowledged, "app")) is Refusal.RACED
    assert refused(replace(office.rail, book=losing.book).says("l-1", "m-1", S.REVOKED, NOW)) is Refusal.RACED


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_crash_at_the_change_leaves_all_of_it_or_nothing(purpose: Purpose, when: str) -> None:
    status = {CANCEL: S.ACTIVE, ENABLE: S.CANCELLED}[purpose]
    office = an_office(mandates=[a_mandate(status=status)])
    acknowledged = office.asked(purpose).notice.text_hash

    def die(_: Sequence[Change]) -> None:
        raise Killed

    dying = replace(office.changes, book=Spy(office.store, **{when: die}))
    with pytest.raises(Killed):
        dying.confirm("l-1", purpose, FIRST_CODE, acknowledged, "app")
    code = office.store.code("l-1", purpose)
    assert code is not None
    is_done = office.status != {"m-1": status}
    assert (is_done, code.digest == USED, len(office.told()), office.file.loan.gate_rev) == (
        (True, True, 1, 1) if when == "after" else (False, False, 0, 0)
    )
    again = office.confirm(purpose, FIRST_CODE, acknowledged)
    assert (refused(again) is Refusal.STANDS_SO) if is_done else isinstance(again, Changed)
    assert len(office.told()) == 1


# failures in a row, over all loans


BEFORE_NOW = NOW - timedelta.resolution


@pytest.mark.parametrize(
    ("stopped_at", "then"),
    [
        (None, BEFORE_NOW),
        (NOW - timedelta(days=1), BEFORE_NOW),
        (NOW + timedelta(seconds=9), NOW + timedelta(seconds=9)),  # of a worker whose clock is ahead
    ],
)
@pytest.mark.parametrize("status", [S.ACTIVE, S.CANCELLED, S.REVOKED])
def test_after_a_lowered_limit_a_new_authorisation_counts_anew_and_stops_every_older_one(
    status: S, stopped_at: datetime | None, then: datetime
) -> None:
    office = an_office(mandates=[covered(status=status)])
    counted = DebitCard("b-1", failures=2, stopped_at=stopped_at, rev=1)
    office.store.commit([SaveDebitCard(counted)])
    assert isinstance(office.through(ENABLE), Changed)
    assert office.store.debit_card("b-1") == replace(counted, failures=0, stopped_at=then, rev=2)


def test_a_new_authorisation_leaves_a_stop_as_it_stands() -> None:
    office = an_office(mandates=[covered(status=S.CANCELLED)])
    stopped = DebitCard("b-1", stopped_at=NOW - timedelta(days=1), rev=1)
    office.store.commit([SaveDebitCard(stopped)])
    office.through(ENABLE)
    assert office.store.debit_card("b-1") == stopped


def test_a_new_authorisation_forgives_no_failure_before_the_limit() -> None:
    """The second one may follow, and is the second in a row whatever was authorised between them."""
    office = an_office(mandates=[covered(status=S.CANCELLED)])
    office.store.commit([SaveDebitCard(DebitCard("b-1", failures=1, rev=1))])
    office.through(ENABLE)
    assert office.store.debit_card("b-1").failures == 1


def test_an_active_mandate_that_was_stopped_can_be_authorised_anew() -> None:
    office = an_office(mandates=[covered()])
    office.store.commit([SaveDebitCard(DebitCard("b-1", failures=2, stopped_at=NOW - timedelta(days=1), rev=1))])
    assert office.through(ENABLE) == Changed((("m-1", S.ACTIVE),), NOW)
    assert office.store.debit_card("b-1").failures == 0
    assert refused(office.changes.ask("l-1", ENABLE)) is Refusal.STANDS_SO


def test_where_no_rule_spans_loans_no_card_is_written() -> None:
    office = an_office(mandates=[a_mandate(status=S.CANCELLED)])
    office.through(ENABLE)
    assert office.store.debit_card("b-1").rev == 0


@pytest.mark.parametrize("stopped_at", [None, at("2026-03-11 12:00")])
def test_a_rails_confirmation_forgives_no_failure_and_the_borrowers_own_word_does(stopped_at: datetime | None) -> None:
    """He may have signed before the failures."""
    office = an_office(mandates=[covered(status=S.SIGNED, signed_on=date(2026, 3, 12))])
    office.store.commit([SaveDebitCard(DebitCard("b-1", failures=2, stopped_at=stopped_at, rev=1))])
    office.rail.says("l-1", "m-1", S.ACTIVE, NOW)
    assert office.store.debit_card("b-1").failures == 2
    assert isinstance(office.through(ENABLE), Changed)
    assert office.store.debit_card("b-1").failures == 0


# the rail and the lender


@pytest.mark.parametrize("status", [S.REVOKED, S.EXPIRED])
def test_a_rails_word_of_the_end_is_taken_once(status: S) -> None:
    office = an_office()
    said_at = NOW - timedelta(hours=3)
    assert office.rail.says("l-1", "m-1", status, said_at) == Changed((("m-1", status),), NOW)
    assert refused(office.rail.says("l-1", "m-1", status, said_at)) is Refusal.STANDS_SO
    assert office.file.loan.gate_rev == 1
    (entry,) = office.store.audit("l-1")
    assert (entry.what, entry.actor) == (f"mandate.rail.{status}", "rail")
    assert entry.detail["said_at"] == "2026-03-11T23:00:00Z"
    assert office.store.agenda(Line.CONTACT, "S000", NOW, 10).keys == ("b-1",)


@pytest.mark.parametrize("status", [S.SUSPENDED, S.CANCELLED])
def test_what_the_rail_ended_ends_whatever_stood_here(status: S) -> None:
    office = an_office(mandates=[a_mandate(status=status)])
    assert isinstance(office.rail.says("l-1", "m-1", S.REVOKED, NOW), Changed)


def test_a_rail_revives_nothing() -> None:
    office = an_office(mandates=[a_mandate(status=S.CANCELLED)])
    assert refused(office.rail.says("l-1", "m-1", S.ACTIVE, NOW)) is Refusal.NOT_ALLOWED
    assert refused(office.rail.says("l-1", "m-1", S.CANCELLED, NOW)) is Refusal.STANDS_SO


def test_a_revocation_at_the_rail_beats_a_debit_that_was_decided_before() -> None:
    office = an_office()
    read = office.file
    office.rail.says("l-1", "m-1", S.REVOKED, NOW)
    assert not office.store.commit(office.claiming(read))


def test_the_lender_suspends_and_lifts_with_a_name_and_a_reason() -> None:
    office = an_office()
    assert isinstance(office.changes.lender_says("l-1", "m-1", S.SUSPENDED, "arn:ops/li", "called in"), Changed)
    assert isinstance(office.changes.lender_says("l-1", "m-1", S.ACTIVE, "arn:ops/li", "looked at"), Changed)
    assert set(office.debit_steps().values()) == {NOW}
    assert [(e.what, e.actor, e.reason) for e in office.store.audit("l-1")] == [
        ("mandate.suspend", "arn:ops/li", "called in"),
        ("mandate.resume", "arn:ops/li", "looked at"),
    ]
    assert refused(office.changes.lender_says("l-1", "m-1", S.CANCELLED, "x", "y")) is Refusal.NOT_ALLOWED


def test_lifting_a_suspension_is_no_new_authorisation() -> None:
    office = an_office(mandates=[a_mandate(status=S.SUSPENDED)])
    office.store.commit([SaveDebitCard(DebitCard("b-1", failures=2, stopped_at=NOW - timedelta(days=1), rev=1))])
    office.changes.lender_says("l-1", "m-1", S.ACTIVE, "arn:ops/li", "looked at")
    assert office.store.debit_card("b-1").failures == 2
    assert isinstance(office.through(ENABLE), Changed)  # the borrower's own is


def test_lifting_a_suspension_forgives_no_failure() -> None:
    office = an_office(mandates=[a_mandate(status=S.SUSPENDED)])
    office.store.commit([SaveDebitCard(DebitCard("b-1", failures=1, rev=1))])
    office.changes.lender_says("l-1", "m-1", S.ACTIVE, "arn:ops/li", "looked at")
    assert office.store.debit_card("b-1").failures == 1


def test_cancelling_while_suspended_does_not_lift_the_suspension() -> None:
    office = an_office(mandates=[a_mandate(status=S.SUSPENDED)])
    office.through(CANCEL)
    assert refused(office.changes.ask("l-1", ENABLE)) is Refusal.UNDER_REVIEW


# anything in any order


@st.composite
def deeds(draw: st.DrawFn) -> list[tuple[str, Any]]:
    one = st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(Purpose)),
        st.tuples(st.just("confirm"), st.sampled_from(Purpose)),
        st.tuples(st.just("wrong"), st.sampled_from(Purpose)),
        st.tuples(st.just("rail"), st.sampled_from(MandateStatus)),
        st.tuples(st.just("lender"), st.sampled_from(MandateStatus)),
        st.tuples(st.sampled_from(["look", "claim"]), st.none()),
        st.tuples(st.just("wait"), st.integers(0, 400)),
    )
    return draw(st.lists(one, max_size=25))


@dataclass
class Life:
    """A course of deeds on one office; each says whether it changed a mandate."""

    office: Office
    shown: dict[Purpose, tuple[str, str]]
    stale: LoanFile
    seq: int = 0

    def do(self, deed: str, what: Any) -> bool:
        return bool(getattr(self, deed)(what))

    def ask(self, purpose: Purpose) -> None:
        answer = self.office.changes.ask("l-1", purpose)
        if isinstance(answer, Asked):
            self.shown[purpose] = self.office.last_code(), answer.notice.text_hash

    def confirm(self, purpose: Purpose) -> bool:
        if not isinstance(self.office.confirm(purpose, *self.shown.get(purpose, ("000000", "x"))), Changed):
            return False
        assert (self.office.file.mandate_on(TODAY) is None) or purpose is ENABLE
        del self.shown[purpose]
        return True

    def wrong(self, purpose: Purpose) -> None:
        assert isinstance(self.office.confirm(purpose, "999999", self.shown.get(purpose, ("", "x"))[1]), Refused)

    def rail(self, status: MandateStatus) -> bool:
        return isinstance(self.office.rail.says("l-1", "m-1", status, NOW), Changed)

    def lender(self, status: MandateStatus) -> bool:
        return isinstance(self.office.changes.lender_says("l-1", "m-1", status, "ops", "why"), Changed)

    def look(self, _: None) -> None:
        """What the debit line has read, and may decide on much later."""
        self.stale = self.office.file

    def claim(self, _: None) -> None:
        row = self.stale.instalment(1)
        assert row is not None
        may = self.stale.mandate_on(TODAY) is not None and row.state is InstalmentState.OPEN
        if may and self.office.store.commit(self.office.claiming(self.stale, self.seq + 1)):
            self.seq += 1
            assert self.office.file.mandate_on(TODAY) is not None

    def wait(self, seconds: int) -> None:
        self.office.clock.advance(timedelta(seconds=seconds))


@settings(max_examples=25, deadline=None)
@given(deeds(), st.sampled_from(MandateStatus))
def test_whatever_happens_the_gate_counts_the_changes_and_no_claim_passes_an_ended_mandate(
    course: list[tuple[str, Any]], first: MandateStatus
) -> None:
    office = an_office(mandates=[a_mandate(status=first)])
    life = Life(office, {}, office.file)
    for deed, what in course:
        before = office.file.loan.gate_rev
        assert life.do(deed, what) == office.file.loan.gate_rev - before
        assert len(office.told()) == office.file.loan.gate_rev
