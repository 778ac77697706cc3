"""A line's decision on one key, of any line: what planning and a dry run show, and what the line's worker acts on."""

from datetime import datetime

from shared.domain.book import Line
from shared.domain.debit import Presentment
from shared.domain.decision import Act, Defer, Drop, Reason
from shared.domain.notices import Notice
from shared.domain.stage import StageMove
from shared.ports.book import Book
from shared.ports.world import PolicyShelf
from shared.workflows.contact_facts import contact_facts
from shared.workflows.debit_facts import debit_facts
from shared.workflows.stage_facts import stage_facts


def decision_for(
    line: Line, book: Book, shelf: PolicyShelf, key: str, now: datetime
) -> Act[Notice] | Act[Presentment] | Act[StageMove] | Defer | Drop:
    """A line's decision on one key, changing nothing."""
    find = {Line.CONTACT: contact_facts, Line.DEBIT: debit_facts, Line.STAGE: stage_facts}[line]
    facts = find(book, shelf, key, now)
    return facts.decide(now) if facts else Drop(Reason.UNKNOWN_KEY)
