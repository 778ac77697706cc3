"""An operator's order to move money out of suspense: within its limits, and above a threshold by two persons.

A request is made once and used up before the money moves, as with the verbs on payment attempts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.domain.book import LedgerEntry
from shared.domain.changes import Insert
from shared.domain.errors import InputError
from shared.domain.operations import (
    APPROVED,
    Extent,
    Resolution,
    approved,
    check_approval,
    check_limits,
    extent_asked,
    is_resolution,
    needs_second_person,
    read_resolution,
    request_id,
    requested,
)
from shared.workflows.booking import lender_today
from shared.workflows.facts import policy_or_none
from shared.workflows.resolve_suspense import Suspense


@dataclass(frozen=True, slots=True)
class Resolved:
    """The entry by which the money left suspense, or the request that waits for another person."""

    resolution: Resolution
    extent: Extent
    out: LedgerEntry | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Resolutions:
    """The desk of suspense. `products` are those that the lender has at an instant: of money without a loan all their
    thresholds hold."""

    suspense: Suspense
    products: Callable[[datetime], tuple[str, ...]]

    def order(self, order: Resolution, actor: str, run: str) -> Resolved:
        """Resolves, or notes a request where it needs a second person.

        Raises InputError, before anything is written, for a limit exceeded, and for all that `Suspense.resolve` does.
        """
        book, now = self.suspense.book, self.suspense.clock.now()
        extent, loan_ids = self._reach(order)
        check_limits(order, extent)
        if not self._needs_second_person(extent, loan_ids):
            return Resolved(order, extent, self._done(order, extent, actor, run))
        request = request_id(order, lender_today(self.suspense.shelf, now))
        made = book.commit([Insert(requested(order, request, extent, actor, now))])
        if not made and any(entry.revision == APPROVED for entry in book.audit(request)):
            raise InputError(f"request {request} was used already: give another reason")
        return Resolved(order, extent, request=request)

    def asks(self, request: str) -> bool:
        """The request is one of these, and not of a verb on payment attempts."""
        return is_resolution(self.suspense.book.audit(request))

    def approve(self, request: str, actor: str, run: str) -> Resolved:
        """Does what another person asked for. Raises InputError as the approval of any other request does."""
        book, now = self.suspense.book, self.suspense.clock.now()
        asked = check_approval(book.audit(request), request, actor, now)
        order = read_resolution(asked)
        extent, _ = self._reach(order)
        check_limits(order, extent)
        if extent.exceeds(extent_asked(asked)):
            raise InputError(f"request {request} reaches further than when it was made: ask anew")
        if not book.commit([Insert(approved(request, actor, now, order.reason))]):
            raise InputError(f"request {request} was used already: each is used once")
        return Resolved(order, extent, self._done(order, extent, asked.actor, run, second=actor))

    def _reach(self, order: Resolution) -> tuple[Extent, frozenset[str]]:
        """What is left of the money, and the loans that it pays or whose instalments it had closed."""
        found = self.suspense.fitting(order.entry, order.loan_id, order.numbers)
        closed = found.attempt[0] if found.attempt else None
        loan_ids = frozenset(loan_id for loan_id in (order.loan_id, closed) if loan_id)
        return Extent(len(loan_ids), {found.left.currency: abs(found.left.minor)}), loan_ids

    def _needs_second_person(self, extent: Extent, loan_ids: frozenset[str]) -> bool:
        book, shelf, now = self.suspense.book, self.suspense.shelf, self.suspense.clock.now()
        files = [book.loan_file(loan_id) for loan_id in sorted(loan_ids)]
        products = {file.loan.product for file in files if file} or self.products(now)
        policies = [policy_or_none(shelf, product, now) for product in sorted(products)]
        return not policies or needs_second_person(extent, policies)

    def _done(self, order: Resolution, extent: Extent, actor: str, run: str, second: str | None = None) -> LedgerEntry:
        return self.suspense.resolve(
            order.entry,
            order.loan_id,
            reason=order.reason,
            actor=actor,
            numbers=order.numbers,
            run=run,
            second=second,
            looked_at=extent.minor,
        )
