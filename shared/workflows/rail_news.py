"""What a rail did with a mandate, told by webhook: confirmed, revoked or expired.

Safe to run twice and in any order: a mandate that stands so already is known, a word of the end is never too late, and
one of a life that was overtaken since changes nothing. What fits no mandate is put into the audit once an event, in
front of a person.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from shared.domain import keys
from shared.domain.book import AuditEntry, MandateStatus
from shared.domain.changes import Insert
from shared.domain.errors import BookError
from shared.domain.mandate_requests import Changed, RailWord, Refused
from shared.domain.mandates import Actor, Refusal
from shared.ports.book import Book
from shared.ports.world import Clock
from shared.workflows.passes import Summary
from shared.workflows.writing_mandates import Note, Said, tell


@dataclass(frozen=True, slots=True)
class RailNews:
    """The ports of hearing rails."""

    book: Book
    clock: Clock

    def work(self, word: RailWord) -> Summary:
        """Counts `mandate.rail.changed`, `.known`, `.late` or `.refused`, the last with `quarantine.<REASON>`."""
        answer = self.says(word.loan_id, word.mandate_id, word.status, word.at)
        if isinstance(answer, Changed):
            return _summary("changed")
        if answer.reason is Refusal.STANDS_SO:
            return _summary("known")
        if answer.reason is Refusal.RACED:
            raise BookError(f"the rail's word on loan {word.loan_id} could not be written")
        if answer.reason is Refusal.NOT_ALLOWED and self._is_overtaken(word):
            return _summary("late")
        return self._keep(word, answer.reason)

    def says(self, loan_id: str, mandate_id: str, status: MandateStatus, at: datetime) -> Changed | Refused:
        """Changes the mandate once; STANDS_SO says that it was known. A word of the end is never too late: what ended
        at the rail debits no more, whatever was changed here since."""
        note = Note(f"rail.{status}", Actor.RAIL, "the rail said so", {"said_at": keys.instant(at)})
        return tell(self.book, self.clock, Said(loan_id, mandate_id, status, Actor.RAIL), note)

    def _is_overtaken(self, word: RailWord) -> bool:
        """The mandate changed here after the rail did what it tells of."""
        file = self.book.loan_file(word.loan_id)
        mandates = file.mandates if file else ()
        return any(m.mandate_id == word.mandate_id and m.since and word.at <= m.since for m in mandates)

    def _keep(self, word: RailWord, reason: Refusal) -> Summary:
        detail = {
            "loan_id": word.loan_id,
            "mandate_id": word.mandate_id,
            "status": word.status,
            "said_at": keys.instant(word.at),
        }
        revision = keys.rail_revision(word.event_id, word.mandate_id, word.status)
        entry = AuditEntry(
            keys.RAIL_NEWS, revision, self.clock.now(), Actor.RAIL, f"refused.{reason.name}", reason.value, detail
        )
        if not self.book.commit([Insert(entry)]):
            return _summary("known")
        summary = _summary("refused")
        summary.counts[f"quarantine.{reason.name}"] += 1
        return summary


def _summary(became: str) -> Summary:
    return Summary(Counter({f"mandate.rail.{became}": 1}))
