"""Every key string of the tables, agendas, queues and the gateway, built here and nowhere else.

Keys are derived from business identity, never generated, so that doing a thing twice collides with itself.
"""

import re
from datetime import date, datetime
from hashlib import sha256
from zlib import crc32

from shared.domain.book import Line, Stage
from shared.domain.errors import EventError, IdentifierError

LOAN = "LOAN"
INSTALMENT = "INST#"
MANDATE = "MANDATE#"
MANDATES_END = "MANDATE#~"
"""Sorts after every mandate: no id holds a tilde."""
ESCALATION = "ESC#"
PROFILE = "PROFILE"
CONTACT = "CONTACT"
CLOCK = "CLOCK"
SHARDS = "SHARDS"
SUSPENSE = "SUSPENSE"
"""The ledger's partition for money without a loan."""
RAIL_NEWS = "RAIL_NEWS"
"""Under which the audit keeps what rails said of mandates and fits none."""
MONEY_NEWS = "MONEY_NEWS"
"""Under which the audit keeps news of money that contradicts what is booked."""
SWITCHES = "SWITCHES"
MONEY = "MONEY#"
UNDO = "undo"
"""The source of the marks that number what takes an entry's money back."""
TOLD, WAITING = "told", "waiting"
CODE = "CODE#"
CODES = "CODES#"
CONSENT = "CONSENT#"
LINK = "LINK#"
OPTED_OUT = "OPTED_OUT"
DEBIT = "DEBIT"
QUARANTINE = "QUARANTINE"
"""The agenda partition of rows that failed three times; no planner reads it, a person does."""

AGENDA_END = "~"
"""Sorts after every agenda entry."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def checked_id(text: str) -> str:
    """The id itself, or IdentifierError: ids become parts of keys, so they hold no separator."""
    if not _ID.fullmatch(text):
        raise IdentifierError("an id is 1 to 64 letters, digits, dots, dashes or underscores")
    return text


def instalment_entity(number: int) -> str:
    return f"{INSTALMENT}{number:03d}"


def mandate_entity(mandate_id: str) -> str:
    return f"{MANDATE}{mandate_id}"


def escalation_key(episode: int, stage: Stage) -> str:
    return f"{episode:03d}#{stage}"


def escalation_entity(key: str) -> str:
    return f"{ESCALATION}{key}"


def debit_key(loan_id: str, number: int) -> str:
    """The debit line's hint: one instalment."""
    return f"{loan_id}#{number:03d}"


def parse_debit_key(key: str) -> tuple[str, int]:
    loan_id, _, number = key.partition("#")
    if not _ID.fullmatch(loan_id) or not (number.isascii() and number.isdigit()):
        raise EventError(f"{key!r} is not a key of the debit line: LOAN#NNN")
    return loan_id, int(number)


def told_key(loan_id: str, number: int, episode: int) -> str:
    """What was told about an instalment in an episode; number 0 is the loan as a whole."""
    return f"{loan_id}#{number:03d}#{episode}"


def tier_key(tier: str, loan_id: str, number: int, episode: int) -> str:
    """One tier of one instalment in one episode: what a notice covers, and (the first covered) the notice's own key."""
    return f"{tier}#{told_key(loan_id, number, episode)}"


def tier_of_told(tier: str, key: str) -> str:
    """The tier's key, where `key` is a `told_key`."""
    return f"{tier}#{key}"


def parse_tier_key(key: str) -> tuple[str, int]:
    """The loan and the instalment's number (0: the loan as a whole) of a tier's key."""
    _, loan_id, number, _ = key.split("#")
    return loan_id, int(number)


def seq_entity(seq: int) -> str:
    return f"P#{seq:06d}"


def parse_seq_entity(entity: str) -> int:
    return int(entity.removeprefix("P#"))


def intent_key(loan_id: str, seq: int) -> str:
    """The idempotency key at the gateway: the same for every request of this intent, and for no other."""
    return f"{loan_id}:P{seq:06d}"


def parse_intent_key(key: str) -> tuple[str, int]:
    loan_id, _, seq = key.rpartition(":P")
    if not _ID.fullmatch(loan_id) or not (seq.isascii() and seq.isdigit()):
        raise EventError(f"{key!r} is not the key of a payment intent: LOAN:PNNNNNN")
    return loan_id, int(seq)


def intents_of(loan_id: str) -> str:
    """What the keys of a loan's intents begin with."""
    return f"{loan_id}:P"


def address_key(address: str) -> str:
    """Stands for a phone number, e-mail address or endpoint where caps and receipts need one. No secret: whoever has a
    list of numbers can try them, so it goes wherever addresses may go, and nowhere else."""
    return sha256(address.encode()).hexdigest()[:16]


def notice_hint(borrower_id: str, notice_key: str) -> str:
    """An open notice in its index."""
    return f"{borrower_id}#{notice_key}"


def parse_notice_hint(key: str) -> tuple[str, str]:
    borrower_id, _, notice_key = key.partition("#")
    return borrower_id, notice_key


def ledger_entity(source: str, external_id: str) -> str:
    return f"{source}#{external_id}"


