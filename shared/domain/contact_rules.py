"""Contact rules: when, how often, with which words and to whom a message may go, merged strictest-wins from packs.

A rule that a pack does not state is None or empty, and leaves the others' as they are. Rules without any windows open
at no time: where no pack speaks, nothing goes out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import StrEnum
from functools import lru_cache, reduce
from types import MappingProxyType

from shared.domain.tiers import NoticeKind
from shared.domain.weeks import CLOSED, Week, both, either, week_of


class Channel(StrEnum):
    SMS = "sms"
    PUSH = "push"
    VOICE = "voice"
    EMAIL = "email"


class MessageClass(StrEnum):
    """What a message is to the law."""

    SERVICE_REMINDER = "service-reminder"
    PRE_DEBIT_NOTICE = "pre-debit-notice"
    COLLECTION = "collection"
    LEGAL_NOTICE = "legal-notice"
    RECEIPT = "receipt"
    MARKETING = "marketing"


_CLASSES: Mapping[NoticeKind, MessageClass] = MappingProxyType(
    {
        NoticeKind.FAILED: MessageClass.SERVICE_REMINDER,  # told on the due date, when nothing is overdue yet
        NoticeKind.SETTLED: MessageClass.RECEIPT,
        NoticeKind.RECEIVED: MessageClass.RECEIPT,
        NoticeKind.OVERDUE: MessageClass.COLLECTION,
        NoticeKind.PRE_DEBIT: MessageClass.PRE_DEBIT_NOTICE,
        NoticeKind.DUE: MessageClass.SERVICE_REMINDER,
        NoticeKind.REMIND: MessageClass.SERVICE_REMINDER,
    }
)


def class_of(kind: NoticeKind, *, required_by_law: bool = False) -> MessageClass:
    """The class of a kind of message. An overdue notice that a law asks for before a step is a legal notice."""
    if kind is NoticeKind.OVERDUE and required_by_law:
        return MessageClass.LEGAL_NOTICE
    return _CLASSES[kind]


class Reached(StrEnum):
    """How far a contact came; who counts attempts counts the others too."""

    ATTEMPT = "attempt"
    SENT = "sent"
    CONNECTED = "connected"


class Scope(StrEnum):
    """Over what a cap counts."""

    BORROWER = "borrower"
    DEBT = "debt"
    ADDRESS = "address"


class ContactEvent(StrEnum):
    """What a contact can turn into that other rules follow from."""

    CONVERSATION = "conversation"


class Keyword(StrEnum):
    """What an inbound word asks for."""

    STOP = "stop"
    HELP = "help"
    START = "start"


class Recipient(StrEnum):
    BORROWER = "borrower"
    GUARANTOR = "guarantor"
    SPOUSE = "spouse"
    ATTORNEY = "attorney"


class Stops(StrEnum):
    """What a hold stops."""

    CONTACT = "contact"
    DEBIT = "debit"
    INTEREST = "interest"
    FEES = "fees"
    ESCALATION = "escalation"


@dataclass(frozen=True, slots=True)
class Window:
    """When messages of some classes may go over some channels, on the borrower's wall clock."""

    id: str  # its leaf
    classes: frozenset[MessageClass]
    channels: frozenset[Channel]
    weekdays: frozenset[int]  # ISO, 1 is Monday
    start: time  # whole minutes
    end: time  # excluded; MIDNIGHT is the end of the day

    @property
    def week(self) -> Week:
        return week_of(self.weekdays, self.start, self.end)


@dataclass(frozen=True, slots=True)
class WindowGroup:
    """All windows of one pack: one of them must admit a message, in this pack and in every other."""

    pack: str
    windows: frozenset[Window]

    def week(self, message_class: MessageClass, channel: Channel) -> Week:
        """When the pack admits such a message; what it does not name it does not admit."""
        return either(w.week for w in self.windows if message_class in w.classes and channel in w.channels)


