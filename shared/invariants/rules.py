"""The few rules that the checks need, read from the policy packs' documents without the code that decides by them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from shared.invariants.contact_terms import ContactTerms, read_contact_terms

STAGES = ("current", "M1", "M2", "M3", "legal")

_MISSING = object()


@dataclass(frozen=True)
class Rules:
    """What was in force for a product on a day."""

    business_zone: str
    send_from: time
    slots: tuple[time, ...]
    debit_end: time
    max_attempts: int
    catch_up_days: int
    notice_required: bool
    notice_lead_days: int
    retry_outcomes: frozenset[str]
    due_day_attempts: int
    funding_deny: frozenset[str]
    dpd_origin: int
    from_dpd: Mapping[str, int]  # by stage
    notice_from_dpd: Mapping[str, int]
    notice_wait: timedelta  # how soon a stage looks again for its notice
    overdue_from: tuple[int, ...]  # the days past due at which who is late is told of it

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.business_zone)

    def date_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def dpd(self, due_on: date, day: date) -> int:
        return max(0, (day - due_on).days + self.dpd_origin)

    def bucket(self, dpd: int) -> str:
        return next((s for s in reversed(STAGES[1:]) if self.from_dpd[s] <= dpd), "current")


@dataclass(frozen=True)
class RailRules:
    """What a rail's scheme forbids; None is "no such rule"."""

    max_attempts: int | None
    attempts_within_days: int | None
    max_per_day: int | None
    same_amount: bool
    failures_in_row: int | None
    days_before_due: int
    days_after_due: int | None
    notice_required: bool
    notice_lead_days: int
    windows: tuple[tuple[time, time], ...]
    zone: ZoneInfo
    settle_weekdays: frozenset[int]
    closed_on: frozenset[date]
    retry_outcomes: frozenset[str]

    def is_open(self, moment: datetime) -> bool:
        local = moment.astimezone(self.zone).time()
        return not self.windows or any(start <= local < end for start, end in self.windows)

    def settles_on(self, day: date) -> bool:
        return day.isoweekday() in self.settle_weekdays and day not in self.closed_on


class RuleBook:
    """Rules by product and day, over decoded packs. A day without valid packs has none."""

    def __init__(self, documents: Iterable[Mapping[str, object]]) -> None:
        self._documents = tuple(documents)
        self._known: dict[tuple[str, date], Rules | None] = {}
        self._rails: dict[tuple[str, date], RailRules | None] = {}
        self._contacts: dict[tuple[str, str, date], tuple[ContactTerms, ...] | None] = {}

    def on(self, product: str, day: date) -> Rules | None:
        if (product, day) not in self._known:
            self._known[product, day] = self._read(product, day)
        return self._known[product, day]

    def at(self, product: str, moment: datetime) -> Rules | None:
        """The rules of the business date at an instant: that of the lender's zone, which is no more than a day away."""
        for day in (moment.date() + timedelta(days=d) for d in (0, 1, -1)):
            rules = self.on(product, day)
            if rules and rules.date_of(moment) == day:
                return rules
        return None

    def rail(self, name: str, day: date) -> RailRules | None:
        """A rail's rules on a day; None without a valid pack of it."""
        if (name, day) not in self._rails:
            valid = [d for d in self._documents if d.get("type") == "rail" and d["id"] == name and _is_valid(d, day)]
            self._rails[name, day] = _read_rail(valid) if valid else None
        return self._rails[name, day]

    def contact(self, product: str, country: str, day: date) -> tuple[ContactTerms, ...] | None:
        """What each pack that is valid on a day says of contacts: the country's one, and where they say something the
        lender's and the product's. None where not exactly one pack covers the country: then nobody may be contacted."""
        key = product, country, day
        if key not in self._contacts:
            self._contacts[key] = self._contact(*key)
        return self._contacts[key]

    def _contact(self, product: str, country: str, day: date) -> tuple[ContactTerms, ...] | None:
        valid = [d for d in self._documents if _is_valid(d, day)]
        country_packs = [d for d in valid if d.get("type") == "jurisdiction" and country in _texts([d], "countries")]
        if len(country_packs) != 1:
            return None
        own = [d for d in self._valid(product, day) if d.get("type") in ("lender", "product")]
        return tuple(found for d in [*country_packs, *own] if (found := read_contact_terms(d)))

    def end_of(self, day: date) -> datetime:
        """The last second of a business date; of a day without a lender's pack, that in UTC."""
        valid = [d for d in self._documents if d.get("type") == "lender" and _is_valid(d, day)]
        zone = ZoneInfo(_text(valid, "business_zone")) if valid else UTC
        return datetime.combine(day, time(23, 59, 59), zone).astimezone(UTC)

    def last_day(self, product: str, day: date) -> date | None:
        """The last day on which the packs valid on `day` all still are; None where they are open-ended."""
        ends = [d["valid_to"] for d in self._valid(product, day) if isinstance(d.get("valid_to"), date)]
        return min((end for end in ends if isinstance(end, date)), default=None)

    @property
    def products(self) -> tuple[str, ...]:
        return tuple(sorted({str(d["id"]) for d in self._documents if d.get("type") == "product"}))

    def _valid(self, product: str, day: date) -> list[Mapping[str, object]]:
        return [d for d in self._documents if _is_meant(d, product) and _is_valid(d, day)]

    def _read(self, product: str, day: date) -> Rules | None:
        valid = self._valid(product, day)
        if {"lender", "product"} - {d.get("type") for d in valid}:
            return None
        stages = STAGES[1:]
        return Rules(
            business_zone=_text(valid, "business_zone"),
            send_from=time.fromisoformat(_text(valid, "contact.send_from")),
            slots=tuple(time.fromisoformat(slot) for slot in _texts(valid, "debit.slots")),
            debit_end=time.fromisoformat(_text(valid, "debit.window_end")),
            max_attempts=_number(valid, "debit.max_attempts"),
            catch_up_days=_number(valid, "debit.catch_up_days"),
            notice_required=bool(_leaf(valid, "debit.notice_required")),
            notice_lead_days=_number(valid, "debit.notice_lead_days"),
            retry_outcomes=frozenset(_texts(valid, "debit.retry_outcomes")),
            due_day_attempts=_number(valid, "debit.due_day_attempts"),
            funding_deny=frozenset(_texts(valid, "debit.funding_deny")),
            dpd_origin=_number(valid, "stage.dpd_origin"),
            from_dpd={s: _number(valid, f"stage.{s}.from_dpd") for s in stages},
            notice_from_dpd={s: _number(valid, f"stage.{s}.notice_from_dpd") for s in stages},
            notice_wait=timedelta(minutes=_number(valid, "notice_wait_minutes")),
            overdue_from=tuple(sorted(int(days) for days in _texts(valid, "contact.overdue_from_dpd"))),
        )


