"""The accounts of a mandate as people write them, in a portfolio, an event or a command: `balance:acc-1`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.domain.book import AuditEntry, Mandate, Source, SourceKind
from shared.domain.errors import InputError

ACCOUNT = re.compile(r"[!-~]{1,128}", re.ASCII)
MOST_SOURCES = 10


def source_text(source: Source) -> str:
    return f"{source.kind}:{source.account_ref}"


def read_sources(texts: Sequence[str]) -> tuple[Source, ...]:
    """The accounts in their order, none of them dead; raises InputError, without repeating a text, for a list that is
    empty or too long, names an account twice, or holds what is no account."""
    parts = [text.partition(":") for text in texts]
    if any(kind not in tuple(SourceKind) or not ACCOUNT.fullmatch(account) for kind, _, account in parts):
        raise InputError(f"a source is written KIND:ACCOUNT, such as balance:acc-1; KIND is {', '.join(SourceKind)}")
    if not 1 <= len(parts) <= MOST_SOURCES:
        raise InputError(f"a mandate names 1 to {MOST_SOURCES} sources, and here are {len(parts)}")
    if len({account for _, _, account in parts}) < len(parts):
        raise InputError("the sources name an account twice")
    return tuple(Source(SourceKind(kind), account) for kind, _, account in parts)


def funding_detail(before: Sequence[Source], after: Sequence[Source]) -> Mapping[str, str]:
    """What the audit keeps of accounts that were named anew; `funding_before` reads it again."""
    said = {
        "funding": " ".join(map(source_text, after)),
        "funding_before": " ".join(map(source_text, before)),
        "dead_before": " ".join(source.account_ref for source in before if source.is_dead),
    }
    return {name: text for name, text in said.items() if text}


def funding_change(was: Mandate, now: Mandate) -> Mapping[str, str]:
    """The same of a mandate that changed; nothing where its accounts are those of before."""
    return funding_detail(was.sources, now.sources) if now.funding != was.funding else {}


def funding_before(entry: AuditEntry) -> tuple[Source, ...]:
    """The accounts that a mandate named before a change of them; none for an entry of another change."""
    dead = entry.detail.get("dead_before", "").split()
    found = read_sources(texts) if (texts := entry.detail.get("funding_before", "").split()) else ()
    return tuple(replace(source, is_dead=source.account_ref in dead) for source in found)