@dataclass(frozen=True, slots=True)
class CalendarDays:
    """So many calendar days of the borrower, the one of the event being the first."""

    count: int


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` contacts of these channels and classes in a window.

    With `after`, the window is the one that such an event opens, and only contacts later than it count.
    """

    pack: str
    id: str  # its leaf
    channels: frozenset[Channel]
    classes: frozenset[MessageClass]
    counts: Reached
    scope: Scope
    limit: int
    window: CalendarDays | timedelta  # calendar days, or a rolling time
    after: ContactEvent | None = None

    def applies_to(self, channel: Channel, message_class: MessageClass) -> bool:
        return channel in self.channels and message_class in self.classes


@dataclass(frozen=True, slots=True)
class Phrases:
    """Words that texts of some classes and channels may not hold, or of which they must hold one.

    `{name}` stands for a field of the message, such as the hotline.
    """

    pack: str
    id: str  # its leaf
    classes: frozenset[MessageClass]
    channels: frozenset[Channel]
    phrases: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeywordRule:
    """A word that borrowers send; alone, or anywhere in what they write."""

    means: Keyword
    phrase: str
    anywhere: bool = False


@dataclass(frozen=True, slots=True)
class HoldRule:
    """What a circumstance of the borrower stops, and for how many days at most; None: until somebody ends it."""

    code: str
    stops: frozenset[Stops]
    days: int | None = None


@dataclass(frozen=True, slots=True)
class ContactRules:
    """The rules of one pack, or of several merged."""

    groups: frozenset[WindowGroup] = frozenset()  # all must admit
    caps: frozenset[Cap] = frozenset()  # all apply
    banned: frozenset[Phrases] = frozenset()
    required: frozenset[Phrases] = frozenset()
    holds: frozenset[HoldRule] = frozenset()
    keywords: frozenset[KeywordRule] = frozenset()
    recipients: frozenset[Recipient] | None = None
    lead_days: int | None = None  # between a pre-debit notice and its debit
    lead_days_varied: int | None = None  # where the amount or the day is not that of the time before
    grace_days: int | None = None  # after the due date, without consequences
    retention_days: int | None = None  # of the log of contacts, after the last one
    max_attempts: int | None = None  # to debit one instalment
    confirm_minutes: int | None = None  # within which a STOP is confirmed, by one message; None: it is not confirmed

    _weeks: dict[tuple[MessageClass, Channel], Week] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _caps: dict[tuple[MessageClass, Channel], tuple[Cap, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def week(self, message_class: MessageClass, channel: Channel) -> Week:
        """When all packs admit such a message, on a borrower's wall clock."""
        key = message_class, channel
        found = self._weeks.get(key)
        if found is None:
            weeks = [group.week(message_class, channel) for group in self.groups]
            found = self._weeks[key] = reduce(both, weeks) if weeks else CLOSED
        return found

    def never_opens(self, message_class: MessageClass, channel: Channel) -> bool:
        """No time of the week is left on which all packs agree."""
        return not any(self.week(message_class, channel))

    def caps_for(self, message_class: MessageClass, channel: Channel) -> tuple[Cap, ...]:
        """The caps that count for such a message, in the order of their ids."""
        key = message_class, channel
        found = self._caps.get(key)
        if found is None:
            applying = (cap for cap in self.caps if cap.applies_to(channel, message_class))
            found = self._caps[key] = tuple(sorted(applying, key=lambda cap: (cap.id, cap.pack)))
        return found

    def hold(self, code: str) -> HoldRule | None:
        """All that a hold of this code stops by any pack, for the longest time of any; None: no pack knows it."""
        found = [hold for hold in self.holds if hold.code == code]
        if not found:
            return None
        limits = [hold.days for hold in found if hold.days is not None]
        stops = frozenset[Stops]().union(*(hold.stops for hold in found))
        return HoldRule(code, stops, max(limits) if len(limits) == len(found) else None)

    def may_contact(self, recipient: Recipient) -> bool:
        return self.recipients is not None and recipient in self.recipients


NO_RULES = ContactRules()
"""Nothing stated: alone, nothing goes out under it."""


@lru_cache(maxsize=1024)
def merge(one: ContactRules, other: ContactRules) -> ContactRules:
    """The stricter of the two in each rule; neither order, grouping nor repetition changes the result."""
    return ContactRules(
        groups=one.groups | other.groups,
        caps=one.caps | other.caps,
        banned=one.banned | other.banned,
        required=one.required | other.required,
        holds=one.holds | other.holds,
        keywords=one.keywords | other.keywords,
        recipients=_common(one.recipients, other.recipients),
        lead_days=_most(one.lead_days, other.lead_days),
        lead_days_varied=_most(one.lead_days_varied, other.lead_days_varied),
        grace_days=_most(one.grace_days, other.grace_days),
        retention_days=_most(one.retention_days, other.retention_days),
        max_attempts=_least(one.max_attempts, other.max_attempts),
        confirm_minutes=_least(one.confirm_minutes, other.confirm_minutes),
    )


def merge_all(rules: Iterable[ContactRules]) -> ContactRules:
    """The strictest of all; of none, rules under which nothing goes out."""
    return reduce(merge, rules, NO_RULES)


def _common(one: frozenset[Recipient] | None, other: frozenset[Recipient] | None) -> frozenset[Recipient] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _most(*values: int | None) -> int | None:
    return max((v for v in values if v is not None), default=None)


def _least(*values: int | None) -> int | None:
    return min((v for v in values if v is not None), default=None)
