"""The rules for a product on a day, put together from its packs.

Every leaf of the lender's, the product's and the wording packs stands in exactly one of them; a leaf that is missing,
doubled or not known raises PolicyError, and so does a pack that is not valid on the day: then nothing is sent or
debited. Rails are packs of their own, merged strictest-wins under the rail of a mandate (`Policy.under`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from shared.domain.book import Component, Outcome, SourceKind, Stage
from shared.domain.calendar import business_date
from shared.domain.errors import PolicyError
from shared.domain.packs import (
    Leaf,
    Pack,
    Reader,
    a_zone,
    clock,
    clocks,
    count,
    counts,
    flag,
    mandate_text,
    maybe_count,
    members,
    message,
    outcomes,
    percent,
    some_counts,
    text,
    texts,
)
from shared.domain.rail import Rail, read_rail
from shared.domain.shape import Shape

MANDATE_TEXTS = frozenset(
    {
        *("code_enable", "code_cancel"),
        *("enable", "enable_next", "enable_overdue", "enable_end"),
        *("cancel", "cancel_next", "cancel_overdue", "cancel_risk", "cancel_claimed", "cancel_end"),
    }
)
"""The texts about a mandate that each locale has: the codes' messages, and the parts of the risk notices."""


@dataclass(frozen=True, slots=True)
class StageRule:
    """A stage begins at `from_dpd`, once the overdue notice of `notice_from_dpd` was sent."""

    stage: Stage
    from_dpd: int
    notice_from_dpd: int
    consequences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The order in which money pays an instalment's components; another one from `late_from_dpd` on."""

    order: tuple[Component, ...]
    late_order: tuple[Component, ...]
    late_from_dpd: int | None
    dpd_origin: int = 0

    def order_on(self, due_on: date, paid_on: date) -> tuple[Component, ...]:
        """The order for an instalment that was due on a date and is paid on another."""
        is_late = self.late_from_dpd is not None and (paid_on - due_on).days + self.dpd_origin >= self.late_from_dpd
        return self.late_order if is_late else self.order


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for one product on one day."""

    product: str
    version: str
    business_zone: str
    window_start: time
    window_end: time
    send_from: time
    reminder_days: tuple[int, ...]  # descending
    overdue_from_dpd: tuple[int, ...]  # ascending
    received_valid_days: int
    send_retry: timedelta
    max_sends: int
    default_locale: str
    slots: tuple[time, ...]
    debit_end: time
    max_attempts: int
    catch_up_days: int
    notice_required: bool
    notice_lead_days: int
    notice_valid_days: int | None  # how long after its lead a notice covers a debit
    outcome_grace: timedelta
    retry_outcomes: frozenset[Outcome]
    due_day_attempts: int  # attempts in the slots of the first days; the rest wait for a retry day
    retry_days: tuple[int, ...]  # after the due date, ascending
    usual_paydays: tuple[int, ...]  # days of the month on which wages usually come
    payday_within_days: int  # a payday this soon after the due date is a retry day too
    partial_percent: int  # of what is outstanding, tried after a definite insufficient-funds answer; 0: never
    funding_deny: frozenset[SourceKind]
    waterfall: Waterfall
    borrower_may_choose: bool  # which instalments his payment is for
    rails: Mapping[str, Rail]
    approve_above_loans: int | None  # an operator's act on more loans needs a second person
    approve_above_minor: int | None
    code_life: timedelta
    code_tries: int
    codes_per_hour: int  # to one borrower
    dpd_origin: int
    stages: tuple[StageRule, ...]  # in order
    notice_wait: timedelta
    signature: Mapping[str, str]  # by locale
    product_name: Mapping[str, str]
    hotline: str
    wording: Mapping[str, Mapping[str, str]]  # locale -> text id -> text
    mandate_texts: Mapping[str, Mapping[str, str]]  # the same, for codes and risk notices

    _under: dict[str, "Policy"] = field(default_factory=dict, init=False, repr=False, compare=False)

    def under(self, rail_name: str) -> "Policy | None":
        """The rules for a debit over a rail: the stricter of the lender's and the rail's. None: no pack of that rail is
        valid, and nothing is debited over it."""
        rail = self.rails.get(rail_name)
        if rail is None:
            return None
        if rail_name not in self._under:
            self._under[rail_name] = self._merged(rail)
        return self._under[rail_name]

    def _merged(self, rail: Rail) -> "Policy":
        return replace(
            self,
            version=f"{self.version}+{rail.name}-{rail.version}",
            max_attempts=_least(self.max_attempts, rail.max_attempts),
            catch_up_days=_least(self.catch_up_days, rail.days_after_due),
            notice_required=self.notice_required or rail.notice_required,
            notice_lead_days=max(self.notice_lead_days, rail.notice_lead_days),
            retry_outcomes=self.retry_outcomes & rail.retry_outcomes,
            notice_valid_days=rail.notice_valid_days,
            partial_percent=self.partial_percent if rail.partial and not rail.same_amount else 0,
        )


def _least(own: int, limit: int | None) -> int:
    return own if limit is None else min(own, limit)


def lender_date(packs: Iterable[Pack], now: datetime) -> date:
    """The lender's business date, in the zone of the lender pack that is valid on it; PolicyError without one."""
    for pack in packs:
        if pack.type == "lender" and "business_zone" in pack.leaves:
            zone_name = Reader(pack.leaves).take("business_zone", a_zone)
            day = business_date(now, zone_name)
            if pack.is_valid_on(day):
                return day
    raise PolicyError(f"no lender pack is valid on {now:%Y-%m-%d}")


