"""What a life under faults came to: the ordinary checks, and what the stub's and the sink's own books say."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from demo.history import Check
from demo.run import checks
from demo.stack import Stack
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.portfolio import DynamoPortfolio
from shared.adapters.dynamodb.stub_books import DynamoStubBooks
from shared.adapters.memory.book import MemoryBook
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.tokens import RandomTokens
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    Borrower,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Line,
    Loan,
    Mandate,
    MoneyMark,
    NoticeRecord,
    NoticeState,
)
from shared.domain.decision import Reason
from shared.invariants.debits import requests_were_claimed
from shared.invariants.money import charged_once
from shared.invariants.rows import RequestRow
from shared.invariants.terms import Breach, Terms
from shared.ports.portfolio import StoredRow
from shared.ports.stub import StubPayment
from shared.simulation.agendas import never_arrived, standing_still
from shared.simulation.snapshot import snapshot_of
from shared.workflows.decisions import decision_for
from tests.snapshots import rules

KINDS: tuple[type[StoredRow], ...] = (
    Loan,
    Instalment,
    Mandate,
    Escalation,
    Borrower,
    ContactCard,
    Attempt,
    NoticeRecord,
    LedgerEntry,
    DebitCard,
    MoneyMark,
)
_TABLES = ("loans", "borrowers", "attempts", "notices", "ledger", "audit", "control")
_ANSWERS_WITHIN = timedelta(days=1)

type Sent = Mapping[tuple[str, str] | None, Sequence[str | None]]
"""The sink's ids of the messages that left, by borrower and key of the notice behind them."""


@dataclass(slots=True)
class Books:
    """The stack's tables and the stub's, read past the functions."""

    stack: Stack
    client: Any

    def book(self) -> DynamoBook:
        return DynamoBook(self.client, self._tables(), RandomTokens())

    def witness(self, asked: Mapping[str, Any], at: datetime) -> RequestRow:
        """A request to the gateway with the claim that stands behind it at this moment."""
        attempt = self.book().attempt(*keys.parse_intent_key(asked["key"]))
        is_open = attempt is not None and attempt.state is not AttemptState.SETTLED
        parameters = tuple(sorted(asked.items()))
        return RequestRow(asked["key"], parameters, at, attempt.presented if attempt and is_open else None)

    def charges(self) -> list[StubPayment]:
        return list(DynamoStubBooks(self.client, self.stack.outputs["StubBooksTable"]).charges())

    def in_memory(self) -> MemoryBook:
        """All rows, as they stand on the agendas and in quarantine."""
        stored, portfolio = self.book(), DynamoPortfolio(self.client, self._tables(), RandomTokens())
        quarantined = {line: stored.agenda(line, keys.QUARANTINE, None, 1000).keys for line in Line}
        book = MemoryBook()
        book.stand([row for kind in KINDS for row in portfolio.scan(kind)], quarantined)
        return book

    def _tables(self) -> dict[str, str]:
        return {table: self.stack.outputs[f"Table{table.capitalize()}"] for table in _TABLES}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`unknown` are messages of which nobody knows whether they left: lawful, and counted."""

    breaches: tuple[Breach, ...]
    checks: tuple[Check, ...]
    charges: int
    charged_minor: int
    messages: int
    unknown: int


def judge(books: Books, requests: Sequence[RequestRow], sent: Sent, now: datetime) -> Verdict:
    """Everything that can be wrong once nothing fails any more and nothing waits."""
    told, book, charges = checks(books.stack.aws), books.in_memory(), books.charges()
    terms = Terms(now, rules(), _ANSWERS_WITHIN)
    snapshot = replace(snapshot_of(book, charges), requests=list(requests))
    notices = [row for row in book.scan(NoticeRecord) if isinstance(row, NoticeRecord)]
    sink = books.stack.inbox()
    breaches = [
        *(Breach(check.name, "duebell check", found) for check in told for found in check.breaches),
        *charged_once(snapshot, terms),
        *requests_were_claimed(snapshot, terms),
        *books_agree(book, charges),
        *sent_once(notices, sent, sink),
        *at_rest(book, notices),
        *standing_still(book, now),
        *(breach for breach in never_arrived(book, rules(), now) if has_rules(book, breach.subject, now)),
    ]
    unknown = sum(notice.state is NoticeState.UNKNOWN for notice in notices)
    minor = sum(charge.amount.minor for charge in charges)
    return Verdict(tuple(breaches), told, len(charges), minor, len(sink), unknown)


def books_agree(book: MemoryBook, charges: Sequence[StubPayment]) -> Iterator[Breach]:
    """Charge by charge: what the stub took stands on the ledger, and nothing else does."""
    charged = {charge.key: charge.amount for charge in charges}
    booked = {
        row.external_id: row.amount
        for row in book.scan(LedgerEntry)
        if isinstance(row, LedgerEntry) and row.source == "gateway"
    }
    for key in sorted(charged.keys() | booked.keys()):
        if charged.get(key) != booked.get(key):
            yield Breach("books-agree", key, f"charged {charged.get(key)}, booked {booked.get(key)}")


def sent_once(notices: Sequence[NoticeRecord], sent: Sent, sink: Mapping[str, tuple[str, str]]) -> Iterator[Breach]:
    """Every message in the sink is the only one of its notice, and a notice that says it was sent is there."""
    rows = {(notice.borrower_id, notice.notice_key): notice for notice in notices}
    arrived = [one for ids in sent.values() for one in ids]
    if Counter(arrived) != Counter(list(sink)):
        yield Breach("sent-once", "the sink", f"holds {len(sink)} messages, {len(arrived)} were seen to leave")
    for key, ids in sent.items():
        row = rows.get(key) if key else None
        name = "/".join(key) if key else "a message"
        if len(ids) > 1:
            yield Breach("sent-once", name, f"sent {len(ids)} times")
        if row is None or row.state not in (NoticeState.SENT, NoticeState.UNKNOWN):
            yield Breach("sent-once", name, f"sent, and its notice is {row.state if row else 'not there'}")
    for key, row in rows.items():
        if row.state is NoticeState.SENT and row.provider_ref not in sent.get(key, ()):
            yield Breach("sent-once", "/".join(key), "marked as sent, and never seen to leave")


def at_rest(book: MemoryBook, notices: Sequence[NoticeRecord]) -> Iterator[Breach]:
    """No claim is open, and nothing was put before a person because a store did not answer."""
    for attempt in book.scan(Attempt):
        if isinstance(attempt, Attempt) and attempt.state is not AttemptState.SETTLED:
            yield Breach("at-rest", f"{attempt.loan_id}:P{attempt.seq:06d}", f"{attempt.state} to the end")
    for notice in notices:
        if notice.state is NoticeState.CLAIMED:
            yield Breach("at-rest", f"{notice.borrower_id}/{notice.notice_key}", "claimed to the end")
    for row in book.scan(Instalment):
        if isinstance(row, Instalment) and row.blocked:  # the stub never takes back a word, or money
            yield Breach(
                "at-rest", f"{row.loan_id}#{row.number:03d}", "blocked: its money contradicts an earlier answer"
            )
    for line in Line:
        for key in book.agenda(line, keys.QUARANTINE, None, 1000).keys:
            yield Breach("at-rest", key, f"in quarantine on the {line} line")


def has_rules(book: MemoryBook, loan_id: str, now: datetime) -> bool:
    """Whether a pack says anything about a loan: in a country without one it lawfully stands where it stood."""
    return decision_for(Line.STAGE, book, PolicyFiles(), loan_id, now).reason is not Reason.POLICY_MISSING
