"""Mandates and the codes that confirm their changes, as attributes and back."""

from datetime import timedelta

from shared.adapters.dynamodb.attributes import (
    Item,
    Value,
    Values,
    flag,
    get_day,
    get_moment,
    get_number,
    get_text,
    maybe,
    maybe_day,
    maybe_moment,
    moment,
    number,
    present,
    text,
)
from shared.domain import keys
from shared.domain.book import Evidence, Mandate, MandateStatus, OneTimeCode, Source, SourceKind

TTL = "expires"
"""Where DynamoDB finds the second since 1970 after which it may drop a row; only a one-time code has it."""

_CODE_IS_KEPT_FOR = timedelta(days=1)
"""Past its end, so that a late try is told that the code is over, and not that there was none."""


def mandate_values(row: Mandate) -> Values:
    return {
        "rail": text(row.rail),
        "account_ref": text(row.account_ref),
        "signed_on": maybe_day(row.signed_on),
        "status": text(row.status),
        "funding": {"L": [_source_value(source) for source in row.funding]} if row.funding else None,
        "since": maybe_moment(row.since),
        "expires_on": maybe_day(row.expires_on),
        "evidence": {"M": _evidence_values(row.evidence)} if row.evidence else None,
    }


def _source_value(source: Source) -> Value:
    values = {"kind": text(source.kind), "account_ref": text(source.account_ref), "is_dead": flag(source.is_dead)}
    return {"M": present(values)}


def _read_source(item: Item) -> Source:
    return Source(SourceKind(get_text(item, "kind")), get_text(item, "account_ref"), is_dead="is_dead" in item)


def _evidence_values(evidence: Evidence) -> Item:
    return {
        "text_version": text(evidence.text_version),
        "text_hash": text(evidence.text_hash),
        "seen_at": moment(evidence.seen_at),
        "channel": text(evidence.channel),
    }


def read_mandate(item: Item) -> Mandate:
    funding = item["funding"]["L"] if "funding" in item else []
    return Mandate(
        get_text(item, "entity").removeprefix(keys.MANDATE),
        get_text(item, "loan_id"),
        get_text(item, "rail"),
        get_text(item, "account_ref"),
        get_day(item, "signed_on"),
        MandateStatus(get_text(item, "status")),
        funding=tuple(_read_source(source["M"]) for source in funding),
        since=maybe(get_moment, item, "since"),
        expires_on=maybe(get_day, item, "expires_on"),
        evidence=_read_evidence(item["evidence"]["M"]) if "evidence" in item else None,
    )


def _read_evidence(item: Item) -> Evidence:
    return Evidence(
        get_text(item, "text_version"),
        get_text(item, "text_hash"),
        get_moment(item, "seen_at"),
        get_text(item, "channel"),
    )


def code_values(row: OneTimeCode) -> Values:
    return {
        "digest": text(row.digest),
        "expires_at": moment(row.expires_at),
        "tries": number(row.tries),
        "rev": number(row.rev),
        TTL: number(int((row.expires_at + _CODE_IS_KEPT_FOR).timestamp())),
    }


def read_code(item: Item) -> OneTimeCode:
    return OneTimeCode(
        get_text(item, "loan_id"),
        get_text(item, "entity").removeprefix(keys.CODE),
        get_text(item, "digest"),
        get_moment(item, "expires_at"),
        get_number(item, "tries"),
        get_number(item, "rev"),
    )