def assemble(packs: Iterable[Pack], product: str, day: date) -> Policy:
    """The policy of a product on a business date, from the lender's pack, the product's own and the wording packs.

    Raises PolicyError when one of them is missing or not valid that day, and for any leaf that is missing, doubled,
    unknown or of the wrong shape.
    """
    packs = tuple(packs)
    chosen = [p for p in packs if p.is_valid_on(day) and (p.type in ("lender", "wording") or p.id == product)]
    if not any(p.type == "lender" for p in chosen):
        raise PolicyError(f"no lender pack is valid on {day}")
    if not any(p.type == "product" for p in chosen):
        raise PolicyError(f"no pack of product {product!r} is valid on {day}")
    leaves: dict[str, Leaf] = {}
    for pack in chosen:
        for path, leaf in pack.leaves.items():
            if path in leaves:
                raise PolicyError(f"{pack.id}: {path} stands in another valid pack already")
            leaves[path] = leaf
    reader = Reader(leaves)
    wording = _texts(reader, "wording", message)
    dpd_origin = reader.take("stage.dpd_origin", count)
    policy = Policy(
        product=product,
        version="+".join(sorted(f"{p.id}-{p.version}" for p in chosen)),
        business_zone=reader.take("business_zone", a_zone),
        window_start=reader.take("contact.window_start", clock),
        window_end=reader.take("contact.window_end", clock),
        send_from=reader.take("contact.send_from", clock),
        reminder_days=tuple(sorted(reader.take("contact.reminder_days", counts), reverse=True)),
        overdue_from_dpd=tuple(sorted(reader.take("contact.overdue_from_dpd", counts))),
        received_valid_days=reader.take("contact.received_valid_days", count),
        send_retry=timedelta(minutes=reader.take("contact.send_retry_minutes", count)),
        max_sends=reader.take("contact.max_sends", count),
        default_locale=reader.take("contact.default_locale", text),
        slots=tuple(sorted(reader.take("debit.slots", clocks))),
        debit_end=reader.take("debit.window_end", clock),
        max_attempts=reader.take("debit.max_attempts", count),
        catch_up_days=reader.take("debit.catch_up_days", count),
        notice_required=reader.take("debit.notice_required", flag),
        notice_lead_days=reader.take("debit.notice_lead_days", count),
        notice_valid_days=None,
        outcome_grace=timedelta(minutes=reader.take("debit.outcome_grace_minutes", count)),
        retry_outcomes=frozenset(reader.take("debit.retry_outcomes", outcomes)),
        due_day_attempts=reader.take("debit.due_day_attempts", count),
        retry_days=tuple(sorted(reader.take("debit.retry_days", some_counts))),
        usual_paydays=tuple(sorted(reader.take("debit.usual_paydays", some_counts))),
        payday_within_days=reader.take("debit.payday_within_days", count),
        partial_percent=reader.take("debit.partial_percent", percent),
        funding_deny=frozenset(reader.take("debit.funding_deny", members(SourceKind))),
        waterfall=Waterfall(
            tuple(reader.take("allocation.order", members(Component))),
            tuple(reader.take("allocation.late_order", members(Component))),
            reader.take("allocation.late_from_dpd", maybe_count),
            dpd_origin,
        ),
        borrower_may_choose=reader.take("allocation.borrower_may_choose", flag),
        rails={rail.name: rail for rail in (read_rail(p) for p in packs if p.type == "rail" and p.is_valid_on(day))},
        approve_above_loans=reader.take("operator.approve_above_loans", maybe_count),
        approve_above_minor=reader.take("operator.approve_above_minor", maybe_count),
        code_life=timedelta(minutes=reader.take("mandate.code_minutes", count)),
        code_tries=reader.take("mandate.code_tries", count),
        codes_per_hour=reader.take("mandate.codes_per_hour", count),
        dpd_origin=dpd_origin,
        stages=tuple(_stage_rule(reader, stage) for stage in Stage if stage is not Stage.CURRENT),
        notice_wait=timedelta(minutes=reader.take("notice_wait_minutes", count)),
        signature=reader.take_all("signature", text),
        product_name=reader.take_all("name", text),
        hotline=reader.take("hotline", text),
        wording=wording,
        mandate_texts=_texts(reader, "mandate_text", mandate_text),
    )
    reader.refuse_rest()
    _check(policy)
    _check_debits(policy)
    return policy


