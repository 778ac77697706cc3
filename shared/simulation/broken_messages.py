"""The contact line broken: caps, hours, consent, holds and the one send of each claim."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from shared.adapters.memory.rows import Rows
from shared.domain import contact_times, reach, steps
from shared.domain.book import Instalment, NoticeState
from shared.domain.calendar import days_past_due
from shared.domain.changes import Change, SaveCard, SaveNotice, WakeContact
from shared.domain.policy import Policy
from shared.domain.steps import Step
from shared.domain.tiers import NoticeKind, overdue
from shared.ports.world import SendResult
from shared.simulation.patches import Patch, Patches
from shared.workflows import contact_facts, debit_facts, facts, reconcile, send_reminders, stage_facts


def cap_outside_the_claim() -> Patches:
    """A contact is put on the card whatever became of the card since it was read."""

    def holds(self: Rows, change: Change) -> bool:
        return True if isinstance(change, SaveCard) else original(self, change)

    original = Rows.holds
    yield Patch(Rows, "holds", holds)


def contact_not_logged() -> Patches:
    """The claim takes no place under the caps."""
    yield Patch(send_reminders, "logged", lambda log, *_: tuple(log))


def caps_not_asked() -> Patches:
    """Contacts are logged, and nobody reads the log."""
    yield Patch(contact_times, "first_allowed", lambda now, *_: now)


def bar_ignored() -> Patches:
    """Who said stop is written to all the same."""
    yield Patch(reach, "bar_of", lambda *_: None)


def hours_at_planning_only() -> Patches:
    """The hours are those of the moment at which a message was planned: the worker does not look at the clock."""
    yield Patch(contact_times, "opens", lambda at, *_: at)


def paid_not_read_again() -> Patches:
    """What was paid between the decision and the claim is asked for all the same."""
    yield Patch(contact_facts.ContactFacts, "with_loans_of_now", lambda self, _book: self)


def hold_does_not_wake_the_card() -> Patches:
    """A hold leaves the borrower's card as it was: a message that was decided before it is claimed after it."""

    def make(self: Rows, change: Change) -> None:
        if not isinstance(change, WakeContact):
            original(self, change)
            return
        card = self.cards[change.borrower_id]
        original(self, change)
        self.cards[change.borrower_id] = replace(self.cards[change.borrower_id], rev=card.rev)

    def with_loans_of_now(self: Any, book: Any) -> Any:
        held = {loan.loan.loan_id: loan.loan.holds for loan in self.loans}
        fresh = read(self, book)
        loans = (replace(f, loan=replace(f.loan, holds=held[f.loan.loan_id])) for f in fresh.loans)
        return replace(fresh, loans=tuple(loans))

    original, read = Rows.make, contact_facts.ContactFacts.with_loans_of_now
    yield Patch(Rows, "make", make)
    yield Patch(contact_facts.ContactFacts, "with_loans_of_now", with_loans_of_now)  # it doubles the guard


def notice_by_equality() -> Patches:
    """An overdue notice goes on its very day, or never."""

    def tier(instalment: Instalment, mandate: Any, told: Any, policy: Policy, today: date, payday: Any) -> Step | None:
        step = original(instalment, mandate, told, policy, today, payday)
        dpd = days_past_due(instalment.due_on, today, policy.dpd_origin)
        return None if step and step.tier.startswith("OVERDUE") and step.tier != overdue(dpd) else step

    original = steps._tier
    yield Patch(steps, "_tier", tier)


def _settled_as(state: NoticeState) -> Mapping[SendResult, NoticeState]:
    return {**send_reminders._STATES, SendResult.UNKNOWN: state}


def next_channel_after_unknown() -> Patches:
    """No answer over one channel is taken for a definite non-send, and the next channel is tried."""
    yield Patch(send_reminders, "_STATES", _settled_as(NoticeState.UNDELIVERABLE))


def sent_again_after_a_time_out() -> Patches:
    """No answer is taken for a non-send, and the message goes again."""
    yield Patch(send_reminders, "_STATES", _settled_as(NoticeState.RELEASED))


def crash_taken_for_a_non_send() -> Patches:
    """What a worker claimed and never settled is released, and goes again."""

    def notice(self: Any, key: str, before: datetime, summary: Any) -> None:
        original(replace(self, book=_Releasing(self.book)), key, before, summary)

    original = reconcile.Reconciliation._notice
    yield Patch(reconcile.Reconciliation, "_notice", notice)


class _Releasing:
    """A book that releases what it is told to mark as unknown, and frees the card for another message about it."""

    def __init__(self, book: Any) -> None:
        self._book = book

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    def commit(self, changes: list[Change]) -> bool:
        released = [
            SaveNotice(replace(c.row, state=NoticeState.RELEASED)) for c in changes if isinstance(c, SaveNotice)
        ]
        row = released[0].row
        file = self._book.borrower_file(row.borrower_id)
        told = {k: v for k, v in file.card.told.items() if not any(k in tier for tier in row.covers)}
        card = replace(file.card, told=told, rev=file.card.rev + 1, step=row.settled_at)
        return bool(self._book.commit([*released, SaveCard(card)]))


def expired_pack_goes_on() -> Patches:
    """Where no pack is valid, the last one that was goes on."""
    last: dict[tuple[str, str | None], Policy] = {}

    def policy_or_none(shelf: Any, product: str, now: datetime, country: str | None = None) -> Policy | None:
        found = original(shelf, product, now, country)
        if found:
            last[product, country] = found
        return last.get((product, country))

    original = facts.policy_or_none
    for module in (contact_facts, debit_facts, stage_facts):
        yield Patch(module, "policy_or_none", policy_or_none)


def announcements_never_sent() -> Patches:
    """No debit is ever announced, so that none may be made."""
    yield from _untold(lambda step: step.kind is NoticeKind.PRE_DEBIT)


def due_day_not_told() -> Patches:
    """Where no mandate debits, the due day passes in silence."""
    yield from _untold(lambda step: step.kind is NoticeKind.DUE)


def late_told_for_stages_alone() -> Patches:
    """Of the overdue steps those are left out that no stage waits for."""
    yield from _untold(lambda step: step.kind is NoticeKind.OVERDUE and not step.mandatory)


def _untold(silent: Callable[[Step], bool]) -> Patches:
    def tier(*facts: Any) -> Step | None:
        step = original(*facts)
        return None if step and silent(step) else step

    original = steps._tier
    yield Patch(steps, "_tier", tier)
