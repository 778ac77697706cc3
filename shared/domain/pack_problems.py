"""Everything wrong with a set of packs, not only the first thing: leaf by leaf, pack by pack, and where they meet.

Packs are read as the workers read them. After a fault the leaf is mended in memory, from packs that are known to be
good, and they are read again, until nothing is found or nothing more can be mended.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import combinations
from types import MappingProxyType

from shared.domain.business_days import read_calendar
from shared.domain.calendar import at_local
from shared.domain.contact_rules import Channel, ContactRules, MessageClass
from shared.domain.errors import LeafError, PolicyError
from shared.domain.jurisdiction import Jurisdiction, jurisdictions_on, read_whole_jurisdiction
from shared.domain.learning import BEHAVIOUR, read_behaviour
from shared.domain.merged_policy import name_of
from shared.domain.pack_mending import Packs, holder_of, leaf_error, mended, owner_of
from shared.domain.packs import Pack, Sure
from shared.domain.policy import Policy
from shared.domain.policy_assembly import assemble
from shared.domain.provider_rules import NOBODY, read_provider
from shared.domain.rail import read_rail
from shared.domain.shape import Shape

ENDS_SOON = timedelta(days=60)

ALONE: Mapping[str, Callable[[Pack], object]] = MappingProxyType(
    {
        BEHAVIOUR: read_behaviour,
        "calendar": read_calendar,
        "jurisdiction": read_whole_jurisdiction,
        "provider": read_provider,
        "rail": read_rail,
    }
)
"""The packs that are whole rule books by themselves, and who reads them."""

TOGETHER = ("lender", "product", "wording")
"""The packs that make one rule book for a product."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and what to do. `leaf` is empty where no single one is at fault."""

    pack: str
    leaf: str
    problem: str
    way_out: str


def problems(packs: Iterable[Pack], day: date, good: Sequence[Pack] = ()) -> tuple[Problem, ...]:
    """All that would stop a worker on a day, each thing once: in each pack, in each product's rules, and in those for
    each country and rail. `good` are packs from which what is wrong is mended, to look further."""
    packs = tuple(packs)
    found: list[Problem] = [*_overlaps(packs), *_ended(packs, day)]
    sound: list[Pack] = []
    for pack in packs:
        faults, left = _read_on((pack,), partial(_alone, pack.type), good, (pack.type,))
        found += faults
        sound += left
    today = tuple(pack for pack in sound if pack.is_valid_on(day))
    found += _disputed(jurisdictions_on(today, day))
    products = sorted({pack.id for pack in packs if pack.type == "product" and pack.is_valid_on(day)})
    for needed in ("lender", "product", "wording", "jurisdiction"):
        if not any(pack.type == needed and pack.is_valid_on(day) for pack in packs):
            found.append(Problem("", "", f"no {needed} pack is valid on {day}: nothing goes out", "add one"))
    for product in products:
        chosen = tuple(pack for pack in today if pack.type != "product" or pack.id == product)
        faults, left = _read_on(chosen, partial(_together, product, day), good, TOGETHER)
        found += faults
        if left:
            found += _closed(assemble(left, product, day))
    return tuple(dict.fromkeys(found))


def ends_soon(packs: Iterable[Pack], day: date) -> tuple[Problem, ...]:
    """Packs in force on a day, and calendars in them, that end within 60 days and have no successor yet."""
    packs = tuple(packs)
    return tuple(row for pack in packs if pack.is_valid_on(day) for row in _ends(pack, packs, day + ENDS_SOON))


def from_memory(packs: Iterable[Pack]) -> tuple[tuple[str, str], ...]:
    """The pack and the path of every leaf that nobody has looked up yet."""
    return tuple((name_of(p), path) for p in packs for path, leaf in p.leaves.items() if leaf.sure is Sure.MEMORY)


def _alone(pack_type: str, packs: Packs) -> None:
    if pack_type in ALONE:
        ALONE[pack_type](packs[0])
    elif pack_type not in TOGETHER:
        known = ", ".join(sorted((*ALONE, *TOGETHER)))
        raise PolicyError(f"{packs[0].id}: type {pack_type!r} is none of {known}")


def _together(product: str, day: date, packs: Packs) -> None:
    assemble(packs, product, day)


def _read_on(
    packs: Packs, read: Callable[[Packs], None], good: Sequence[Pack], types: Sequence[str]
) -> tuple[list[Problem], Packs]:
    """What reading packs of these types finds, mended and read again; and the packs as they can be read, none where
    they cannot."""
    found: list[Problem] = []
    while True:
        try:
            read(packs)
        except PolicyError as error:
            fault = leaf_error(error)
            mine = tuple(pack for pack in packs if pack.type in types)
            found.append(_problem(error, fault, mine))
            left = mended(packs, mine, fault, good) if fault else packs
            if left == packs or found[-1] in found[:-1]:
                return found, ()
            packs = left
        else:
            return found, packs


def _problem(error: PolicyError, fault: LeafError | None, packs: Packs) -> Problem:
    if fault is None:
        held = packs[0] if len(packs) == 1 else None
        return Problem(name_of(held) if held else "", "", str(error), "see docs/policy.md")
    holder = holder_of(packs, fault.leaf)
    name = name_of(holder) if holder else ""
    if holder is None:
        owner = owner_of(packs)
        return Problem(name_of(owner) if owner else "", fault.leaf, str(fault), f"add it: {_says(fault)}")
    if fault.shape is not None:
        return Problem(name, fault.leaf, str(fault), f"write {_says(fault)}")
    return Problem(name, fault.leaf, str(fault), _way_out(str(fault), holder))


