"""The holds on a loan as an attribute of its row, and back."""

from collections.abc import Iterable
from datetime import date, datetime

from shared.adapters.dynamodb.attributes import Value
from shared.adapters.dynamodb.lines import lines, read_lines
from shared.domain import keys
from shared.domain.contact_rules import Stops
from shared.domain.holds import Hold

HOLDS = "holds"


def hold_values(holds: Iterable[Hold]) -> Value | None:
    return lines(hold_words(hold) for hold in holds)


def read_holds(value: Value) -> tuple[Hold, ...]:
    return tuple(_read_hold(*words) for words in read_lines(value))


def hold_words(hold: Hold) -> list[str]:
    until = hold.until.isoformat() if hold.until else ""
    return [hold.hold_id, hold.code, ",".join(sorted(hold.stops)), keys.instant(hold.since), until]


def _read_hold(hold_id: str, code: str, stops: str, since: str, until: str) -> Hold:
    stopped = frozenset(Stops(of) for of in stops.split(",") if of)
    return Hold(hold_id, code, stopped, datetime.fromisoformat(since), date.fromisoformat(until) if until else None)
