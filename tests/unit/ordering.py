"""What tests of people's orders share: a town on the due day, and a gateway and a book that let things happen."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from shared.domain.book import Owner
from shared.domain.changes import Change
from shared.domain.errors import GatewayError
from shared.domain.money import Money
from shared.domain.pay_order import PayOrder
from shared.ports.world import DebitAnswer, DebitRequest, RefundRequest
from shared.workflows.operate import Operations
from shared.workflows.passes import Summary
from shared.workflows.pay_now import Paid, PayNow
from tests.unit.builders import an_instalment, at
from tests.unit.town import Town


class Dies(BaseException):
    """The process is gone: no handler of ours sees this."""


def die() -> None:
    raise Dies


def nothing() -> None:
    """Nothing happens in between."""


class Gateway:
    """The stub, with something happening before or after a request, or in place of an answer."""

    def __init__(self, town: Town) -> None:
        self._stub = town.stub
        self.not_found_is_final = True
        self.key_life = timedelta(days=365)
        self.before: Callable[[], object] = nothing
        self.after: Callable[[], object] = nothing
        self.answer: DebitAnswer | None = None
        self.silent = False
        self.enquired: list[str] = []

    def present(self, request: DebitRequest) -> DebitAnswer:
        return self._act(lambda: self._stub.present(request))

    def refund(self, request: RefundRequest) -> DebitAnswer:
        return self._act(lambda: self._stub.refund(request))

    def _act(self, act: Callable[[], DebitAnswer]) -> DebitAnswer:
        self.before()
        answer = act()
        self.after()
        return self.answer or answer

    def enquire(self, key: str) -> DebitAnswer | None:
        self.enquired.append(key)
        if self.silent:
            raise GatewayError("the gateway did not answer")
        return self._stub.enquire(key)


class Intervening:
    """A book in which something happens once, right before the next commit that holds a change of a kind."""

    def __init__(self, town: Town, kind: type[Any], then: Callable[[], object]) -> None:
        self._town, self._inner, self._kind, self._then = town, town.book, kind, then
        town.book = self  # everything else is the inner book's

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def commit(self, changes: Sequence[Change]) -> bool:
        if any(isinstance(change, self._kind) for change in changes):
            self._town.book = self._inner
            self._then()
            self._kind = type(None)
        return self._inner.commit(changes)


def due_town(account: str = "paid-1", **changes: Any) -> tuple[Town, Gateway]:
    """Three instalments, the first due today at 08:00 and announced the day before; the schedule did not run yet."""
    instalments = (
        an_instalment(**changes),
        an_instalment(number=2, due_on=date(2026, 4, 10)),
        an_instalment(number=3, due_on=date(2026, 5, 10)),
    )
    town = Town(*instalments, account=account)
    town.live_through("2026-03-01", "2026-03-09")
    town.clock.set(at("2026-03-10 08:00"))
    gateway = Gateway(town)
    town.gateway = gateway
    return town, gateway


def pay(
    town: Town, *numbers: int, amount: str | None = None, owner: Owner = Owner.BORROWER, summary: Summary | None = None
) -> Paid:
    """Orders a payment of the loan's instalments, of all that are unpaid where none is named."""
    workflow = PayNow(town.book, town.gateway, town.shelf, town.clock, town.queue, town.switches)
    money = Money.parse(amount, "CNY") if amount else None
    return workflow.pay(PayOrder("l-1", numbers or None, money, owner), "test", summary or Summary())


def operations(town: Town) -> Operations:
    return Operations(town.book, town.gateway, town.shelf, town.clock, town.queue, town.switches)


def later(town: Town, minutes: int = 6) -> None:
    town.clock.advance(timedelta(minutes=minutes))
    town.reconcile()


def balanced(town: Town) -> None:
    """What the gateway took and gave back is on the ledger, and what is not credit is on the instalments."""
    given = sum(r.amount.minor for r in town.stub_books.refunds())
    entries = town.entries()
    assert town.charged() - given == sum(e.amount.minor for e in entries if e.source == "gateway")
    booked = sum(minor for e in entries for _, minor in e.split)
    assert booked == sum(town.instalment(n).paid_minor for n in (1, 2, 3))
    assert all(0 <= town.instalment(n).paid_minor <= town.instalment(n).due_minor for n in (1, 2, 3))