def parse_ledger_entity(text: str) -> tuple[str, str]:
    source, _, external_id = text.partition("#")
    return source, external_id


def money_owner(source: str, external_id: str) -> str:
    """The ledger's partition that marks one piece of money as booked."""
    return f"{MONEY}{source}#{external_id}"


def undo_place(loan_id: str, entity: str, number: int) -> str:
    """The how manieth entry that takes money of one entry back: put once, so that of two at once one reads again."""
    source, external_id = parse_ledger_entity(entity)
    return f"{loan_id}:{source}:{external_id}:{number:03d}"


def told_by(loan_id: str, entity: str, channel: str) -> str:
    """That a further channel told of an entry that takes money back: put once, so that it absorbs one news of each."""
    source, external_id = parse_ledger_entity(entity)
    return f"{loan_id}:{source}:{external_id}:{channel}"


def waits_for(source: str, reference: str) -> str:
    """That something in suspense takes a payment back: it came before the payment, or took more than was left."""
    return f"{source}:{reference}:{WAITING}"


def waiting_place(source: str, reference: str, number: int) -> str:
    """The place of one news among those that take a payment back and stand in suspense: each is taken once."""
    return f"{waits_for(source, reference)}:{number:03d}"


def order_revision(order_id: str) -> str:
    """A borrower's order in the audit of its loan: put once, whenever it comes."""
    return f"order#{order_id}"


def hold_ids_of(code: str, on: date) -> str:
    """What the ids of the holds of a code that were set on a business date begin with."""
    return f"{code}-{on.isoformat()}-"


def hold_id(code: str, on: date, number: int) -> str:
    """One hold of a loan: the how manieth of its code and date."""
    return f"{hold_ids_of(code, on)}{number}"


def code_entity(purpose: str) -> str:
    return f"{CODE}{purpose}"


def codes_subject(borrower_id: str) -> str:
    """Under which the audit keeps each one-time code sent to a borrower, numbered: two at once collide."""
    return f"{CODES}{borrower_id}"


def code_number(number: int) -> str:
    return f"{number:06d}"


def code_hint(borrower_id: str, number: str) -> str:
    """The message with a one-time code, in the form of a notice's hint: no notice has this key."""
    return f"{borrower_id}#{CODE}{number}"


def consent_subject(borrower_id: str) -> str:
    """Under which the audit keeps what a borrower said about being written to."""
    return f"{CONSENT}{borrower_id}"


def inbound_revision(provider: str, inbound_ref: str) -> str:
    """A message from a borrower in the audit: put once, however often it is delivered."""
    return f"inbound#{provider}#{inbound_ref}"


def rail_revision(event_id: str, mandate_id: str, status: str) -> str:
    """A rail's word in the audit: put once, however often it is delivered."""
    return f"rail#{event_id}#{mandate_id}#{status}"


def money_revision(reference: str, misfit: str, minor: int) -> str:
    """News that contradicts our books in the audit: put once, however often and by however many ways it comes."""
    return f"money#{reference}#{misfit}#{minor}"


def opt_out_notice(provider: str, inbound_ref: str) -> str:
    """The key of the message that confirms an opt-out: one for each message that asked for it."""
    return f"{OPTED_OUT}#{sha256(f'{provider}#{inbound_ref}'.encode()).hexdigest()[:16]}"


def repeated(notice_key: str, again: int) -> str:
    """The key of a notice that is told once more: a repeat is a message of its own. 0: the first one."""
    return f"{notice_key}~{again}" if again else notice_key


def link_row(name: str) -> str:
    """Which notice a short link came with, in the control table."""
    return f"{LINK}{name}"


def audit_revision(at: datetime, what: str) -> str:
    """Sorts by time; one person cannot do one thing to one subject twice at the same microsecond."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%fZ}#{what}"


def shard(owner_id: str, shards: int) -> str:
    """The agenda partition of a loan or borrower among `shards`; stored in the row, so that `shards` may rise."""
    return shard_name(crc32(owner_id.encode()) % shards)


def shard_name(number: int) -> str:
    return f"S{number:03d}"


def instant(at: datetime) -> str:
    """An aware UTC instant as sortable text, to the microsecond only when it has one."""
    return at.isoformat().replace("+00:00", "Z")


def agenda_sort(step: datetime, key: str) -> str:
    return f"{_second(step)}#{key}"


def agenda_bound(until: datetime) -> str:
    """Sorts after every agenda entry at or before `until`."""
    return f"{_second(until)}#\x7f"


def _second(at: datetime) -> str:
    """An aware UTC instant to the second, as sortable text."""
    return f"{at.isoformat(timespec='seconds')[:19]}Z"


def agenda_after(text: str) -> str:
    """Sorts right after one agenda entry and before every other one: no key holds a blank."""
    return f"{text} "


def parse_agenda_sort(text: str) -> str:
    """The hint key within an agenda entry."""
    return text.partition("#")[2]


def parse_hint_key(line: Line, key: str) -> str:
    """A hint's key, checked for its line; raises EventError."""
    if line is Line.DEBIT:
        parse_debit_key(key)
    elif not _ID.fullmatch(key):
        raise EventError(f"{key!r} is not a key of the {line} line")
    return key