def _says(fault: LeafError) -> str:
    return fault.shape.says if isinstance(fault.shape, Shape) else "a leaf"


def _way_out(problem: str, holder: Pack) -> str:
    if "allows more" in problem:
        return "make it as strict as that pack's, or leave it out"
    if "no rule reads" in problem or "any rule reads" in problem:
        return f"mend its name, or remove it: no rule reads it in a {holder.type} pack"
    return "mend it, or leave it out"


def _overlaps(packs: Packs) -> Iterator[Problem]:
    for one, other in combinations(packs, 2):
        first, last = max(one.valid_from, other.valid_from), min(one.valid_to or date.max, other.valid_to or date.max)
        if one.id == other.id and first <= last:
            text = f"{name_of(one)} and {name_of(other)} are both valid on {first}"
            yield Problem(name_of(other), "", text, "end one the day before the other begins")


def _ended(packs: Packs, day: date) -> Iterator[Problem]:
    for name in sorted({pack.id for pack in packs}):
        versions = [pack for pack in packs if pack.id == name]
        last = max(versions, key=lambda pack: pack.valid_to or date.max)
        if last.valid_to is not None and last.valid_to < day:
            yield Problem(
                name_of(last), "", f"ended with {last.valid_to}", "add a version with later dates, or remove it"
            )


def _disputed(jurisdictions: Iterable[Jurisdiction]) -> Iterator[Problem]:
    for one, other in combinations(jurisdictions, 2):
        if shared := sorted(one.countries & other.countries):
            text = f"{', '.join(shared)} stands in {one.name}-{one.version} too"
            yield Problem(f"{other.name}-{other.version}", "countries", text, "leave each country to one pack")


def _closed(policy: Policy) -> Iterator[Problem]:
    """What never happens under a product's rules in a country, one of each jurisdiction standing for all: messages and
    debits for which no hour is left, and channels whose provider has no pack."""
    for channel, name in policy.wired.items():
        if name != NOBODY and channel not in policy.providers:
            problem = f"no pack of provider {name!r} is valid on {policy.day}"
            yield Problem(
                "", f"provider.{channel}", problem, f'add one, or write "{NOBODY}": then {channel} is not used'
            )
    all_on_the_day = jurisdictions_on(policy.packs, policy.day)
    stated = Counter(country for found in all_on_the_day for country in found.countries)
    for found in all_on_the_day:
        country = min((country for country in found.countries if stated[country] == 1), default=None)
        if country is None:
            continue
        within = policy.within(country)
        if lost := [c for c in MessageClass if policy.channels[c] and not within.channels[c]]:
            problem = f"no provider carries {', '.join(lost)} to {country}"
            yield Problem("", "provider", problem, "name a provider that serves the country")
        for rules, leaf in ((within.contact, "contact.windows"), (within.planned, "contact.send_from")):
            if shut := [(c, ch) for c in MessageClass for ch in within.channels[c] if rules.never_opens(c, ch)]:
                yield _shut(rules, leaf, shut, found)
                break
        for name in sorted(within.rails):
            yield from _never_open(within, name)


def _never_open(within: Policy, rail_name: str) -> Iterator[Problem]:
    """A rail that takes no debit between any slot of a day and the end of the day's debits."""
    policy = within.under(rail_name) or within
    rail, zone_name = policy.rails[rail_name], policy.business_zone
    end = at_local(policy.day, policy.debit_end, zone_name)
    if not any(rail.opens(at_local(policy.day, slot, zone_name)) < end for slot in policy.slots):
        problem = f"no slot of debit.slots, up to debit.window_end, is within the hours of {rail_name}"
        yield Problem(f"{rail_name}-{rail.version}", "rail.windows", problem, "add a slot within its hours")


def _shut(rules: ContactRules, leaf: str, shut: list[tuple[MessageClass, Channel]], found: Jurisdiction) -> Problem:
    names = ", ".join(dict.fromkeys(f"{c} over {ch}" for c, ch in shut))
    groups = " and ".join(sorted(group.pack for group in rules.groups))
    problem = f"no hour is left for {names} in {found.name}-{found.version}"
    return Problem(groups, leaf, problem, "let the windows of these packs overlap: until then nothing of it goes out")


def _ends(pack: Pack, packs: Packs, limit: date) -> Iterator[Problem]:
    name = name_of(pack)
    if pack.valid_to is not None and pack.valid_to < limit:
        after = pack.valid_to + timedelta(days=1)
        if not any(other.id == pack.id and other.is_valid_on(after) for other in packs):
            yield Problem(name, "", f"ends with {pack.valid_to}", f"add a version that begins on {after}")
    until = pack.leaves.get("rail.calendar_until")
    if until is not None and isinstance(until.value, date) and until.value < limit:
        yield Problem(name, "rail.calendar_until", f"its calendar ends with {until.value}", "load the next year's days")
    years = pack.leaves.get("calendar.years")
    if years is not None and isinstance(years.value, list) and date(max(years.value), 12, 31) < limit:
        text = f"its calendar ends with {max(years.value)}"
        yield Problem(name, "calendar.years", text, "load the next year's days")
