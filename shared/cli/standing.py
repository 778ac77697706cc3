"""The stack's book as it stands, for what is played on from it: read only, and copied."""

from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.switches import stored
from shared.adapters.tokens import RandomTokens
from shared.cli.session import PORTFOLIO_TABLES, Session
from shared.domain import keys
from shared.domain.book import Line
from shared.replay.forecast import StandingBook, read_book

_PAGE = 1_000


def stack_book(session: Session, currency: str | None) -> StandingBook:
    """Every row that the lines read, what is in quarantine, and what operators have switched off by now."""
    switches = stored(session.dynamodb, session.value("TABLE_CONTROL"))
    quarantined = {line: _quarantined(session, line) for line in Line}
    return read_book(session.portfolio.scan, session.now(), quarantined, switches, currency)


def _quarantined(session: Session, line: Line) -> list[str]:
    store = session.store(*PORTFOLIO_TABLES)
    book = DynamoBook(session.dynamodb, store.tables, RandomTokens(), store.shards)
    found, after = list[str](), None
    while True:
        page = book.agenda(line, keys.QUARANTINE, None, _PAGE, after)
        found += page.keys
        if page.after is None:
            return found
        after = page.after
