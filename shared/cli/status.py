"""`duebell status`: what is due, at work, unknown, in front of a person."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3

from shared.adapters.dynamodb.models import BorrowersItem, EntryItem, LoansItem, Models
from shared.adapters.dynamodb.switches import stored as switches_of
from shared.cli.book import models_of, stored
from shared.cli.output import Json, say, say_json
from shared.cli.session import Session, Stack
from shared.cli.tables import a_table, show
from shared.domain import keys
from shared.domain.book import Line
from shared.domain.money import Money
from shared.domain.switches import Switches

QUEUES = ("CONTACT", "DEBIT", "STAGE", "REPAYMENTS")
FAILURE_QUEUES = ("UNDELIVERED_SCHEDULES", "FAILED_RUNS")

_SHOWN = 20
"""Keys of each kind that are listed for people; a program gets all."""


@dataclass(frozen=True, slots=True)
class OpenItem:
    """Something claimed that is not settled, by its key."""

    key: str
    state: str
    since: datetime
    stuck: str | None = None
    """Why no enquiry can resolve it: it stands in front of a person."""


@dataclass(frozen=True, slots=True)
class Status:
    now: datetime
    due: Mapping[Line, int]
    waiting: Mapping[Line, int]  # on the agenda in all, quarantine left out
    quarantined: Mapping[Line, list[str]]
    attempts: list[OpenItem]
    notices: list[OpenItem]
    suspense: list[tuple[str, Money, str | None]]
    queues: Mapping[str, Mapping[str, int]]
    switches: Switches


def status(stack: Stack = "duebell", as_json: Json = False) -> None:
    """Show what is due now, in flight or unknown, what failed or is switched off, and how full the queues are.

    Agendas and what is open are read from indexes, which may lag by seconds.
    """
    session = Session(stack)
    found = read_status(session, models_of(session))
    if as_json:
        say_json(_document(found))
    else:
        _show(found)


def read_status(session: Session, models: Models) -> Status:
    now, shards = session.now(), [keys.shard_name(number) for number in range(_shards(session, models))]
    agendas = {
        Line.CONTACT: (models.borrowers.contact_agenda, BorrowersItem.contact_sk, "contact_sk"),
        Line.DEBIT: (models.loans.debit_agenda, LoansItem.debit_sk, "debit_sk"),
        Line.STAGE: (models.loans.stage_agenda, LoansItem.stage_sk, "stage_sk"),
    }
    bound = keys.agenda_bound(now)
    with stored():
        return Status(
            now,
            {line: sum(index.count(s, sort <= bound) for s in shards) for line, (index, sort, _) in agendas.items()},
            {line: sum(index.count(s) for s in shards) for line, (index, _, _) in agendas.items()},
            {
                line: [keys.parse_agenda_sort(getattr(row, name)) for row in index.query(keys.QUARANTINE)]
                for line, (index, _, name) in agendas.items()
            },
            list(_attempts(models, shards)),
            list(_notices(models, shards)),
            list(_suspense(row for row in models.ledger.query(keys.SUSPENSE) if isinstance(row, EntryItem))),
            _queues(session),
            switches_of(session.dynamodb, session.value("TABLE_CONTROL")),
        )


def _shards(session: Session, models: Models) -> int:
    """The highest number of agenda partitions ever used."""
    with stored():
        row = next(iter(models.control.query(keys.SHARDS)), None)
    return max(int(session.value("SHARDS")), row.value or 1 if row else 1)


def _attempts(models: Models, shards: list[str]) -> Iterator[OpenItem]:
    for shard in shards:
        for found in models.attempts.open_attempts.query(shard):
            row = models.attempts.get(found.loan_id, found.seq_key, consistent_read=True)
            if row.state != "settled":
                key = keys.intent_key(row.loan_id, row.seq)
                yield OpenItem(key, row.outcome or row.state, row.first_claimed_at or row.claimed_at, row.stuck)


def _notices(models: Models, shards: list[str]) -> Iterator[OpenItem]:
    for shard in shards:
        for found in models.notices.open_notices.query(shard):
            row = models.notices.get(found.borrower_id, found.notice_key, consistent_read=True)
            if row.state == "claimed":
                yield OpenItem(f"{row.borrower_id}#{row.notice_key}", row.state, row.claimed_at)


def _suspense(rows: Iterable[EntryItem]) -> Iterator[tuple[str, Money, str | None]]:
    """Money that nobody has resolved, with what of it is left."""
    entries = list(rows)
    moved: Counter[str] = Counter()
    for entry in entries:
        if entry.undoes:
            moved[entry.undoes] += entry.amount_minor
    for entry in entries:
        left = entry.amount_minor + moved[entry.entry]
        if left and not entry.undoes:
            yield entry.entry, Money(left, entry.currency), entry.detail


def _queues(session: Session) -> dict[str, Mapping[str, int]]:
    sqs = boto3.client("sqs")
    names = [name for queue in QUEUES for name in (queue, f"{queue}_DEAD")]
    return {
        name.lower().replace("_", "-"): _depth(sqs, session.value(f"QUEUE_{name}_URL"))
        for name in (*names, *FAILURE_QUEUES)
    }


def _depth(sqs: Any, url: str) -> Mapping[str, int]:
    visible, taken = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[visible, taken])["Attributes"]
    return {"waiting": int(found[visible]), "in_work": int(found[taken])}


def _document(found: Status) -> dict[str, object]:
    return {
        "now": keys.instant(found.now.replace(microsecond=0)),
        "lines": {
            line.value: {
                "due": found.due[line],
                "on_agenda": found.waiting[line],
                "quarantined": found.quarantined[line],
            }
            for line in Line
        },
        "attempts": [_of_open(item) for item in found.attempts],
        "notices": [_of_open(item) for item in found.notices],
        "suspense": [
            {"entry": entry, "amount": money.decimal(), "currency": money.currency, "detail": detail}
            for entry, money, detail in found.suspense
        ],
        "queues": found.queues,
        "switches": {"open": found.switches.on, "off": sorted(found.switches.off)},
    }


def _of_open(item: OpenItem) -> dict[str, object]:
    shown: dict[str, object] = {"key": item.key, "state": item.state, "since": keys.instant(item.since)}
    return shown | {"stuck": item.stuck} if item.stuck else shown


def _show(found: Status) -> None:
    say(f"at {keys.instant(found.now.replace(microsecond=0))}")
    if not found.switches.on:
        say("everything is off: nobody has opened the board of switches yet")
    elif found.switches.off:
        say(f"off: {', '.join(sorted(found.switches.off))}")
    lines = a_table("line", "due now", "on agenda", "quarantined", right=("due now", "on agenda", "quarantined"))
    for line in Line:
        lines.add_row(line, str(found.due[line]), str(found.waiting[line]), str(len(found.quarantined[line])))
    show(lines)
    queues = a_table("queue", "waiting", "in work", right=("waiting", "in work"))
    for name, depth in found.queues.items():
        queues.add_row(name, str(depth["waiting"]), str(depth["in_work"]))
    show(queues)
    for what, items in (("attempts", found.attempts), ("messages", found.notices)):
        states = Counter(item.state for item in items)
        counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        say(f"{what} in flight: {counted or 'none'}")
        _list(f"  {item.key}: {item.state} since {keys.instant(item.since)}{_stuck(item)}" for item in items)
    for line in Line:
        _list(f"quarantined on the {line} line: {key}" for key in found.quarantined[line])
    say(f"suspense entries: {len(found.suspense)}")
    _list(f"  {entry}: {m.grouped()} {m.currency}, {detail or 'no reason'}" for entry, m, detail in found.suspense)


def _stuck(item: OpenItem) -> str:
    return f", stuck: {item.stuck}" if item.stuck else ""


def _list(lines: Iterator[str]) -> None:
    """The first lines, and how many more there are."""
    everything = list(lines)
    for line in everything[:_SHOWN]:
        say(line)
    if len(everything) > _SHOWN:
        say(f"  … and {len(everything) - _SHOWN} more (--json lists all)")
