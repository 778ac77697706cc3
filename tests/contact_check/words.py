"""Questions beside decisions, with the right answers: texts, inbound words, recipients, numbers, holds, any hour.

Each is asked for a leaf of a country's pack that it turns on; no line sends marketing, nor calls a guarantor, but what
the packs say of it holds all the same.
"""

import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.contact_check.hours import closed, opens
from tests.contact_check.law import CHANNELS, CLASSES, Book, book
from tests.contact_check.steps import business, today

HOME = {"jurisdiction-cn": "CN", "jurisdiction-us": "US", "jurisdiction-uk": "GB", "jurisdiction-eu": "DE"}
HOME |= {"jurisdiction-in": "IN"}
ZONE = {"CN": "Asia/Shanghai", "US": "America/New_York", "GB": "Europe/London", "DE": "Europe/Berlin"}
ZONE |= {"IN": "Asia/Kolkata"}
FIELDS = {
    "signature": "【Duebell】",
    "hotline": "400-000-0101",
    "amount": "1,015.00",
    "date": "2026-03-10",
    "reference": "L-0001",
}
RECIPIENTS = ("borrower", "guarantor", "spouse", "attorney")
NUMBERS = {"contact.retention_days": max, "contact.confirm_minutes": min}
STOPS = ("contact", "debit", "interest", "fees", "escalation")
_MEANS = {"stop": "stop", "stop_anywhere": "stop", "help": "help", "start": "start"}
_DAY, _LOOKS_AGAIN = timedelta(days=1), timedelta(days=7)
_BEGINS = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Question:
    """Of what kind, about which leaf, for whom, with what; `hits`: the leaf alone makes the answer what it is."""

    kind: str
    leaf: tuple[str, str]
    country: str
    given: tuple[Any, ...]
    right: Any
    hits: bool = True


def questions(seed: int, hours: int) -> Iterator[Question]:
    """For every country's pack, under the packs as they ship; `hours` moments for each of its windows."""
    rng = random.Random(f"{seed}/words")
    for pack, country in HOME.items():
        rules = book("shipped", "jiebei", country)
        yield from _texts(rng, rules, country)
        yield from _inbound(rng, rules, country)
        yield from _holds(rules, country)
        yield from _windows(rng, rules, country, hours)
        for who in RECIPIENTS:
            told = all(who in listed for listed in rules.stated("contact.recipients"))
            yield Question("recipient", (pack, "contact.recipients"), country, (who,), told)
        for path, strictest in NUMBERS.items():
            stated = [number for number in rules.stated(path) if number != "none"]
            yield Question("number", (pack, path), country, (path,), strictest(stated) if stated else None)


def _texts(rng: random.Random, rules: Book, country: str) -> Iterator[Question]:
    for tree in ("text.banned.", "text.required."):
        for source, path, rule in rules.trees(tree):
            if source.pack != rules.jurisdiction:
                continue
            for phrase in rule["phrases"]:
                for applies in (True, False):
                    pairs = [(c, ch) for c in CLASSES for ch in CHANNELS if _is_about(rule, c, ch) is applies]
                    if not pairs:
                        continue
                    message_class, channel = rng.choice(pairs)
                    said = _spelled(rng, _filled(phrase))
                    for words in (said, ""):
                        given = _text(rules, message_class, channel, path, words), message_class, channel
                        yield Question("text", (source.pack, path), country, given, _faults(rules, *given), applies)


_FIELD_NAMES = frozenset(f"{{{name}}}" for name in FIELDS)


def _text(rules: Book, message_class: str, channel: str, but: str, said: str) -> str:
    """A harmless text with all that others want of it, and these words in it."""
    wanted = [
        _filled(rule["phrases"][0])
        for _, path, rule in rules.trees("text.required.")
        if path != but and _is_about(rule, message_class, channel)
    ]
    return " , ".join(["Hello", *wanted, said, "bye"])


def _faults(rules: Book, text: str, message_class: str, channel: str) -> frozenset[tuple[str, str]]:
    found = set()
    for tree, is_wanted in (("text.banned.", False), ("text.required.", True)):
        for source, path, rule in rules.trees(tree):
            about = _is_about(rule, message_class, channel) and source.only in (None, channel)
            if about and any(_holds_phrase(text, _filled(p)) for p in rule["phrases"]) is not is_wanted:
                found.add((source.pack, path))
    return frozenset(found)


