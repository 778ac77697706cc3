"""Which channel and hour each kind of message takes today, where policy learns it."""

from collections.abc import Mapping
from datetime import datetime

from shared.domain.bandit import Drawn
from shared.domain.book import Borrower, ContactCard
from shared.domain.calendar import business_date
from shared.domain.contact_rules import class_of
from shared.domain.contact_times import Asked, is_law, is_today, opening
from shared.domain.learning import Arm
from shared.domain.reach import ways_to
from shared.domain.steps import Step, urgency
from shared.domain.tiers import NoticeKind


def learned_arms(
    asked: list[Asked], borrower: Borrower, card: ContactCard, now: datetime
) -> Mapping[NoticeKind, Drawn[Arm]]:
    """The arm of each kind of message that is learned: one for all of a kind, so that they stay one message.

    None where a step of the kind must be told: that one goes as early as it may, and the others with it.
    """
    if not any(one.policy.learning.is_on for one in asked):
        return {}
    by_kind: dict[NoticeKind, list[tuple[Step, Asked]]] = {}
    for one in asked:
        if isinstance(one.found, Step):
            by_kind.setdefault(one.found.kind, []).append((one.found, one))
    found: dict[NoticeKind, Drawn[Arm]] = {}
    for kind, steps in by_kind.items():
        if kind.at_once or any(step.mandatory for step, _ in steps):
            continue
        step, lead = min(steps, key=lambda pair: urgency(pair[0]))
        won = _won(step, lead, borrower, card, now)
        if won is not None:
            found[kind] = won
    return found


def _won(step: Step, lead: Asked, borrower: Borrower, card: ContactCard, now: datetime) -> Drawn[Arm] | None:
    """The arm for a step that may go today, of those at whose hour it still may.

    On another business date it may be another step, which is not to wait for this one's hour.
    """
    policy, learning = lead.policy, lead.policy.learning
    if not learning.is_on or learning.is_held_out(borrower.borrower_id):
        return None
    message_class = class_of(step.kind, required_by_law=is_law(step, policy))
    ways = ways_to(borrower, card.bars, policy, message_class)
    plain = (opening(c, message_class, step, borrower, card, policy, lead.debts, now) for c in ways)
    first = next((wait for wait in plain if wait is not None), None)
    if first is None or not is_today(first, policy, now):
        return None
    open_today = []
    for arm in (Arm(channel, hour) for channel in ways for hour in learning.hours):
        wait = opening(arm.channel, message_class, step, borrower, card, policy, lead.debts, now, arm.hour)
        if wait is not None and is_today(wait, policy, now):
            open_today.append(arm)
    today = business_date(now, policy.business_zone)
    return learning.chosen(borrower.borrower_id, step.key, step.tier, today, open_today)
