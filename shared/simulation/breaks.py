"""The production workflows, each broken in one way that has cost somebody money; the checks must notice every one.

`broken(name)` patches the real code for as long as its block lasts. What a patch is called says what it leaves out.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from shared.simulation import broken_books, broken_debits, broken_messages
from shared.simulation.patches import Patches, patched


@dataclass(frozen=True, slots=True)
class Break:
    """A patch, and the checks of which one must notice it: another one would have found something else."""

    patches: Callable[[], Patches]
    noticed_by: frozenset[str]

    @property
    def sentence(self) -> str:
        """What the patch does."""
        return " ".join((self.patches.__doc__ or "").split())


def _by(patches: Callable[[], Patches], *checks: str) -> tuple[str, Break]:
    return patches.__name__.replace("_", "-"), Break(patches, frozenset(checks))


_MONEY = ("gateway-agrees", "charged-once")
_CLAIMS = ("claims-were-right", "claims-were-free")
_SENT = "one-message-a-claim"
BREAKS: Mapping[str, Break] = dict(
    (
        _by(broken_debits.claim_after_act, "requests-were-claimed"),
        _by(broken_debits.unknown_is_failed, "charged-once"),
        _by(broken_debits.fresh_key_per_retry, "requests-were-claimed", *_MONEY),
        _by(broken_debits.not_found_without_a_claim, "requests-were-claimed"),
        _by(broken_debits.reclaim_without_a_new_decision, *_CLAIMS),
        _by(broken_debits.late_settle_overwrites, "attempts-are-booked", "gateway-agrees"),
        _by(broken_debits.gate_not_required, "claims-were-free"),
        _by(broken_debits.suspense_dropped, "gateway-agrees"),
        _by(broken_debits.key_life_ignored, *_MONEY),
        _by(broken_debits.instalments_not_claimed, "claims-match", "claims-were-free"),
        _by(broken_debits.hold_ignored_at_the_claim, "claims-were-right"),
        _by(broken_debits.switch_ignored_at_the_last_gate, "switches-hold"),
        _by(broken_debits.deferral_without_a_new_decision, *_CLAIMS, "amounts-were-owed", "debits-were-announced"),
        _by(broken_debits.equality_on_days, "nothing-is-lost"),
        _by(broken_debits.budget_counted_by_owner, "budget-is-kept"),
        _by(broken_debits.place_not_reserved, "failures-stop"),
        _by(broken_debits.failures_do_not_stop, "failures-stop", "claims-were-right"),
        _by(broken_debits.loan_not_claimed_with_its_amount, *_CLAIMS, "paid-is-booked", "amounts-were-owed"),
        _by(broken_debits.debit_always_deferred, "debits-arrive"),
        _by(broken_messages.cap_outside_the_claim, "caps-are-kept"),
        _by(broken_messages.contact_not_logged, "caps-are-kept"),
        _by(broken_messages.caps_not_asked, "caps-are-kept"),
        _by(broken_messages.bar_ignored, "nobody-contacted-against-his-word", "claims-were-right"),
        _by(broken_messages.hours_at_planning_only, "contact-hours-are-kept", "sent-in-the-hours"),
        _by(broken_messages.paid_not_read_again, "claims-were-right", "nobody-asked-after-paying"),
        _by(broken_messages.hold_does_not_wake_the_card, "claims-were-right", "holds-win"),
        _by(broken_messages.notice_by_equality, "stages-arrive"),
        _by(broken_messages.next_channel_after_unknown, _SENT),
        _by(broken_messages.sent_again_after_a_time_out, _SENT),
        _by(broken_messages.crash_taken_for_a_non_send, _SENT),
        _by(broken_messages.expired_pack_goes_on, "rules-were-in-force"),
        _by(broken_messages.announcements_never_sent, "debits-arrive"),
        _by(broken_messages.due_day_not_told, "notices-arrive"),
        _by(broken_messages.late_told_for_stages_alone, "notices-arrive"),
        _by(broken_books.stage_without_its_notice, "stages-were-told"),
        _by(broken_books.cure_does_not_undo, "escalations-stand"),
        _by(broken_books.stage_by_equality, "stages-follow", "escalations-stand", "lines-move"),
        _by(broken_books.hold_forgotten_by_the_stage, "stages-were-free", "holds-win"),
        _by(broken_books.allocation_loses_a_minor_unit, "paid-is-booked"),
        _by(broken_books.webhook_booked_twice, "gateway-agrees"),
        _by(broken_books.undo_takes_no_place, "taken-back-at-most", "gateway-agrees"),
        _by(broken_books.whole_row_written, "fields-survive"),
        _by(broken_books.whole_attempt_written, "fields-survive"),
        _by(broken_books.cursor_past_the_lag, "lines-move"),
        _by(broken_books.sleepers_stay_asleep, "stages-follow", "balances-hold"),
    )
)


@contextmanager
def broken(name: str | None) -> Iterator[None]:
    """The workflows with one of the patches, or as they are."""
    with patched(BREAKS[name].patches() if name else ()):
        yield
