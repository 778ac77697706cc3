"""The message to a borrower: the policy's wording in the borrower's language, filled, cut to its parts, and checked."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from shared.domain.book import Borrower, Stage
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.errors import PolicyError
from shared.domain.notices import Item, Notice
from shared.domain.policy import Policy
from shared.domain.text_faults import TextFault, length_faults, text_faults
from shared.domain.text_parts import count_parts
from shared.domain.text_templates import Template
from shared.domain.tiers import NoticeKind
from shared.domain.wording import (
    language_of,
    locale_for,
    signature_for,
    spoken_amount,
    written_amount,
    written_date,
)

LONGEST_NAME = 24
"""Characters; what is longer is cut, so that no name makes a message cost another part. Own design."""

_OVERDUE_TONES = {Stage.CURRENT: Stage.M1, Stage.LEGAL: Stage.M3}
"""Tones that speak with another's text: the last notice before the legal stage is the firmest that there is."""

_NAMELESS = {"zh": "客户", "en": "customer"}
_JOINERS = "\u200c\u200d"  # zero width, and part of how some scripts write a name
_REMOVED = str.maketrans("", "", "【】@＠\ue000")  # gateways allow the brackets around the signature only
_LINKED = re.compile(r"(?<=[.．｡])(?=\w)|(?<=:)(?=//)")  # a phone makes a link of what has no space here
_NUMBERED = re.compile(r"\d(?:\W?\d){4,}")  # an account, a phone, an identity: nothing that a name holds
_NAME = "\ue000"  # stands for the name while the text is checked: no rule judges a name


type Fill = Callable[[str, Mapping[str, object]], str]
"""Fills the fields into a template; raises PolicyError for one that it cannot fill."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text as it goes out; `title` is the subject of an e-mail or the title of a push message.

    With faults it must not go out.
    """

    text: str
    language: str  # of the text: zh-CN, en
    parts: int  # message parts of an SMS; 1 of all else
    title: str | None = None
    faults: tuple[TextFault, ...] = ()


def render(
    notice: Notice, channel: Channel, borrower: Borrower, policy: Policy, fill: Fill, link: str = ""
) -> Rendered:
    """The text to send; raises PolicyError, naming the text, when the policy has none for this notice or it cannot be
    filled. One line, but for an e-mail.

    The wording is that of the borrower's locale, else of another locale of the same language, else of the default one.
    Each loan is listed where that fits into the parts of the class; where not even the total does, the name is left out
    (its letters may be the costly ones). What is still too long has a fault.
    """
    writer = _Writer(notice, channel, borrower, policy, locale_for(borrower.locale, policy), fill, link)
    made = None
    for listed, name in writer.versions():
        made = writer.written(name, listed=listed)
        if made.parts <= most_parts(channel, notice.message_class, policy):
            break
    if made is None:
        raise PolicyError(f"{writer.path} has no version")
    return made


def text_name(notice: Notice) -> str:
    """The name of a notice's text within a locale and channel: `pre_debit`, `overdue_M2_many`."""
    name = notice.kind.value.replace("-", "_")
    if notice.kind is NoticeKind.OVERDUE:
        name += f"_{_OVERDUE_TONES.get(notice.tone, notice.tone)}"
    return name + ("_many" if notice.count > 1 else "")


def most_parts(channel: Channel, message_class: MessageClass, policy: Policy) -> int:
    """Of an SMS: the lender's limit, or the provider's where it carries fewer."""
    own = policy.max_parts[message_class]
    provider = policy.providers.get(channel)
    return own if provider is None or provider.max_parts is None else min(own, provider.max_parts)


