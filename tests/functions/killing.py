"""Kills a function at a point: before or after it claims, acts or settles. The points are at its ports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.domain import keys
from shared.domain.book import Attempt, AttemptState, NoticeRecord
from shared.domain.changes import Change, Insert, SaveAttempt, SaveNotice
from shared.ports.book import Book
from shared.ports.messages import Outgoing, Provider
from shared.ports.world import DebitAnswer, DebitRequest, PaymentGateway, RefundRequest, Sent
from tests.functions.stack import Killed, Stack, handler

POINTS = tuple(f"{when} {step}" for step in ("claim", "act", "settle") for when in ("before", "after"))


@dataclass
class Kill:
    """Strikes once, when work on `owner` (a loan or a borrower) reaches the point."""

    point: str
    owner: str
    struck: bool = False

    def reach(self, point: str, owner: str | None) -> None:
        if not self.struck and (point, owner) == (self.point, self.owner):
            self.struck = True
            raise Killed(point)


def arm(stack: Stack, monkeypatch: pytest.MonkeyPatch, function: str, kill: Kill) -> None:
    """The function's ports kill it when the time comes; everything else is as its bootstrap made it."""
    app = stack.app(function)
    ports: dict[str, Any] = {"book": KillingBook(app.book, kill)}
    if hasattr(app, "gateway"):
        ports["gateway"] = KillingGateway(app.gateway, kill)
    if hasattr(app, "senders"):
        ports["senders"] = {c: replace(s, provider=KillingProvider(s.provider, kill)) for c, s in app.senders.items()}
    armed = replace(app, **ports)
    monkeypatch.setattr(handler(function), "app", lambda: armed)


class KillingBook:
    """Claims and settlements are told by the rows that they write."""

    def __init__(self, book: Book, kill: Kill) -> None:
        self._book = book
        self._kill = kill

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    def commit(self, changes: Sequence[Change]) -> bool:
        step, owner = _step_of(changes)
        self._kill.reach(f"before {step}", owner)
        made = self._book.commit(changes)
        self._kill.reach(f"after {step}", owner)
        return made


class KillingGateway:
    def __init__(self, gateway: PaymentGateway, kill: Kill) -> None:
        self.not_found_is_final, self.key_life = gateway.not_found_is_final, gateway.key_life
        self._gateway = gateway
        self._kill = kill

    def present(self, request: DebitRequest) -> DebitAnswer:
        return self._act(request.key, lambda: self._gateway.present(request))

    def refund(self, request: RefundRequest) -> DebitAnswer:
        return self._act(request.key, lambda: self._gateway.refund(request))

    def _act(self, key: str, act: Callable[[], DebitAnswer]) -> DebitAnswer:
        loan_id = key.partition(":")[0]
        self._kill.reach("before act", loan_id)
        answer = act()
        self._kill.reach("after act", loan_id)
        return answer

    def enquire(self, key: str) -> DebitAnswer | None:
        return self._gateway.enquire(key)


class KillingProvider:
    def __init__(self, provider: Provider, kill: Kill) -> None:
        self._provider = provider
        self._kill = kill

    def send(self, message: Outgoing) -> Sent:
        owner = keys.parse_notice_hint(message.key)[0]
        self._kill.reach("before act", owner)
        sent = self._provider.send(message)
        self._kill.reach("after act", owner)
        return sent


def _step_of(changes: Sequence[Change]) -> tuple[str, str | None]:
    for change in changes:
        match change:
            case Insert(Attempt(loan_id=owner) | NoticeRecord(borrower_id=owner)):
                return "claim", owner
            case SaveAttempt(row):
                return "claim" if row.state is AttemptState.CLAIMED else "settle", row.loan_id
            case SaveNotice(row):
                return "settle", row.borrower_id
            case _:
                pass
    return "other", None
