"""The rules for a product on a day, as the decisions read them: the lender's, and the stricter ones of the borrower's
country and of the mandate's rail (`Policy.within`, `Policy.under`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from functools import lru_cache

from shared.domain.book import Component, Instalment, Outcome, SourceKind, Stage
from shared.domain.business_days import Calendar, read_calendar
from shared.domain.contact_rules import (
    NO_RULES,
    Channel,
    ContactRules,
    MessageClass,
    Window,
    WindowGroup,
    merge,
    merge_all,
)
from shared.domain.jurisdiction import jurisdiction_of
from shared.domain.learning import Learning
from shared.domain.packs import MIDNIGHT, Pack
from shared.domain.provider_rules import NOBODY, ProviderRules
from shared.domain.rail import Rail
from shared.domain.text_templates import Addition, Template


@dataclass(frozen=True, slots=True)
class StageRule:
    """A stage begins at `from_dpd`, once the overdue notice of `notice_from_dpd` was sent."""

    stage: Stage
    from_dpd: int
    notice_from_dpd: int
    consequences: tuple[str, ...]
    notice_is_law: bool = False  # a law asks for the notice, so that it is a legal one

    def from_day(self, dpd: int) -> "StageRule":
        """The same, neither told nor entered before a day past due."""
        return replace(self, from_dpd=max(dpd, self.from_dpd), notice_from_dpd=max(dpd, self.notice_from_dpd))


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
    send_from: time
    channels: Mapping[MessageClass, tuple[Channel, ...]]  # in the order in which they are tried
    wired: Mapping[Channel, str]  # the provider of each channel, by the name of its pack; NOBODY: none
    providers: Mapping[Channel, ProviderRules]  # those of them with a valid pack
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
    notice_lead_days_varied: int  # where the amount is not that of the time before
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
    approve_above_minor: Mapping[str, int | None]  # the same for its money, by currency; in any other it always does
    code_life: timedelta
    code_tries: int
    codes_per_hour: int  # to one borrower
    dpd_origin: int
    stages: tuple[StageRule, ...]  # in order
    notice_wait: timedelta
    signature: Mapping[str, str]  # by locale
    product_name: Mapping[str, str]
    hotline: str
    payment_name: Mapping[str, str]  # what is owed each time: a payment, a bill
    wording: Mapping[str, Mapping[str, Template]]  # locale -> channel.text -> template, the product's own before others
    additions: Mapping[str, tuple[Addition, ...]]  # by locale: what follows a text where a country asks for it
    max_parts: Mapping[MessageClass, int]  # of an SMS
    links: frozenset[str]  # hosts that a text may lead to, with their subdomains
    mandate_texts: Mapping[str, Mapping[str, str]]  # the same, for codes and risk notices
    answers: Mapping[str, Mapping[str, str]]  # the same, for what answers the borrower
    learning: Learning  # at which hour and over which channel what no step waits for is told
    link_days: int  # for how many days a short link in a message opens; 0: messages have none
    own: ContactRules  # of the lender's and the product's packs
    packs: tuple[Pack, ...]  # all that are valid on the day
    day: date
    contact: ContactRules = NO_RULES  # of the borrower's country too, once `within` it; before, nothing goes out
    planned: ContactRules = NO_RULES  # the same from the sending hour on, for what is not told at once
    lost: Mapping[MessageClass, tuple[Channel, ...]] = field(default_factory=dict)  # whose provider has no valid pack
    calendar: Calendar | None = None  # of the borrower's country, where one is loaded

    _within: dict[str, "Policy"] = field(default_factory=dict, init=False, repr=False, compare=False)
    _under: dict[str, "Policy"] = field(default_factory=dict, init=False, repr=False, compare=False)
    _openings: dict[bool, tuple[tuple[MessageClass, Channel], ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def openings(self, *, planned: bool) -> tuple[tuple[MessageClass, Channel], ...]:
        """One class and channel for each of the weeks that the rules give to messages: those told at once, or all
        others."""
        if planned not in self._openings:
            rules = self.planned if planned else self.contact
            weeks = {rules.week(c, channel): (c, channel) for c, order in self.channels.items() for channel in order}
            self._openings[planned] = tuple(weeks.values())
        return self._openings[planned]

    def within(self, country: str) -> "Policy":
        """The rules for a borrower of a country: the strictest of the lender's, the country's and the providers'.

        A channel is left out whose provider is not named, has no valid pack or does not serve the country. Raises
        PolicyError where no valid jurisdiction pack, or more than one, covers the country.
        """
        if country not in self._within:
            found = jurisdiction_of(self.packs, country, self.day)
            providers = {c: provider for c, provider in self.providers.items() if provider.serves(country)}
            contact = merge_all([found.contact, self.own, *(p.contact for p in providers.values())])
            lost = {c for c, name in self.wired.items() if name != NOBODY and c not in self.providers}
            grace = contact.grace_days or 0
            late = 1 + self.dpd_origin + grace if grace else 1  # the first day past due that has consequences
            names = [f"{found.name}-{found.version}", *sorted(f"{p.name}-{p.version}" for p in providers.values())]
            self._within[country] = replace(
                self,
                version="+".join([self.version, *names]),
                channels={m: tuple(c for c in order if c in providers) for m, order in self.channels.items()},
                lost={m: tuple(c for c in order if c in lost) for m, order in self.channels.items()},
                providers=providers,
                contact=contact,
                planned=merge(contact, _from_hour(self.send_from)),
                calendar=next((read_calendar(p) for p in self.packs if p.id == f"calendar-{country.lower()}"), None),
                overdue_from_dpd=tuple(sorted({max(late, dpd) for dpd in self.overdue_from_dpd})),
                stages=tuple(rule.from_day(late) for rule in self.stages),
                max_attempts=least(self.max_attempts, found.contact.max_attempts),
                notice_lead_days=max(self.notice_lead_days, found.contact.lead_days or 0),
                notice_lead_days_varied=max(
                    self.notice_lead_days_varied, found.contact.lead_days or 0, found.contact.lead_days_varied or 0
                ),
            )
        return self._within[country]

    def planned_from(self, hour: time) -> ContactRules:
        """The rules for what is not told at once, from an hour on that was learned: never more than `planned`."""
        return merge(self.planned, _from_hour(hour, "contact.learning.hours"))

    def lead_days(self, instalment: Instalment) -> int:
        """Days between an instalment's pre-debit notice and its debit."""
        return self.notice_lead_days_varied if instalment.varies else self.notice_lead_days

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
            max_attempts=least(self.max_attempts, rail.max_attempts),
            catch_up_days=least(self.catch_up_days, rail.days_after_due),
            notice_required=self.notice_required or rail.notice_required,
            notice_lead_days=max(self.notice_lead_days, rail.notice_lead_days),
            notice_lead_days_varied=max(self.notice_lead_days_varied, rail.notice_lead_days),
            retry_outcomes=self.retry_outcomes & rail.retry_outcomes,
            notice_valid_days=rail.notice_valid_days,
            partial_percent=self.partial_percent if rail.partial and not rail.same_amount else 0,
        )


@lru_cache(maxsize=256)
def _from_hour(hour: time, leaf: str = "contact.send_from") -> ContactRules:
    """Open every day from an hour on, as a leaf of the lender says."""
    every = frozenset(MessageClass), frozenset(Channel), frozenset(range(1, 8))
    window = Window(leaf, *every, hour, MIDNIGHT)
    return ContactRules(groups=frozenset({WindowGroup("lender", frozenset({window}))}))


def least(own: int, limit: int | None) -> int:
    """The stricter of the lender's number and a limit; None: no limit."""
    return own if limit is None else min(own, limit)
