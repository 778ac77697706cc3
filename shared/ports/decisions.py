"""Where decisions are told as they are taken: a replay and a forecast listen, a deployed worker counts them only."""

from datetime import datetime
from typing import Protocol

from shared.domain.book import Line
from shared.domain.debit import Presentment
from shared.domain.decision import Act, Defer, Drop
from shared.domain.notices import Notice
from shared.domain.stage import StageMove


class DecisionSink(Protocol):
    def note(
        self,
        line: Line,
        key: str,
        at: datetime,
        decision: Act[Notice] | Act[Presentment] | Act[StageMove] | Defer | Drop,
    ) -> None:
        """A line's worker decided this of a key of its agenda. It may still lose the race for its claim."""
