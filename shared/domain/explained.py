"""Which leaves of the packs stand behind a decision: by its reason, and by the windows, caps and holds that made it.

A path may hold a `*` for any part; `{class}` is the message's class, `{code}` a hold's, `{stage}` a stage that is
entered or left.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from shared.domain.book import Line
from shared.domain.contact_rules import Cap, Channel, ContactRules, MessageClass
from shared.domain.decision import Reason
from shared.domain.packs import Kind, Leaf, Pack
from shared.domain.policy import Policy

_NOTICE = ("debit.notice_required", "debit.notice_lead_days", "debit.lead_days", "rail.notice_required")
_NOTICES = (*_NOTICE, "rail.notice_lead_days", "rail.notice_valid_days")
_PAYDAYS = ("debit.usual_paydays", "debit.payday_within_days")
_LAST_DAY = ("debit.catch_up_days", "rail.days_after_due", "rail.attempts_within_days")

LEAVES: Mapping[Reason, tuple[str, ...]] = MappingProxyType(
    {
        Reason.REMINDER_DUE: ("contact.reminder_days",),
        Reason.PRE_DEBIT_NOTICE_DUE: _NOTICES,
        Reason.DUE_TODAY: ("stage.dpd_origin",),
        Reason.DEDUCTION_FAILED: ("debit.slots", "debit.due_day_attempts"),
        Reason.OVERDUE: ("contact.overdue_from_dpd", "stage.dpd_origin"),
        Reason.DEDUCTION_RECEIVED: ("contact.received_valid_days",),
        Reason.SLOT_OPEN: ("debit.slots", "debit.window_end", "debit.catch_up_days"),
        Reason.RETRY_DAY: ("debit.retry_days",),
        Reason.PAYDAY: _PAYDAYS,
        Reason.NEXT_ACCOUNT: ("debit.funding_deny", "rail.order_in_one_call"),
        Reason.LOWER_AMOUNT: ("debit.partial_percent", "rail.partial"),
        Reason.STAGE_REACHED: ("stage.{stage}.*", "stage.dpd_origin"),
        Reason.CURED: ("stage.*.from_dpd", "stage.dpd_origin"),
        Reason.NOTHING_DUE: ("contact.reminder_days", "debit.notice_lead_days", "contact.overdue_from_dpd"),
        Reason.ON_HOLD: ("holds.{code}",),
        Reason.CONTACT_CAP: (),
        Reason.NO_PROVIDER: ("contact.channels.*", "provider.*", "countries"),
        Reason.TEXT_REFUSED: ("text.*",),
        Reason.NO_CONTACT_WINDOW: ("contact.windows.*", "contact.send_from"),
        Reason.OUTSIDE_CONTACT_HOURS: (),
        Reason.LEARNED_HOUR: ("contact.learning.*",),
        Reason.AWAITING_DEDUCTION: ("debit.slots", "debit.outcome_grace_minutes"),
        Reason.NOT_YET_DUE: ("debit.slots", "rail.days_before_due"),
        Reason.BEFORE_SLOT: ("debit.slots", "debit.window_end"),
        Reason.SLOT_USED: ("debit.slots",),
        Reason.WAITS_FOR_RETRY_DAY: ("debit.due_day_attempts", "debit.retry_days"),
        Reason.WAITS_FOR_PAYDAY: ("debit.due_day_attempts", *_PAYDAYS),
        Reason.ANOTHER_DAY: ("rail.max_per_day",),
        Reason.RAIL_DOES_NOT_SETTLE: ("rail.settle_weekdays", "rail.closed_on"),
        Reason.RAIL_CLOSED: ("rail.windows", "rail.zone"),
        Reason.RAIL_CALENDAR_ENDED: ("rail.calendar_until",),
        Reason.CALENDAR_ENDED: ("calendar.years",),
        Reason.OTHER_ATTEMPTS_OPEN: ("rail.failures_in_row",),
        Reason.NOTICE_NOT_SENT: (*_NOTICES, "stage.*.notice_from_dpd", "notice_wait_minutes"),
        Reason.STAGE_UNCHANGED: ("stage.*.from_dpd", "stage.dpd_origin"),
        Reason.BUDGET_SPENT: ("debit.max_attempts", "rail.max_attempts"),
        Reason.NOT_RETRIED: ("debit.retry_outcomes", "rail.retry_outcomes"),
        Reason.AMOUNT_CHANGED: ("rail.same_amount",),
        Reason.NO_FUNDING_SOURCE: ("debit.funding_deny",),
        Reason.REAUTHORISATION_NEEDED: ("rail.failures_in_row",),
        Reason.RETRY_DAYS_OVER: ("debit.retry_days", *_PAYDAYS, *_LAST_DAY),
        Reason.CATCH_UP_OVER: _LAST_DAY,
    }
)
"""By reason. Those of a window and of a cap are found by `window_leaves` and `cap_leaf`: which one it was follows from
the message and the hour."""


@dataclass(frozen=True, slots=True)
class Behind:
    """One leaf behind a decision; `why` says what it did where the leaf alone does not."""

    leaf: str
    value: object
    pack: str  # id-version
    kind: Kind
    source: str
    why: str = ""


def leaves_behind(
    reason: Reason, line: Line, policy: Policy, country: str, rail: str | None, names: Mapping[str, Sequence[str]]
) -> tuple[Behind, ...]:
    """The leaves of a reason, in the packs that were merged for this borrower, product and rail.

    `names` fills in what a path leaves open: class, code, stage.
    """
    patterns = [filled for path in LEAVES.get(reason, ()) if _is_of(line, path) for filled in _filled(path, names)]
    return tuple(_found(merged_packs(policy, country, rail), patterns))


def named_leaves(paths: Sequence[str], policy: Policy, country: str) -> tuple[Behind, ...]:
    """Leaves by their paths, in the packs that were merged for this borrower and product."""
    return tuple(_found(merged_packs(policy, country, None), paths))


def merged_packs(policy: Policy, country: str, rail: str | None) -> tuple[Pack, ...]:
    """The packs whose rules are the strictest of each other here: lender, product, country, providers, rail."""
    wired = set(policy.wired.values())
    return tuple(
        pack
        for pack in policy.packs
        if pack.type in ("lender", "wording")
        or pack.id == policy.product
        or (pack.type == "jurisdiction" and country in _countries(pack))
        or (pack.type == "provider" and pack.id in wired)
        or (pack.type == "rail" and pack.id == rail)
        or (policy.learning.is_on and f"{pack.id}-{pack.version}" == policy.learning.pack)
    )


def window_leaves(
    closed: Iterable[tuple[str, str]],
    policy: Policy,
    message_class: MessageClass,
    channel: Channel,
    rules: ContactRules,
) -> tuple[Behind, ...]:
    """The windows that kept a message back: those of each pack that was closed, with the zones in which it was.

    `closed` is what `contact_windows.closed_by` says. A pack without a window for such a message admits it never.
    """
    zones: dict[str, list[str]] = {}
    for name, zone_name in closed:
        zones.setdefault(name, []).append(zone_name)
    found: list[Behind] = []
    for name, where in zones.items():
        why = f"closed in {', '.join(where)}"
        windows = [w for group in rules.groups if group.pack == name for w in group.windows]
        own = [w.id for w in windows if message_class in w.classes and channel in w.channels]
        packs = [p for p in policy.packs if name in (f"{p.id}-{p.version}", p.type)]
        found += _found(packs, own or ["contact.windows.*"], why)
    return tuple(found)


def cap_leaf(cap: Cap | None, policy: Policy) -> tuple[Behind, ...]:
    """The cap that holds a message longest."""
    if cap is None:
        return ()
    return tuple(_found([p for p in policy.packs if f"{p.id}-{p.version}" == cap.pack], [cap.id]))


def _countries(pack: Pack) -> Sequence[object]:
    leaf = pack.leaves.get("countries")
    return leaf.value if leaf is not None and isinstance(leaf.value, list) else ()


def _is_of(line: Line, path: str) -> bool:
    """A notice that must come first is another one for a stage than for a debit."""
    is_of_stage = path.startswith("stage.")
    return {
        Line.STAGE: is_of_stage or path in ("notice_wait_minutes", "holds.{code}"),
        Line.DEBIT: not is_of_stage,
        Line.CONTACT: True,
    }[line]


def _filled(path: str, names: Mapping[str, Sequence[str]]) -> Iterator[str]:
    name = next((n for n in ("class", "code", "stage") if f"{{{n}}}" in path), None)
    if name is None:
        yield path
        return
    for value in names.get(name, ()):
        yield path.replace(f"{{{name}}}", value)


def _found(packs: Iterable[Pack], patterns: Sequence[str], why: str = "") -> Iterator[Behind]:
    wanted = tuple(packs)
    for pattern in patterns:
        for pack in wanted:
            for path, leaf in sorted(pack.leaves.items()):
                if _fits(path, pattern):
                    yield _behind(path, leaf, pack, why)


def _fits(path: str, pattern: str) -> bool:
    """A leaf's path by a pattern in which `*` stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), path) is not None


def _behind(path: str, leaf: Leaf, pack: Pack, why: str) -> Behind:
    return Behind(path, leaf.value, f"{pack.id}-{pack.version}", leaf.kind, leaf.source, why)
