"""Texts as packs hold them: templates, and what is added to them for a country.

A template is a small part of Jinja: `{{ field }}`, `{% if field %}`, `{% if country == "GB" %}`, `elif`, `else` and
`endif`. The part is so small that a text can be checked here, before anything fills it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.countries import COUNTRIES
from shared.domain.packs import TEXT_FIELDS, members, text, texts
from shared.domain.shape import says

TEMPLATE_FIELDS = TEXT_FIELDS | {"payment", "list", "country"}
"""What a template may name."""

TITLED = frozenset({Channel.PUSH, Channel.EMAIL})
"""The channels whose texts have a title."""

_TAG = re.compile(
    r'\{\{ (?P<field>\w+) \}\}|\{% (?P<test>if|elif) (?P<of>\w+)(?: == "[\w-]*")? %\}|\{% (?P<other>else|endif) %\}'
)


@dataclass(frozen=True, slots=True)
class Template:
    """`title` is the subject of an e-mail or the title of a push message."""

    text: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Addition:
    """What stands behind a message of some countries, classes and channels: an opt-out line, where to find advice."""

    id: str  # its leaf
    countries: frozenset[str] | None  # ISO 3166-1 alpha-2; None: everywhere
    classes: frozenset[MessageClass]
    channels: frozenset[Channel]
    text: str

    def applies_to(self, country: str, message_class: MessageClass, channel: Channel) -> bool:
        at_home = self.countries is None or country in self.countries
        return at_home and message_class in self.classes and channel in self.channels


@says("a template, or title and text as templates: {{ fields }} that are known, ifs that end")
def template(value: object) -> Template:
    if not isinstance(value, Mapping):
        return Template(_checked(value))
    if set(value) != {"title", "text"}:
        raise ValueError
    return Template(_checked(value["text"]), _checked(value["title"]))


@says('an addition: countries, classes and channels (lists, or "all"), and text, a template')
def addition(value: object) -> Addition:
    if not isinstance(value, Mapping) or set(value) != {"countries", "classes", "channels", "text"}:
        raise ValueError
    countries = None if value["countries"] == "all" else frozenset(texts(value["countries"]))
    if countries is not None and not (countries and countries <= COUNTRIES):
        raise ValueError
    classes = MessageClass if value["classes"] == "all" else members(MessageClass)(value["classes"])
    channels = Channel if value["channels"] == "all" else members(Channel)(value["channels"])
    return Addition("", countries, frozenset(classes), frozenset(channels), _checked(value["text"]))


def _checked(value: object) -> str:
    """A template as it is; raises ValueError for a tag that is unknown, open or of an unknown field."""
    found = text(value)
    depth = 0
    for tag in _TAG.finditer(found):
        if (name := tag["field"] or tag["of"]) and name not in TEMPLATE_FIELDS:
            raise ValueError
        depth += {"if": 1, "endif": -1}.get(tag["test"] or tag["other"] or "", 0)
        if depth < 0 or (depth == 0 and (tag["test"] == "elif" or tag["other"] == "else")):
            raise ValueError
    if depth or re.search(r"[{}]", _TAG.sub("", found)):
        raise ValueError
    return found
