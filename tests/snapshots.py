"""What every check finds in a book in memory, so that replays and simulations can be held against them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache

from shared.adapters.memory.book import MemoryBook
from shared.cli.rules import read_rules
from shared.invariants import checks
from shared.invariants.rules import RuleBook
from shared.invariants.terms import Breach, Terms
from shared.ports.stub import StubPayment
from shared.simulation.snapshot import snapshot_of

__all__ = ["breaches_of", "rules", "snapshot_of"]


@cache
def rules() -> RuleBook:
    return read_rules()


def breaches_of(
    book: MemoryBook,
    moment: datetime,
    charges: Iterable[StubPayment] | None = None,
    unknown_limit: timedelta = timedelta(days=1),
) -> list[Breach]:
    """What every check finds at an instant; `charges` are those in the gateway's books."""
    terms = Terms(moment, rules(), unknown_limit)
    return list(checks.run(snapshot_of(book, charges), terms).breaches)