def _read_rail(valid: list[Mapping[str, object]]) -> RailRules:
    return RailRules(
        max_attempts=_maybe(valid, "rail.max_attempts"),
        attempts_within_days=_maybe(valid, "rail.attempts_within_days"),
        max_per_day=_maybe(valid, "rail.max_per_day"),
        same_amount=bool(_leaf(valid, "rail.same_amount")),
        failures_in_row=_maybe(valid, "rail.failures_in_row"),
        days_before_due=_number(valid, "rail.days_before_due"),
        days_after_due=_maybe(valid, "rail.days_after_due"),
        notice_required=bool(_leaf(valid, "rail.notice_required")),
        notice_lead_days=_number(valid, "rail.notice_lead_days"),
        windows=tuple((time.fromisoformat(start), _end(end)) for start, end in _pairs(valid, "rail.windows")),
        zone=ZoneInfo(_text(valid, "rail.zone")),
        settle_weekdays=frozenset(int(day) for day in _texts(valid, "rail.settle_weekdays")),
        closed_on=frozenset(date.fromisoformat(day) for day in _texts(valid, "rail.closed_on")),
        retry_outcomes=frozenset(_texts(valid, "rail.retry_outcomes")),
    )


def _pairs(documents: Iterable[Mapping[str, object]], path: str) -> list[tuple[str, str]]:
    value = _leaf(documents, path)
    return [(str(first), str(last)) for first, last in value] if isinstance(value, list) else []


def _end(text: str) -> time:
    return time.max if text == "24:00" else time.fromisoformat(text)


def _maybe(documents: Iterable[Mapping[str, object]], path: str) -> int | None:
    value = _text(documents, path)
    return None if value == "none" else int(value)


def _is_meant(document: Mapping[str, object], product: str) -> bool:
    return document.get("type") in ("lender", "wording") or document.get("id") == product


def _is_valid(document: Mapping[str, object], day: date) -> bool:
    first, last = document.get("valid_from"), document.get("valid_to")
    return isinstance(first, date) and first <= day and (not isinstance(last, date) or day <= last)


def _leaf(documents: Iterable[Mapping[str, object]], path: str) -> object:
    """The value of a leaf; raises ValueError where no document has it."""
    for document in documents:
        node: object = document
        for name in path.split("."):
            node = node.get(name, _MISSING) if isinstance(node, Mapping) else _MISSING
        if isinstance(node, Mapping) and "value" in node:
            return node["value"]
    raise ValueError(f"no policy pack has {path}")


def _text(documents: Iterable[Mapping[str, object]], path: str) -> str:
    return str(_leaf(documents, path))


def _texts(documents: Iterable[Mapping[str, object]], path: str) -> list[str]:
    value = _leaf(documents, path)
    if not isinstance(value, list):
        raise ValueError(f"{path} is no list")  # noqa: TRY004 - one kind of error for one kind of problem
    return [str(v) for v in value]


def _number(documents: Iterable[Mapping[str, object]], path: str) -> int:
    return int(_text(documents, path))
