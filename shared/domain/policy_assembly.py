"""A policy put together from its packs.

Every leaf of the lender's, the product's and the wording packs stands in exactly one of them; a leaf that is missing,
doubled or not known raises PolicyError, and so does a pack that is not valid on the day: then nothing is sent or
debited. Rails are packs of their own, merged strictest-wins under the rail of a mandate (`Policy.under`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from shared.domain.book import Component, SourceKind, Stage
from shared.domain.calendar import business_date
from shared.domain.contact_loosening import loosens
from shared.domain.contact_rules import (
    NO_RULES,
    Channel,
    MessageClass,
    merge_all,
)
from shared.domain.errors import LeafError, PolicyError
from shared.domain.jurisdiction import jurisdictions_on, take_contact_rules
from shared.domain.learning import read_learning
from shared.domain.money import EXPONENTS
from shared.domain.packs import (
    Kind,
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
    outcomes,
    percent,
    some_counts,
    text,
    texts,
)
from shared.domain.policy import Policy, StageRule, Waterfall, least
from shared.domain.provider_rules import ProviderRules, a_provider, read_providers
from shared.domain.rail import read_rail
from shared.domain.shape import Shape
from shared.domain.text_templates import TITLED, Addition, Template, addition, template

MANDATE_TEXTS = frozenset(
    {
        *("code_enable", "code_cancel"),
        *("enable", "enable_next", "enable_overdue", "enable_end"),
        *("cancel", "cancel_next", "cancel_overdue", "cancel_risk", "cancel_claimed", "cancel_end"),
    }
)
"""The texts about a mandate that each locale has: the codes' messages, and the parts of the risk notices."""

ANSWER_TEXTS = frozenset(
    {"opted_out", "link", "page_title", "page_due", "page_overdue", "page_paid", "page_how", "page_help"}
)
"""The texts that answer a borrower: to STOP, the words before a short link, and the page behind it."""


def lender_date(packs: Iterable[Pack], now: datetime) -> date:
    """The lender's business date, in the zone of the lender pack that is valid on it; PolicyError without one."""
    for pack in packs:
        if pack.type == "lender" and "business_zone" in pack.leaves:
            zone_name = Reader({"business_zone": pack.leaves["business_zone"]}).take("business_zone", a_zone)
            day = business_date(now, zone_name)
            if pack.is_valid_on(day):
                return day
    raise PolicyError(f"no lender pack is valid on {now:%Y-%m-%d}")


def assemble(packs: Iterable[Pack], product: str, day: date) -> Policy:
    """The policy of a product on a business date, from the lender's pack, the product's own and the wording packs.

    Raises PolicyError when one of them is missing or not valid that day, and for any leaf that is missing, doubled,
    unknown or of the wrong shape.
    """
    packs = tuple(pack for pack in packs if pack.is_valid_on(day))
    chosen = [p for p in packs if p.type in ("lender", "wording") or p.id == product]
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
    wired = {channel: reader.take(f"provider.{channel}", a_provider) for channel in Channel}
    dpd_origin = reader.take("stage.dpd_origin", count)
    send_from = reader.take("contact.send_from", clock)
    learning = read_learning(reader, product, send_from, packs)
    counted = {learning.pack} if learning.is_on and learning.pack else set[str]()
    policy = Policy(
        product=product,
        version="+".join(sorted({f"{p.id}-{p.version}" for p in chosen} | counted)),
        business_zone=reader.take("business_zone", a_zone),
        send_from=send_from,
        channels={c: tuple(reader.take(f"contact.channels.{c}", members(Channel))) for c in MessageClass},
        wired=wired,
        providers=_chosen(wired, packs),
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
        notice_lead_days=(lead_days := reader.take("debit.notice_lead_days", count)),
        notice_lead_days_varied=lead_days,
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
        rails={rail.name: rail for rail in (read_rail(p) for p in packs if p.type == "rail")},
        approve_above_loans=reader.take("operator.approve_above_loans", maybe_count),
        approve_above_minor=_by_currency(reader, "operator.approve_above_minor"),
        code_life=timedelta(minutes=reader.take("mandate.code_minutes", count)),
        code_tries=reader.take("mandate.code_tries", count),
        codes_per_hour=reader.take("mandate.codes_per_hour", count),
        dpd_origin=dpd_origin,
        stages=tuple(_stage_rule(reader, leaves, stage) for stage in Stage if stage is not Stage.CURRENT),
        notice_wait=timedelta(minutes=reader.take("notice_wait_minutes", count)),
        signature=reader.take_all("signature", text),
        product_name=reader.take_all("name", text),
        hotline=reader.take("hotline", text),
        payment_name=reader.take_all("payment_name", text),
        wording=_wording(reader, leaves),
        additions=_additions(reader, leaves),
        max_parts={c: reader.take(f"contact.max_parts.{c}", count) for c in MessageClass},
        links=frozenset(reader.take("text.links", texts)),
        mandate_texts=_texts(reader, "mandate_text", mandate_text),
        answers=_texts(reader, "answer_text", mandate_text),
        learning=learning,
        link_days=reader.take("contact.link_days", count),
        own=merge_all(take_contact_rules(pack, reader) for pack in chosen),
        packs=packs,
        day=day,
    )
    reader.refuse_rest()
    _check(policy)
    _check_contact(policy)
    _check_debits(policy)
    return policy


def _by_currency(reader: Reader, prefix: str) -> Mapping[str, int | None]:
    found = reader.take_all(prefix, maybe_count)
    if unknown := next((name for name in found if name not in EXPONENTS), None):
        raise LeafError(f"{prefix}.{unknown}", f"{prefix}.{unknown}: {unknown} is no ISO 4217 currency")
    return found