def _inbound(rng: random.Random, rules: Book, country: str) -> Iterator[Question]:
    for source, path, words in rules.trees("keywords."):
        if source.pack == rules.jurisdiction:
            for word in words:
                alone = path != "keywords.stop_anywhere"
                for text in (_spelled(rng, word), f"Well, please {word} now"):
                    hits = (text[0] != "W") is alone
                    yield Question("inbound", (source.pack, path), country, (text,), _asks(rules, text), hits)
    for text in ("thank you", "I paid on Monday", "你好", "", "!?"):
        yield Question("inbound", (rules.jurisdiction, "keywords.stop"), country, (text,), None, hits=False)


def _asks(rules: Book, text: str) -> str | None:
    found = set()
    for _, path, words in rules.trees("keywords."):
        name = path.removeprefix("keywords.")
        for word in words:
            alone = _plain(text).replace(" ", "") == _plain(word).replace(" ", "")
            if _plain(text) and (alone or (name == "stop_anywhere" and _holds_phrase(text, word))):
                found.add(_MEANS[name])
    return next((asked for asked in ("stop", "help", "start") if asked in found), None)


def _holds(rules: Book, country: str) -> Iterator[Question]:
    day = today(rules, _BEGINS)
    for code, stops in rules.stops.items():
        stated = [rule["days"] for _, path, rule in rules.trees("holds.") if path == f"holds.{code}"]
        last = None if "none" in stated else day + max(stated) * _DAY
        leaf = rules.jurisdiction, f"holds.{code}"
        reaches_contact = "contact" in stops  # then only a decision that waits for it is a hit
        yield Question("hold", leaf, country, (code, _BEGINS, day), (frozenset(stops), last), hits=False)
        for what in STOPS:
            for on in (day, day + 59 * _DAY, day + 60 * _DAY, day + 61 * _DAY, day + 400 * _DAY):
                now = business(rules, on, 12 * 60)
                right = _stopped(rules, what in stops, last, now, on)
                given = code, _BEGINS, day, what, now, on
                yield Question("held", leaf, country, given, right, hits=bool(right) and not reaches_contact)


def _stopped(rules: Book, stops: bool, last: date | None, now: datetime, on: date) -> datetime | None:
    if not stops or (last and on > last):
        return None
    return business(rules, last + _DAY) if last else now + _LOOKS_AGAIN


def _windows(rng: random.Random, rules: Book, country: str, hours: int) -> Iterator[Question]:
    zones = ZONE[country], "Pacific/Chatham"
    for source, path, rule in rules.trees("contact.windows."):
        pairs = [(c, ch) for c in CLASSES for ch in CHANNELS if _is_about(rule, c, ch)]
        for _ in range(hours if source.pack == rules.jurisdiction else 0):
            message_class, channel = rng.choice(pairs)
            now = _BEGINS + timedelta(minutes=rng.randrange(600 * 24 * 60), seconds=rng.choice((0, 0, 1, 59)))
            planned, where = rng.random() < 0.5, zones[: rng.choice((1, 1, 2))]
            week = rules.week(message_class, channel, planned=planned)
            shut = closed(week, where, now)
            hits = shut == [(source.pack, path)] and "marketing" in rule["classes"]  # decisions hit the others
            given = message_class, channel, where, now, planned
            yield Question("window", (source.pack, path), country, given, opens(week, where, now), hits)


def _is_about(rule: Any, message_class: str, channel: str) -> bool:
    return all(
        listed == "all" or one in listed
        for one, listed in ((message_class, rule["classes"]), (channel, rule["channels"]))
    )


def _filled(phrase: str) -> str:
    return FIELDS[phrase[1:-1]] if phrase in _FIELD_NAMES else phrase


def _holds_phrase(text: str, phrase: str) -> bool:
    return f" {_plain(phrase)} " in f" {_plain(text)} "


def _plain(text: str) -> str:
    """Words, numbers and single Chinese characters, with a space between each."""
    return " ".join(re.findall(r"[a-z0-9]+|[^\W\d_a-z]", unicodedata.normalize("NFKC", text).casefold()))


def _spelled(rng: random.Random, word: str) -> str:
    """The word as somebody may write it: in other cases, in full width, with marks around it."""
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)
    return rng.choice((word, word.lower(), word.upper(), wide, f" {word}. ", f"«{word}»!"))