@dataclass(frozen=True, slots=True)
class _Writer:
    notice: Notice
    channel: Channel
    borrower: Borrower
    policy: Policy
    locale: str
    fill: Fill
    link: str

    @property
    def language(self) -> str:
        return language_of(self.locale)

    @property
    def path(self) -> str:
        return f"wording.{self.locale}.{self.channel}.{text_name(self.notice)}"

    def versions(self) -> Iterator[tuple[bool, str]]:
        """Whether the loans are listed, and the name; from the one that says most."""
        nameless = _NAMELESS.get(self.language, "-")
        name = _written_name(self.borrower.name) or nameless
        if len(self.notice.items) > 1 and f"{self.channel}.item" in self.policy.wording[self.locale]:
            yield True, name
        yield False, name
        if name != nameless:
            yield False, nameless

    def written(self, name: str, *, listed: bool) -> Rendered:
        fields = self._fields(listed=listed)
        template = self._template(text_name(self.notice))
        title = None if template.title is None else self._filled(self.path, template.title, fields)
        text = self._filled(self.path, template.text, fields)
        for added in self.policy.additions.get(self.locale, ()):
            if added.applies_to(self.borrower.country, self.notice.message_class, self.channel):
                text += self._gap + self._filled(added.id, added.text, fields)
        if self.link:
            text += self._gap + self.policy.answers[self.locale]["link"] + self.link
        rules, message_class = self.policy.contact, self.notice.message_class
        links = self.policy.links
        whole = f"{title}\n{text}" if title else text
        faults = tuple(text_faults(whole, rules, message_class, self.channel, fields, links))
        sent = text.replace(_NAME, name)
        parts = count_parts(sent).parts if self.channel is Channel.SMS else 1
        most = most_parts(self.channel, message_class, self.policy)
        faults += tuple(length_faults(parts, most, message_class))
        return Rendered(sent, self.locale, parts, title.replace(_NAME, name) if title else None, faults)

    def _fields(self, *, listed: bool) -> dict[str, str]:
        notice, policy, language, country = self.notice, self.policy, self.language, self.borrower.country
        amount = spoken_amount if self.channel is Channel.VOICE else written_amount
        fields = {
            "signature": signature_for(self.locale, country, policy),
            "product": policy.product_name[self.locale],
            "payment": policy.payment_name[self.locale],
            "name": _NAME,
            "amount": amount(notice.amount, language),
            "date": written_date(notice.date, language, country),
            "count": str(notice.count),
            "hotline": policy.hotline,
            "link": self.link,
            "country": country,
            "list": self._list() if listed else "",
        }
        if notice.message_class is MessageClass.PRE_DEBIT_NOTICE:  # to no other class does the loan's own number belong
            fields["reference"] = ", ".join(item.loan_id for item in notice.items)
        return fields

    def _list(self) -> str:
        joint = "\n" if self.channel is Channel.EMAIL else {"zh": "、"}.get(self.language, ", ")
        return joint.join(self._item(item) for item in self.notice.items)

    def _item(self, item: Item) -> str:
        fields = {
            "product": _product_name(item.product, self.locale, self.policy),
            "amount": written_amount(item.amount, self.language),
            "date": written_date(item.date, self.language, self.borrower.country),
        }
        return self._filled(f"wording.{self.locale}.{self.channel}.item", self._template("item").text, fields)

    def _template(self, name: str) -> Template:
        found = self.policy.wording[self.locale].get(f"{self.channel}.{name}")
        if found is None:
            raise PolicyError(f"wording.{self.locale}.{self.channel}.{name} is missing")
        return found

    def _filled(self, path: str, template: str, fields: Mapping[str, object]) -> str:
        try:
            return self.fill(template, fields)
        except PolicyError as error:
            raise PolicyError(f"{path}: {error}") from error

    @property
    def _gap(self) -> str:
        if self.channel is Channel.EMAIL:
            return "\n\n"
        return "" if self.language == "zh" else " "


def _product_name(product: str, locale: str, policy: Policy) -> str:
    """Of any product: a message may speak of several."""
    for pack in policy.packs:
        if pack.id == product and (leaf := pack.leaves.get(f"name.{locale}")):
            return str(leaf.value)
    return policy.product_name[locale]


def _written_name(name: str) -> str:
    """The name on one line, without anything invisible that could hide or reorder text, and nothing that a phone would
    make a link of. Empty where it holds a long number."""
    spaced = re.sub(r"\s+", " ", _LINKED.sub(" ", name.translate(_REMOVED)))
    shown = "".join(c for c in spaced if c in _JOINERS or not unicodedata.category(c).startswith("C")).strip()
    if _NUMBERED.search(shown):
        return ""
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1].rstrip() + "…"
