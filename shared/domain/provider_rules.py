"""Message providers: which channel they carry, where and how fast, and what they want of a text or an hour.

A provider is a policy pack of its own (`type = "provider"`). The lender's pack names the one that each channel uses;
what it states about contact joins the rules of the borrower's country on that channel, strictest-wins.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from shared.domain.contact_rules import Cap, Channel, ContactRules, MessageClass, Phrases, Window, WindowGroup
from shared.domain.countries import COUNTRIES
from shared.domain.errors import LeafError, PolicyError
from shared.domain.jurisdiction import a_country_list, take_contact_rules
from shared.domain.pacing import TokenBucket
from shared.domain.packs import MIDNIGHT, Leaf, Pack, Reader, count, maybe_count, text, texts
from shared.domain.shape import says

NOBODY = "none"
"""In place of a provider's name: the channel is not wired."""

_STATED = ("contact.windows.", "contact.caps.", "text.banned.", "text.required.", "keywords.")
"""What of contact rules a provider can have a say in. Holds and recipients are not its business."""

_ALL_DAYS = frozenset(range(1, 8))
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """The rules of one provider. A part is a message part of SMS, and one message of all else."""

    name: str
    version: str
    channel: Channel
    countries: frozenset[str] | None  # ISO 3166-1 alpha-2; None: all
    not_countries: frozenset[str]
    parts_per_second: int
    burst: int  # parts at once, after a pause
    max_parts: int | None  # of one message; None: no limit is known
    max_part_price: Decimal | None  # above which it shall not be sent, in the currency that the provider bills in
    contact: ContactRules  # on its channel only: of others, and of classes that it does not name, it says nothing

    def serves(self, country: str) -> bool:
        return country not in self.not_countries and (self.countries is None or country in self.countries)

    def max_price(self, parts: int) -> Decimal | None:
        """Of a whole message."""
        return None if self.max_part_price is None else self.max_part_price * parts

    @property
    def bucket(self) -> TokenBucket:
        return TokenBucket(self.parts_per_second, _SECOND, self.burst)


def read_provider(pack: Pack) -> ProviderRules:
    """The provider of a pack; raises PolicyError naming the pack and the leaf."""
    try:
        return _read(pack, Reader(pack.leaves))
    except LeafError as error:
        raise LeafError(error.leaf, f"{pack.id}: {error}", error.shape) from error
    except PolicyError as error:
        raise PolicyError(f"{pack.id}: {error}") from error


def read_providers(packs: tuple[Pack, ...]) -> Mapping[str, ProviderRules]:
    """Every provider among packs that are valid on a day, by name; raises as above, and for one that is there twice."""
    found: dict[str, ProviderRules] = {}
    for pack in packs:
        if pack.type == "provider":
            if pack.id in found:
                raise PolicyError(f"{pack.id}: two packs of this provider are valid on the same day")
            found[pack.id] = read_provider(pack)
    return found


def _read(pack: Pack, reader: Reader) -> ProviderRules:
    channel = reader.take("provider.channel", a_channel)
    countries = reader.take("provider.countries", some_countries)
    rules = ProviderRules(
        name=pack.id,
        version=pack.version,
        channel=channel,
        countries=countries,
        not_countries=frozenset(reader.take("provider.not_countries", no_or_more_countries)),
        parts_per_second=reader.take("provider.parts_per_second", a_rate),
        burst=reader.take("provider.burst", a_rate),
        max_parts=reader.take("provider.max_parts", maybe_count),
        max_part_price=reader.take("provider.max_part_price", maybe_price),
        contact=_limited(take_contact_rules(_stated(pack), reader), channel),
    )
    reader.refuse_rest()
    return rules


def _stated(pack: Pack) -> Pack:
    """The pack without leaves that a provider has no say in: nobody takes those, and they are refused as unread."""
    leaves: dict[str, Leaf] = {path: leaf for path, leaf in pack.leaves.items() if path.startswith(_STATED)}
    return replace(pack, leaves=leaves)


def _limited(rules: ContactRules, channel: Channel) -> ContactRules:
    """The rules on one channel. A pack's windows close what they do not name; a provider's leave it as it is."""
    return replace(
        rules,
        groups=frozenset(_widened(group, channel) for group in rules.groups),
        caps=frozenset(replace(cap, channels=_only(cap, channel)) for cap in rules.caps),
        banned=frozenset(replace(phrases, channels=_only(phrases, channel)) for phrases in rules.banned),
        required=frozenset(replace(phrases, channels=_only(phrases, channel)) for phrases in rules.required),
    )


def _widened(group: WindowGroup, channel: Channel) -> WindowGroup:
    windows = frozenset(replace(window, channels=_only(window, channel)) for window in group.windows)
    unnamed = frozenset(MessageClass).difference(*(window.classes for window in windows))
    always = (
        Window("provider.unnamed", unnamed, frozenset({channel}), _ALL_DAYS, MIDNIGHT, MIDNIGHT),
        Window(
            "provider.elsewhere", frozenset(MessageClass), frozenset(Channel) - {channel}, _ALL_DAYS, MIDNIGHT, MIDNIGHT
        ),
    )
    return replace(group, windows=windows | frozenset(always))


def _only(rule: Window | Cap | Phrases, channel: Channel) -> frozenset[Channel]:
    if channel not in rule.channels:
        raise LeafError(rule.id, f"{rule.id} is not about {channel}, the provider's channel")
    return frozenset({channel})


@says(f"one of {', '.join(Channel)}", {"enum": [*Channel]})
def a_channel(value: object) -> Channel:
    return Channel(text(value))


@says(
    '"all", or a list of different ISO 3166-1 alpha-2 country codes', {"anyOf": [{"const": "all"}, a_country_list.json]}
)
def some_countries(value: object) -> frozenset[str] | None:
    if value == "all":
        return None
    found = no_or_more_countries(value)
    if not found:
        raise ValueError
    return frozenset(found)


@says("a list of different ISO 3166-1 alpha-2 country codes, or none")
def no_or_more_countries(value: object) -> list[str]:
    found = texts(value)
    if len(set(found)) != len(found) or not set(found) <= COUNTRIES:
        raise ValueError
    return found


@says("a whole number of at least 1", {"type": "integer", "minimum": 1})
def a_rate(value: object) -> int:
    if count(value) < 1:
        raise ValueError
    return count(value)


@says('an amount such as "0.05" in the currency that the provider bills in, or "none"', text.json)
def maybe_price(value: object) -> Decimal | None:
    if value == "none":
        return None
    try:
        found = Decimal(text(value))
    except InvalidOperation as error:
        raise ValueError from error
    if not found.is_finite() or found <= 0:
        raise ValueError
    return found


@says('the name of a provider\'s pack, or "none" where the channel is not wired', text.json)
def a_provider(value: object) -> str:
    return text(value)
