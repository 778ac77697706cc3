"""Policy packs: rules as dated, versioned data, each leaf with its kind and source.

A pack's document is read by `parse_pack`, and the packs of a product are put together by `assemble`. Every leaf stands
in exactly one pack, so that there is nothing to merge yet; a leaf that is missing, doubled or not known raises
PolicyError, and so does a pack that is not valid on the day: then nothing is sent or debited.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from string import Formatter
from types import MappingProxyType

from shared.domain.book import Outcome, Stage
from shared.domain.calendar import business_date, zone
from shared.domain.errors import PolicyError


class Kind(StrEnum):
    """How binding a leaf is."""

    LAW = "law"
    SELF_REGULATION = "self-regulation"
    SCHEME = "scheme"
    PROVIDER = "provider"
    OWN_DESIGN = "own design"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One rule: its value as decoded, how binding it is, and where it comes from."""

    value: object
    kind: Kind
    source: str


@dataclass(frozen=True, slots=True)
class Pack:
    """`valid_to` is the last day of validity; None is open-ended."""

    id: str
    type: str  # lender, product, wording
    version: str
    valid_from: date
    valid_to: date | None
    leaves: Mapping[str, Leaf]

    def is_valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class StageRule:
    """A stage begins at `from_dpd`, once the overdue notice of `notice_from_dpd` was sent."""

    stage: Stage
    from_dpd: int
    notice_from_dpd: int
    consequences: tuple[str, ...]


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
    outcome_grace: timedelta
    retry_outcomes: frozenset[Outcome]
    dpd_origin: int
    stages: tuple[StageRule, ...]  # in order
    notice_wait: timedelta
    signature: Mapping[str, str]  # by locale
    product_name: Mapping[str, str]
    hotline: str
    wording: Mapping[str, Mapping[str, str]]  # locale -> text id -> text


TEXT_FIELDS = frozenset({"signature", "product", "name", "amount", "date", "count", "hotline"})
"""The placeholders that a text may use."""

_ENVELOPE = {"id", "type", "version", "valid_from", "valid_to"}


def parse_pack(document: Mapping[str, object]) -> Pack:
    """Reads a decoded pack document: the envelope, then leaves at any depth (`{value, kind, source}`, nothing else).

    Raises PolicyError naming the leaf.
    """
    envelope = {name: document.get(name) for name in _ENVELOPE}
    name = envelope["id"] if isinstance(envelope["id"], str) else "a pack"
    for field in ("id", "type", "version"):
        if not isinstance(envelope[field], str) or not envelope[field]:
            raise PolicyError(f"{name}: {field} must be a non-empty text")
    first, last = envelope["valid_from"], envelope["valid_to"]
    if type(first) is not date or not (last is None or type(last) is date):
        raise PolicyError(f"{name}: valid_from and valid_to must be dates")
    leaves: dict[str, Leaf] = {}
    _collect(name, "", {k: v for k, v in document.items() if k not in _ENVELOPE}, leaves)
    return Pack(
        str(envelope["id"]), str(envelope["type"]), str(envelope["version"]), first, last, MappingProxyType(leaves)
    )


def _collect(pack: str, path: str, node: object, leaves: dict[str, Leaf]) -> None:
    if not isinstance(node, Mapping):
        raise PolicyError(f"{pack}: {path} is not a leaf with value, kind and source")
    if "value" in node:
        if set(node) != {"value", "kind", "source"} or not isinstance(node["source"], str) or not node["source"]:
            raise PolicyError(f"{pack}: {path} must hold exactly value, kind and source")
        try:
            kind = Kind(node["kind"])
        except ValueError:
            raise PolicyError(f"{pack}: {path}: kind {node['kind']!r} is none of {', '.join(Kind)}") from None
        leaves[path] = Leaf(node["value"], kind, node["source"])
        return
    for key, child in node.items():
        _collect(pack, f"{path}.{key}" if path else key, child, leaves)


def lender_date(packs: Iterable[Pack], now: datetime) -> date:
    """The lender's business date, in the zone of the lender pack that is valid on it; PolicyError without one."""
    for pack in packs:
        if pack.type == "lender" and "business_zone" in pack.leaves:
            zone_name = _Reader(pack.leaves).take("business_zone", _zone)
            day = business_date(now, zone_name)
            if pack.is_valid_on(day):
                return day
    raise PolicyError(f"no lender pack is valid on {now:%Y-%m-%d}")


