"""Why a text must not go out: its phrases, its length, its links, and numbers that are nobody else's business."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shared.domain.contact_rules import Channel, ContactRules, MessageClass
from shared.domain.wording_rules import wording_faults

_LINK = re.compile(r"https?://(?P<named>[^\s/]+)|(?P<bare>(?:[\w-]+\.)+[^\W\d_]{2,})", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"\d(?:[ -]?\d){5,}")
"""Six digits or more: of an account, a phone, an identity. Amounts and days have fewer in a row."""

_MAIL_ADDRESS = re.compile(r"[^\s@]@[^\s@]")


@dataclass(frozen=True, slots=True)
class TextFault:
    """What is wrong with a text: the leaf that it breaks, and how. It holds nothing of the borrower."""

    leaf: str
    says: str


def text_faults(
    text: str,
    rules: ContactRules,
    message_class: MessageClass,
    channel: Channel,
    fields: Mapping[str, str],
    links: Iterable[str],
) -> Iterator[TextFault]:
    """Everything wrong with the words of a message, its title included.

    `fields` are what was filled in, the borrower's name left out. Numbers of the hotline, the reference, the link and
    the day are its own; any other long one is not. `links` are the hosts that it may lead to, their subdomains too.
    """
    for fault in wording_faults(text, rules, message_class, channel, fields):
        verb = "has none of" if fault.is_missing else "says"
        yield TextFault(f"{fault.pack}: {fault.leaf}", f"{verb} {fault.phrase}")
    plain = unicodedata.normalize("NFKC", text)
    yield from (TextFault("text.links", f"leads to {host}") for host in _foreign_hosts(plain, frozenset(links)))
    for name in ("link", "hotline", "reference", "date"):
        plain = plain.replace(fields.get(name) or "\0", " ")
    if _LONG_NUMBER.search(plain):
        yield TextFault("text", "holds a long number that is no amount, day, hotline or reference")
    if _MAIL_ADDRESS.search(plain):
        yield TextFault("text", "holds an e-mail address")


def length_faults(parts: int, most: int, message_class: MessageClass) -> Iterator[TextFault]:
    if parts > most:
        yield TextFault(f"contact.max_parts.{message_class}", f"takes {parts} parts of {most}")


def _foreign_hosts(text: str, links: frozenset[str]) -> list[str]:
    found = ((match["named"] or match["bare"]).casefold() for match in _LINK.finditer(text))
    return sorted({host for host in found if not any(f".{host}".endswith(f".{own}") for own in links)})
