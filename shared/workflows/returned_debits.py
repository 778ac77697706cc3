"""What a debit that the rail took back says of the mandate under which it was made.

Safe to run twice: a mandate that ended stays as it is.
"""

from shared.domain import keys
from shared.domain.book import Attempt
from shared.domain.errors import BookError
from shared.domain.funding import funding_change
from shared.domain.mandates import Actor, Move
from shared.domain.repayment import GATEWAY, TakenBack, source_of
from shared.domain.settlement import mandates_after
from shared.ports.book import Book
from shared.ports.world import Clock
from shared.workflows.booking import MOST_RACES
from shared.workflows.writing_mandates import Note, write_changes


def debit_of(book: Book, reference: str) -> Attempt | None:
    """The attempt whose money a reference names; None for a transfer."""
    return book.attempt(*keys.parse_intent_key(reference)) if source_of(reference) == GATEWAY else None


def end_mandate(book: Book, clock: Clock, back: TakenBack) -> None:
    """Ends the mandate, or marks its account, where the rail's reason says so: by the rule of the same answer to a
    debit. Nothing else is debited under what is gone.

    Called before the money is booked, so that a repeat after a crash finds both to do.
    """
    attempt = debit_of(book, back.reference)
    if back.outcome is None or attempt is None:
        return
    for _ in range(MOST_RACES):
        now, file = clock.now(), book.loan_file(attempt.loan_id)
        before = file.mandates if file else ()
        after = mandates_after(attempt, before, back.outcome, now)
        if file is None or after == before:
            return
        ((ended, was),) = ((m, was) for m, was in zip(after, before, strict=True) if m != was)
        said = f"{back.reference} was taken back: {back.outcome}"
        note = Note("rail.returned", Actor.RAIL, said, funding_change(was, ended))
        if write_changes(book, file, (Move(ended, was.status),), note, (), now):
            return
    raise BookError(f"the mandate of {back.reference} could not be ended")
