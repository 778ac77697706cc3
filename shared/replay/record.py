"""What a replay tells: the lines' decisions as rows, and the sums over them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from shared.domain.book import Attempt, Escalation, Line, Stage
from shared.domain.calendar import business_date
from shared.domain.debit import Presentment
from shared.domain.decision import Act, Defer, Drop, Reason
from shared.domain.money import Money
from shared.domain.notices import Notice
from shared.domain.stage import StageMove
from shared.replay.buckets import Level, Stay

_HELD = frozenset(
    {
        Reason.OUTSIDE_CONTACT_HOURS,
        Reason.CONTACT_CAP,
        Reason.NO_CONTACT_WINDOW,
        Reason.NO_PROVIDER,
        Reason.ON_HOLD,
        Reason.POLICY_MISSING,
        Reason.SWITCHED_OFF,
        Reason.TEXT_REFUSED,
    }
)
"""Reasons for which a message that was due waited. Others only say that none was."""

_NOTHING_DUE_YET = frozenset(
    {
        Reason.NOTHING_DUE,
        Reason.NOT_YET_DUE,
        Reason.BEFORE_SLOT,
        Reason.SLOT_USED,
        Reason.STAGE_UNCHANGED,
        Reason.AWAITING_DEDUCTION,
        Reason.WAITS_FOR_RETRY_DAY,
        Reason.WAITS_FOR_PAYDAY,
    }
)
"""Reasons for which a debit or a stage waits as planned. All others hold it back."""


@dataclass(frozen=True, slots=True, order=True)
class NoticeLine:
    """A message that went out, or (without a notice) the first time of a day at which one was held back."""

    borrower_id: str
    notice: str
    business_date: date
    decided_at: datetime
    stage: str
    loans: tuple[str, ...]
    channel: str
    decision: str
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class AttemptLine:
    loan_id: str
    numbers: tuple[int, ...]
    seq: int
    business_date: date
    amount_minor: int
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class WaitLine:
    """Something of a line's agenda was due on a day and was held back; told once for each reason."""

    business_date: date
    line: Line
    reason: str
    key: str


@dataclass(frozen=True, slots=True, order=True)
class StageLine:
    """A loan was escalated into a stage by the stage line, after the notice that must come first."""

    business_date: date
    stage: Stage
    loan_id: str


@dataclass(frozen=True, slots=True)
class Played:
    """Everything that a replay found, in order."""

    currency: str
    notices: tuple[NoticeLine, ...]
    attempts: tuple[AttemptLine, ...]
    stays: tuple[Stay, ...]
    levels: tuple[Level, ...]
    counts: Counter[str]
    failures: Counter[str]
    borrowers: int
    zoneless: int
    loans: int
    instalments: int
    payments: int
    paid_minor: int
    versions: tuple[str, ...]
    later: int
    waits: tuple[WaitLine, ...] = ()
    entered: tuple[StageLine, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)  # a digest by `keys.notice_hint`, where they are kept
    days_outside: int = 0  # of the packs' validity, where they were taken to count throughout

    def decimal(self, minor: int) -> str:
        """An amount as the files have it; a book without a loan has no currency."""
        return Money(minor, self.currency).decimal() if self.currency else "0"

    def within(self, first: date, last: date) -> "Played":
        """What happened from one day to another, both included; the sums over the book are the same."""
        return replace(
            self,
            notices=tuple(line for line in self.notices if first <= line.business_date <= last),
            attempts=tuple(line for line in self.attempts if first <= line.business_date <= last),
            stays=tuple(s for s in self.stays if s.entered_on <= last and (s.left_on is None or first <= s.left_on)),
            levels=tuple(level for level in self.levels if first <= level.day <= last),
            waits=tuple(line for line in self.waits if first <= line.business_date <= last),
            entered=tuple(line for line in self.entered if first <= line.business_date <= last),
        )


class Recorder:
    """A DecisionSink."""

    def __init__(self, business_zone: str) -> None:
        self._zone = business_zone
        self._notices: list[NoticeLine] = []
        self._waits: set[WaitLine] = set()
        self._reasons: dict[tuple[str, tuple[int, ...], datetime], str] = {}
        self.versions: set[str] = set()

    def note(
        self,
        line: Line,
        key: str,
        at: datetime,
        decision: Act[Notice] | Act[Presentment] | Act[StageMove] | Defer | Drop,
    ) -> None:
        match decision:
            case Act(Notice() as notice):
                self.versions.add(notice.policy_version)
                self._notices.append(self._sent(notice, at, decision.reason))
            case Act(Presentment() as debit):
                self._reasons[key.partition("#")[0], debit.numbers, at] = decision.reason.name
            case Defer(reason=reason) if _is_held(line, reason):
                day = business_date(at, self._zone)
                wait = WaitLine(day, line, reason.name, key)
                if wait not in self._waits:
                    self._waits.add(wait)
                    if line is Line.CONTACT:
                        self._notices.append(NoticeLine(key, "", day, at, "", (), "", "defer", reason.name))
            case _:
                pass

    def _sent(self, notice: Notice, at: datetime, reason: Reason) -> NoticeLine:
        loans = tuple(dict.fromkeys(step.loan_id for step in notice.covers))
        channel = notice.channels[0] if notice.channels else ""
        day = business_date(at, self._zone)
        decision = "act" if notice.channels else "drop"
        return NoticeLine(notice.borrower_id, notice.key, day, at, notice.tone, loans, channel, decision, reason.name)

    def notices(self) -> tuple[NoticeLine, ...]:
        return tuple(sorted(self._notices))

    def waits(self) -> tuple[WaitLine, ...]:
        return tuple(sorted(self._waits))

    def attempts(self, rows: Iterable[Attempt]) -> Iterator[AttemptLine]:
        for row in rows:
            reason = self._reasons.get((row.loan_id, row.numbers, row.claimed_at), "")
            day = date.fromisoformat(row.slot[:10])
            yield AttemptLine(
                row.loan_id, row.numbers, row.seq, day, row.amount.minor, row.outcome or row.state, reason
            )


def stage_lines(rows: Iterable[Escalation]) -> tuple[StageLine, ...]:
    return tuple(sorted(StageLine(row.entered_on, row.stage, row.loan_id) for row in rows))


def _is_held(line: Line, reason: Reason) -> bool:
    return reason in _HELD if line is Line.CONTACT else reason not in _NOTHING_DUE_YET
