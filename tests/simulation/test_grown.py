"""A field of a later deploy stays on every row that workflows save whole, and whoever drops it is found."""

from collections.abc import Iterable
from dataclasses import fields, replace
from random import Random
from typing import Any

import pytest

from shared.domain.book import (
    Attempt,
    AttemptState,
    ContactCard,
    DebitCard,
    Instalment,
    Mandate,
    NoticeRecord,
    NoticeState,
    Outcome,
)
from shared.domain.changes import (
    Change,
    Insert,
    SaveAttempt,
    SaveCard,
    SaveDebitCard,
    SaveInstalment,
    SaveMandate,
    SaveNotice,
)
from shared.domain.money import Money
from shared.ports.portfolio import Imported
from shared.simulation.grown import GrowingBook
from tests.unit.builders import a_borrower, a_card, a_loan, a_mandate, an_instalment, at

MONEY, NOON = Money(100, "CNY"), at("2026-03-10 12:00")
TRIED = Attempt("l-1", 1, (1,), MONEY, "m-1", "stub", "a-1", "2026-03-10T12:00", NOON, "v")
SAID = NoticeRecord("b-1", "DUE#l-1#001#0", "due", (), MONEY, "sms", NOON.date(), NOON, "v")


def grown() -> GrowingBook:
    book = GrowingBook()
    rows = (a_borrower(), a_card(), an_instalment(), a_mandate(), a_loan())
    book.write([Imported(row, "") for row in rows])
    book.grow(Random(0), 1.0)
    assert book.commit([Insert(TRIED), Insert(SAID), SaveDebitCard(DebitCard("b-1", rev=1))])
    book.grow_on()
    return book


def save_of(book: GrowingBook, kind: type[Any]) -> tuple[Any, Any]:
    """The row that stands, and what saves it whole."""
    file, owner = book.loan_file("l-1"), book.borrower_file("b-1")
    assert file is not None
    assert owner is not None
    saves: dict[type[Any], tuple[Any, Any]] = {
        Instalment: (replace(file.instalments[0], rev=1), SaveInstalment),
        Mandate: (file.mandates[0], lambda row: SaveMandate(row, 0)),
        Attempt: (
            replace(book.attempt("l-1", 1) or TRIED, state=AttemptState.SETTLED, outcome=Outcome.VOID),
            SaveAttempt,
        ),
        ContactCard: (replace(owner.card, rev=1), SaveCard),
        DebitCard: (replace(book.debit_card("b-1"), rev=2), SaveDebitCard),
        NoticeRecord: (replace(book.notice("b-1", SAID.notice_key) or SAID, state=NoticeState.SENT), SaveNotice),
    }
    return saves[kind]


@pytest.mark.parametrize("kind", [Instalment, Mandate, Attempt, ContactCard, DebitCard, NoticeRecord])
def test_who_changes_a_row_keeps_the_field_and_who_makes_it_anew_loses_it(kind: type[Any]) -> None:
    book = grown()
    row, save = save_of(book, kind)
    assert book.commit([save(row)])
    assert book.shrunk() == []
    anew = grown()
    row, save = save_of(anew, kind)
    assert anew.commit([save(kind(**{one.name: getattr(row, one.name) for one in fields(kind)}))])
    assert len(anew.shrunk()) == 1


def test_a_notice_that_certainly_did_not_go_is_claimed_again_as_another_row() -> None:
    book = grown()
    gone = replace(book.notice("b-1", SAID.notice_key) or SAID, state=NoticeState.RELEASED)
    changes: Iterable[Change] = (SaveNotice(gone), Insert(replace(SAID, sends=2)))
    assert all(book.commit([change]) for change in changes)
    assert book.shrunk() == []


def test_nothing_grows_before_the_deploy_or_without_a_share() -> None:
    book = GrowingBook()
    book.write([Imported(row, "") for row in (a_borrower(), a_card(), an_instalment(), a_loan())])
    book.grow(Random(0), 0.0)
    assert type(book.loan_file("l-1").instalments[0]) is Instalment  # type: ignore[union-attr]