def _chosen(wired: Mapping[Channel, str], packs: tuple[Pack, ...]) -> dict[Channel, ProviderRules]:
    """The provider of each channel, where a valid pack has its name. Raises PolicyError for one of another channel."""
    known = read_providers(packs)
    chosen = {channel: known[name] for channel, name in wired.items() if name in known}
    for channel, provider in chosen.items():
        if provider.channel is not channel:
            raise LeafError(f"provider.{channel}", f"provider.{channel}: {provider.name} carries {provider.channel}")
    return chosen


def _check(policy: Policy) -> None:
    """What single leaves cannot say: an empty window or stages out of order would act wrongly or never."""
    starts = [rule.from_dpd for rule in policy.stages]
    if starts != sorted(set(starts)):
        raise PolicyError("stage.*.from_dpd must rise from stage to stage")
    for rule in policy.stages:
        if rule.notice_from_dpd not in policy.overdue_from_dpd:
            raise PolicyError(f"stage.{rule.stage}.notice_from_dpd names no step of contact.overdue_from_dpd")
        if rule.notice_from_dpd > rule.from_dpd:
            raise PolicyError(f"stage.{rule.stage}.notice_from_dpd comes after the stage itself")
    _check_locales(policy)


def _check_locales(policy: Policy) -> None:
    locales = set(policy.wording)
    if policy.default_locale not in locales:
        raise PolicyError(f"contact.default_locale {policy.default_locale!r} has no wording")
    if not (set(policy.product_name) == set(policy.payment_name) == locales <= set(policy.signature)):
        raise PolicyError("signature, name, payment_name and wording must cover the same locales")
    if set(policy.mandate_texts) != locales:
        raise PolicyError("mandate_text and wording must cover the same locales")
    if set(policy.answers) != locales:
        raise PolicyError("answer_text and wording must cover the same locales")
    if missing := ANSWER_TEXTS - set(policy.answers[policy.default_locale]):
        raise PolicyError(f"answer_text.{policy.default_locale}.{min(missing)} is missing")
    if missing := MANDATE_TEXTS - set(policy.mandate_texts[policy.default_locale]):
        raise PolicyError(f"mandate_text.{policy.default_locale}.{min(missing)} is missing")


def _check_contact(policy: Policy) -> None:
    """A lender only tightens: what would allow more than a country it may lend in is refused, though no merge would
    let it through."""
    if policy.own == NO_RULES:
        return
    for country in jurisdictions_on(policy.packs, policy.day):
        if leaf := loosens(country.contact, policy.own):
            raise LeafError(leaf, f"{leaf} allows more than {country.name}-{country.version} does")


def _check_debits(policy: Policy) -> None:
    if not policy.slots or policy.slots[-1] >= policy.debit_end:
        raise PolicyError("debit.slots must not be empty and end before debit.window_end")
    for order in (policy.waterfall.order, policy.waterfall.late_order):
        if set(order) != set(Component):
            raise PolicyError(f"allocation.order and late_order must name each of {', '.join(Component)}")
    for rail in policy.rails.values():
        if rail.retries_itself and least(policy.max_attempts, rail.max_attempts) > 1:
            raise PolicyError(f"{rail.name}: rail.retries_itself: the rail and debit.max_attempts both retry; one must")


def _wording(reader: Reader, leaves: Mapping[str, Leaf]) -> dict[str, dict[str, Template]]:
    """The lender's texts, with the product's own in the place of those that it says in another way."""
    found = _texts(reader, "wording", template)
    own = reader.take_all("own_wording", template) if _states(leaves, "own_wording") else {}
    for path, wording in own.items():
        locale, _, name = path.partition(".")
        if name not in found.get(locale, {}):
            raise LeafError(f"own_wording.{path}", f"own_wording.{path} is in the place of no text")
        found[locale][name] = wording
    for locale, named in found.items():
        for name, wording in named.items():
            channel, _, kind = name.partition(".")
            if kind != "item" and (channel in TITLED) != (wording.title is not None):
                path = f"wording.{locale}.{name}"
                raise LeafError(path, f"{path}: {' and '.join(sorted(TITLED))} have a title too, and no other channel")
    return found


def _additions(reader: Reader, leaves: Mapping[str, Leaf]) -> dict[str, tuple[Addition, ...]]:
    found: dict[str, tuple[Addition, ...]] = {}
    named = reader.take_all("addition", addition) if _states(leaves, "addition") else {}
    for path in sorted(named):
        locale = path.partition(".")[0]
        found[locale] = (*found.get(locale, ()), replace(named[path], id=f"addition.{path}"))
    return found


def _states(leaves: Mapping[str, Leaf], tree: str) -> bool:
    return any(path.startswith(f"{tree}.") for path in leaves)


def _texts[T](reader: Reader, tree: str, shape: Shape[T]) -> dict[str, dict[str, T]]:
    found: dict[str, dict[str, T]] = {}
    for path, wording in reader.take_all(tree, shape).items():
        locale, _, name = path.partition(".")
        found.setdefault(locale, {})[name] = wording
    names = set.union(*(set(t) for t in found.values()))
    for locale, texts_there in found.items():
        if missing := names - set(texts_there):
            raise PolicyError(f"{tree}.{locale}.{min(missing)} is missing")
    return found


def _stage_rule(reader: Reader, leaves: Mapping[str, Leaf], stage: Stage) -> StageRule:
    at = f"stage.{stage}"
    return StageRule(
        stage,
        reader.take(f"{at}.from_dpd", count),
        reader.take(f"{at}.notice_from_dpd", count),
        tuple(reader.take(f"{at}.consequences", texts)),
        leaves[f"{at}.notice_from_dpd"].kind is Kind.LAW,
    )
