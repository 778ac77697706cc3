"""Wording rules: which phrases of the packs a rendered text breaks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.domain.contact_rules import Channel, ContactRules, MessageClass, Phrases
from shared.domain.folded_text import contains, folded


@dataclass(frozen=True, slots=True)
class WordingFault:
    """A banned phrase that a text holds, or required ones of which it holds none; `leaf` says by which rule."""

    pack: str
    leaf: str
    phrase: str
    is_missing: bool


def wording_faults(
    text: str,
    rules: ContactRules,
    message_class: MessageClass,
    channel: Channel,
    fields: Mapping[str, str],
) -> tuple[WordingFault, ...]:
    """Everything wrong with a text of a class and channel, by pack and leaf.

    `fields` are what `{name}` in a required phrase stands for; a field that is unknown or empty is not in the text.
    """
    plain = folded(text)
    found = (*_banned(plain, rules, message_class, channel), *_missing(plain, rules, message_class, channel, fields))
    return tuple(sorted(found, key=lambda fault: (fault.pack, fault.leaf, fault.phrase)))


def _banned(plain: str, rules: ContactRules, message_class: MessageClass, channel: Channel) -> Iterator[WordingFault]:
    for rule in rules.banned:
        if _applies(rule, message_class, channel):
            held = (phrase for phrase in rule.phrases if contains(plain, phrase))
            yield from (WordingFault(rule.pack, rule.id, phrase, is_missing=False) for phrase in held)


def _missing(
    plain: str, rules: ContactRules, message_class: MessageClass, channel: Channel, fields: Mapping[str, str]
) -> Iterator[WordingFault]:
    for rule in rules.required:
        if _applies(rule, message_class, channel):
            filled = (_filled(phrase, fields) for phrase in rule.phrases)
            if not any(contains(plain, phrase) for phrase in filled):
                yield WordingFault(rule.pack, rule.id, " | ".join(sorted(rule.phrases)), is_missing=True)


def _applies(rule: Phrases, message_class: MessageClass, channel: Channel) -> bool:
    return message_class in rule.classes and channel in rule.channels


def _filled(phrase: str, fields: Mapping[str, str]) -> str:
    """A phrase that is one `{field}` is that field; all else is itself."""
    if phrase.startswith("{") and phrase.endswith("}"):
        return fields.get(phrase[1:-1], "")
    return phrase