def _check(policy: Policy) -> None:  # noqa: C901 - one line for each contradiction
    """What single leaves cannot say: an empty window or stages out of order would act wrongly or never."""
    if not policy.window_start < policy.window_end:
        raise PolicyError("contact.window_start must be before contact.window_end")
    if not policy.send_from < policy.window_end:
        raise PolicyError("contact.send_from must be before contact.window_end")
    starts = [rule.from_dpd for rule in policy.stages]
    if starts != sorted(set(starts)):
        raise PolicyError("stage.*.from_dpd must rise from stage to stage")
    for rule in policy.stages:
        if rule.notice_from_dpd not in policy.overdue_from_dpd:
            raise PolicyError(f"stage.{rule.stage}.notice_from_dpd names no step of contact.overdue_from_dpd")
        if rule.notice_from_dpd > rule.from_dpd:
            raise PolicyError(f"stage.{rule.stage}.notice_from_dpd comes after the stage itself")
    locales = set(policy.wording)
    if policy.default_locale not in locales:
        raise PolicyError(f"contact.default_locale {policy.default_locale!r} has no wording")
    if not (set(policy.signature) == set(policy.product_name) == locales):
        raise PolicyError("signature, name and wording must cover the same locales")
    if set(policy.mandate_texts) != locales:
        raise PolicyError("mandate_text and wording must cover the same locales")
    if missing := MANDATE_TEXTS - set(policy.mandate_texts[policy.default_locale]):
        raise PolicyError(f"mandate_text.{policy.default_locale}.{min(missing)} is missing")


def _check_debits(policy: Policy) -> None:
    if not policy.slots or policy.slots[-1] >= policy.debit_end:
        raise PolicyError("debit.slots must not be empty and end before debit.window_end")
    for order in (policy.waterfall.order, policy.waterfall.late_order):
        if set(order) != set(Component):
            raise PolicyError(f"allocation.order and late_order must name each of {', '.join(Component)}")
    for rail in policy.rails.values():
        if rail.retries_itself and _least(policy.max_attempts, rail.max_attempts) > 1:
            raise PolicyError(f"{rail.name}: rail.retries_itself: the rail and debit.max_attempts both retry; one must")


def _texts(reader: Reader, tree: str, shape: Shape[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path, wording in reader.take_all(tree, shape).items():
        locale, _, name = path.partition(".")
        found.setdefault(locale, {})[name] = wording
    names = set.union(*(set(t) for t in found.values()))
    for locale, texts_there in found.items():
        if missing := names - set(texts_there):
            raise PolicyError(f"{tree}.{locale}.{min(missing)} is missing")
    return found


def _stage_rule(reader: Reader, stage: Stage) -> StageRule:
    at = f"stage.{stage}"
    return StageRule(
        stage,
        reader.take(f"{at}.from_dpd", count),
        reader.take(f"{at}.notice_from_dpd", count),
        tuple(reader.take(f"{at}.consequences", texts)),
    )