def assemble(packs: Iterable[Pack], product: str, day: date) -> Policy:
    """The policy of a product on a business date, from the lender's pack, the product's own and the wording packs.

    Raises PolicyError when one of them is missing or not valid that day, and for any leaf that is missing, doubled,
    unknown or of the wrong shape.
    """
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
    reader = _Reader(leaves)
    wording = _wording(reader)
    policy = Policy(
        product=product,
        version="+".join(sorted(f"{p.id}-{p.version}" for p in chosen)),
        business_zone=reader.take("business_zone", _zone),
        window_start=reader.take("contact.window_start", _clock),
        window_end=reader.take("contact.window_end", _clock),
        send_from=reader.take("contact.send_from", _clock),
        reminder_days=tuple(sorted(reader.take("contact.reminder_days", _counts), reverse=True)),
        overdue_from_dpd=tuple(sorted(reader.take("contact.overdue_from_dpd", _counts))),
        received_valid_days=reader.take("contact.received_valid_days", _count),
        send_retry=timedelta(minutes=reader.take("contact.send_retry_minutes", _count)),
        max_sends=reader.take("contact.max_sends", _count),
        default_locale=reader.take("contact.default_locale", _text),
        slots=tuple(sorted(reader.take("debit.slots", _clocks))),
        debit_end=reader.take("debit.window_end", _clock),
        max_attempts=reader.take("debit.max_attempts", _count),
        catch_up_days=reader.take("debit.catch_up_days", _count),
        notice_required=reader.take("debit.notice_required", _flag),
        notice_lead_days=reader.take("debit.notice_lead_days", _count),
        outcome_grace=timedelta(minutes=reader.take("debit.outcome_grace_minutes", _count)),
        retry_outcomes=frozenset(reader.take("debit.retry_outcomes", _outcomes)),
        dpd_origin=reader.take("stage.dpd_origin", _count),
        stages=tuple(_stage_rule(reader, stage) for stage in Stage if stage is not Stage.CURRENT),
        notice_wait=timedelta(minutes=reader.take("notice_wait_minutes", _count)),
        signature=reader.take_all("signature", _text),
        product_name=reader.take_all("name", _text),
        hotline=reader.take("hotline", _text),
        wording=wording,
    )
    reader.refuse_rest()
    _check(policy)
    return policy


def _check(policy: Policy) -> None:
    """What single leaves cannot say: an empty window or stages out of order would act wrongly or never."""
    if not policy.window_start < policy.window_end:
        raise PolicyError("contact.window_start must be before contact.window_end")
    if not policy.send_from < policy.window_end:
        raise PolicyError("contact.send_from must be before contact.window_end")
    if not policy.slots or policy.slots[-1] >= policy.debit_end:
        raise PolicyError("debit.slots must not be empty and end before debit.window_end")
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


class _Reader:
    """Takes leaves out one by one, so that an unknown one is left over."""

    def __init__(self, leaves: Mapping[str, Leaf]) -> None:
        self._left = dict(leaves)

    def take[T](self, path: str, shape: Callable[[object], T]) -> T:
        if path not in self._left:
            raise PolicyError(f"{path} is missing")
        leaf = self._left.pop(path)
        try:
            return shape(leaf.value)
        except (ValueError, TypeError, KeyError) as error:
            raise PolicyError(f"{path}: {leaf.value!r} is not {shape.__doc__}") from error

    def take_all[T](self, prefix: str, shape: Callable[[object], T]) -> dict[str, T]:
        paths = [p for p in self._left if p.startswith(prefix + ".")]
        if not paths:
            raise PolicyError(f"{prefix} is missing")
        return {p.removeprefix(prefix + "."): self.take(p, shape) for p in paths}

    def refuse_rest(self) -> None:
        if self._left:
            raise PolicyError(f"{min(self._left)} is not a leaf that any rule reads")


def _wording(reader: _Reader) -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = {}
    for path, text in reader.take_all("wording", _message).items():
        locale, _, name = path.partition(".")
        texts.setdefault(locale, {})[name] = text
    names = set.union(*(set(t) for t in texts.values()))
    for locale, found in texts.items():
        if missing := names - set(found):
            raise PolicyError(f"wording.{locale}.{min(missing)} is missing")
    return texts


def _stage_rule(reader: _Reader, stage: Stage) -> StageRule:
    at = f"stage.{stage}"
    return StageRule(
        stage,
        reader.take(f"{at}.from_dpd", _count),
        reader.take(f"{at}.notice_from_dpd", _count),
        tuple(reader.take(f"{at}.consequences", _texts)),
    )


def _count(value: object) -> int:
    """a whole number of at least 0"""
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _counts(value: object) -> list[int]:
    """a list of different whole numbers"""
    numbers = [_count(v) for v in _list(value)]
    if not numbers or len(set(numbers)) != len(numbers):
        raise ValueError
    return numbers


def _flag(value: object) -> bool:
    """true or false"""
    if type(value) is not bool:
        raise ValueError
    return value


def _text(value: object) -> str:
    """a non-empty text"""
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _texts(value: object) -> list[str]:
    """a list of texts"""
    return [_text(v) for v in _list(value)]


def _message(value: object) -> str:
    """a text whose placeholders are known"""
    text = _text(value)
    if {name for _, name, _, _ in Formatter().parse(text) if name is not None} - TEXT_FIELDS:
        raise ValueError
    return text


def _clock(value: object) -> time:
    """a time of day such as 08:00"""
    clock = time.fromisoformat(_text(value))
    if clock.tzinfo is not None:
        raise ValueError
    return clock


def _clocks(value: object) -> list[time]:
    """a list of times of day such as 08:00"""
    return [_clock(v) for v in _list(value)]


def _zone(value: object) -> str:
    """an IANA time zone"""
    return zone(_text(value)).key


def _outcomes(value: object) -> list[Outcome]:
    """a list of definite outcomes of a deduction"""
    outcomes = [Outcome(_text(v)) for v in _list(value)]
    if not all(o.is_failure for o in outcomes):
        raise ValueError
    return outcomes


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError
    return value
