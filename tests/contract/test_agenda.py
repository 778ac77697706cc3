"""Agendas and what is open: by range, in order, page by page; and the way into quarantine."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from shared.domain import keys
from shared.domain.book import AttemptState, Line, NoticeState, Outcome
from shared.domain.changes import (
    Change,
    Insert,
    SaveAttempt,
    SaveCard,
    SaveInstalment,
    SaveMandate,
    SaveNotice,
    SaveStage,
    TakeSeq,
    WakeContact,
    WakeStage,
)
from shared.ports.book import Book, Page
from tests.contract.stores import (
    NOON,
    MakeStores,
    Stores,
    a_borrower,
    a_card,
    a_loan,
    a_mandate,
    a_notice,
    an_attempt,
    an_instalment,
    later,
    on_tables,
)


def pages(read: Callable[[str | None], Page]) -> list[str]:
    """All keys, page by page."""
    found: list[str] = []
    after: str | None = None
    while True:
        page = read(after)
        found += page.keys
        if page.after is None:
            return found
        assert page.after != after, "the next page begins where this one did"
        after = page.after


def test_an_agenda_holds_what_is_due_at_or_before_an_instant_earliest_first(stores: Stores) -> None:
    stores.seed(
        a_loan(),
        an_instalment(1, step=later(seconds=1)),
        an_instalment(2, step=NOON),
        an_instalment(3, step=later(days=-40)),
        an_instalment(4, step=None),
    )
    assert stores.agenda(Line.DEBIT, NOON) == ("l-1#003", "l-1#002")
    assert stores.agenda(Line.DEBIT, later(seconds=1)) == ("l-1#003", "l-1#002", "l-1#001")
    assert stores.agenda(Line.DEBIT) == ("l-1#003", "l-1#002", "l-1#001")
    assert stores.agenda(Line.DEBIT, later(days=-41)) == ()


def test_an_agenda_tells_seconds_apart_and_keeps_a_step_as_it_was(stores: Stores) -> None:
    step = later(microseconds=500_000)
    stores.seed(a_loan(), an_instalment(step=step))
    assert stores.agenda(Line.DEBIT, later(seconds=-1)) == ()
    assert stores.agenda(Line.DEBIT, NOON) == ("l-1#001",)
    assert stores.instalment().step == step


def test_each_line_has_its_own_agenda(stores: Stores) -> None:
    stores.seed(a_borrower(), a_card(step=NOON), a_loan(step=NOON), an_instalment(step=NOON))
    assert stores.agenda(Line.CONTACT) == ("b-1",)
    assert stores.agenda(Line.DEBIT) == ("l-1#001",)
    assert stores.agenda(Line.STAGE) == ("l-1",)


def test_a_row_stands_on_its_agenda_once_and_only_while_it_has_a_step(stores: Stores) -> None:
    stores.seed(a_loan(), first := an_instalment(step=NOON))
    moved = replace(first, rev=2, step=later(days=1))
    assert stores.book.commit([SaveInstalment(moved)])
    assert stores.agenda(Line.DEBIT) == ("l-1#001",)
    assert stores.agenda(Line.DEBIT, NOON) == ()
    assert stores.book.commit([SaveInstalment(replace(moved, rev=3, step=None))])
    assert stores.agenda(Line.DEBIT) == ()


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 100])
def test_pages_show_every_row_once_and_in_order(stores: Stores, limit: int) -> None:
    stores.seed(
        *(a_card(f"b-{n}", step=later(hours=n % 3)) for n in (1, 2, 10, 11, 3)), a_card("b-20", step=later(days=9))
    )
    found = pages(lambda after: stores.book.agenda(Line.CONTACT, "S000", later(days=1), limit, after))
    assert found == ["b-3", "b-1", "b-10", "b-11", "b-2"]


def test_a_page_has_no_more_than_its_limit(stores: Stores) -> None:
    stores.seed(*(a_card(f"b-{n}", step=NOON) for n in range(3)))
    page = stores.book.agenda(Line.CONTACT, "S000", NOON, 2)
    assert page.keys == ("b-0", "b-1")
    assert page.after is not None
    assert stores.book.agenda(Line.CONTACT, "S000", NOON, 100).after is None


def test_rows_are_spread_over_the_shards_by_their_owner(make_stores: MakeStores) -> None:
    stores = make_stores(4)
    names = [f"l-{n}" for n in range(12)]
    stores.seed(*(a_loan(name, step=NOON) for name in names))
    stores.seed(*(an_instalment(1, name, step=NOON) for name in names))
    shards = {shard: stores.agenda(Line.STAGE, NOON, shard) for shard in map(keys.shard_name, range(4))}
    assert all(shards.values()), "no shard stays empty"
    assert sorted(name for found in shards.values() for name in found) == sorted(names)
    for shard, found in shards.items():
        assert stores.agenda(Line.DEBIT, NOON, shard) == tuple(f"{name}#001" for name in found)


def test_open_attempts_are_those_not_settled_by_the_time_of_their_claim(stores: Stores) -> None:
    first, second, third = (an_attempt(n, claimed_at=later(minutes=n)) for n in (1, 2, 3))
    assert stores.book.commit([Insert(third), Insert(first), Insert(second)])
    assert stores.book.commit([SaveAttempt(replace(second, state=AttemptState.UNKNOWN))])
    read = stores.book.open_attempts
    assert read("S000", later(minutes=2), 10).keys == ("l-1:P000001", "l-1:P000002")
    assert pages(lambda after: read("S000", later(days=1), 1, after)) == ["l-1:P000001", "l-1:P000002", "l-1:P000003"]
    assert stores.book.commit([SaveAttempt(replace(first, claimed_at=later(minutes=9), presented=2))])
    assert pages(lambda after: read("S000", later(days=1), 1, after)) == ["l-1:P000002", "l-1:P000003", "l-1:P000001"]
    settled = replace(second, state=AttemptState.SETTLED, outcome=Outcome.PAID)
    assert stores.book.commit([SaveAttempt(settled)])
    assert read("S000", later(days=1), 10).keys == ("l-1:P000003", "l-1:P000001")


@pytest.mark.parametrize("state", sorted(set(NoticeState) - {NoticeState.CLAIMED}))
def test_open_notices_are_those_still_claimed(stores: Stores, state: NoticeState) -> None:
    first, second = a_notice("DUE#l-1#001#0"), a_notice("DUE#l-1#002#0", claimed_at=later(minutes=1))
    assert stores.book.commit([Insert(second), Insert(first)])
    read = stores.book.open_notices
    assert read("S000", NOON, 10).keys == ("b-1#DUE#l-1#001#0",)
    assert pages(lambda after: read("S000", later(days=1), 1, after)) == ["b-1#DUE#l-1#001#0", "b-1#DUE#l-1#002#0"]
    assert stores.book.commit([SaveNotice(replace(first, state=state))])
    assert read("S000", later(days=1), 10).keys == ("b-1#DUE#l-1#002#0",)


def test_a_notice_claimed_again_is_open_again(stores: Stores) -> None:
    assert stores.book.commit([Insert(a_notice())])
    assert stores.book.commit([SaveNotice(a_notice(state=NoticeState.RELEASED))])
    assert stores.book.open_notices("S000", later(days=1), 10).keys == ()
    assert stores.book.commit([Insert(a_notice(sends=2, claimed_at=later(hours=1)))])
    assert stores.book.open_notices("S000", NOON, 10).keys == ()
    assert len(stores.book.open_notices("S000", later(hours=1), 10).keys) == 1


ROWS: dict[Line, tuple[str, Change]] = {
    Line.DEBIT: ("l-1#001", SaveInstalment(an_instalment(rev=2, step=NOON))),
    Line.STAGE: ("l-1", SaveStage(a_loan(stage_rev=2, step=NOON))),
    Line.CONTACT: ("b-1", SaveCard(a_card(rev=2, step=NOON))),
}


@pytest.fixture
def due(stores: Stores) -> Stores:
    stores.seed(a_borrower(), a_card(step=NOON), a_loan(step=NOON), an_instalment(step=NOON), a_mandate())
    return stores


@pytest.mark.parametrize("line", Line)
def test_the_third_failure_moves_a_row_into_quarantine(due: Stores, line: Line) -> None:
    key, save = ROWS[line]
    assert [due.book.note_failure(line, key) for _ in range(2)] == [1, 2]
    assert due.agenda(line) == (key,)
    assert due.book.note_failure(line, key) == 3
    assert due.agenda(line) == ()
    assert due.agenda(line, None, keys.QUARANTINE) == (key,)
    assert due.book.note_failure(line, key) == 4
    assert due.book.commit([save])
    assert due.agenda(line) == (key,)
    assert due.agenda(line, None, keys.QUARANTINE) == ()
    assert due.book.note_failure(line, key) == 1


@pytest.mark.parametrize("line", Line)
def test_a_save_counts_failures_anew(due: Stores, line: Line) -> None:
    key, save = ROWS[line]
    assert [due.book.note_failure(line, key) for _ in range(2)] == [1, 2]
    assert due.book.commit([save])
    assert [due.book.note_failure(line, key) for _ in range(2)] == [1, 2]
    assert due.agenda(line) == (key,)


def test_a_failure_neither_raises_a_revision_nor_is_forgotten_by_another_line(due: Stores) -> None:
    assert due.book.note_failure(Line.STAGE, "l-1") == 1
    assert due.book.commit([TakeSeq("l-1", 1, 0), SaveMandate(a_mandate(), 0)])
    assert due.book.note_failure(Line.STAGE, "l-1") == 2
    assert due.file().loan.stage_rev == 1


@pytest.mark.parametrize(
    ("line", "wake"), [(Line.STAGE, WakeStage("l-1", later(days=1))), (Line.CONTACT, WakeContact("b-1", later(days=1)))]
)
def test_waking_a_row_does_not_mend_it(due: Stores, line: Line, wake: WakeStage | WakeContact) -> None:
    key, _ = ROWS[line]
    for _ in range(3):
        due.book.note_failure(line, key)
    assert due.book.commit([wake])
    assert due.agenda(line) == ()
    assert due.agenda(line, later(days=1), keys.QUARANTINE) == (key,)
    assert due.agenda(line, NOON, keys.QUARANTINE) == ()


def test_a_failure_on_a_row_that_is_on_no_agenda_counts_nothing(stores: Stores) -> None:
    stores.seed(a_loan(), an_instalment())
    assert stores.book.note_failure(Line.DEBIT, "l-1#001") == 0
    assert stores.book.note_failure(Line.DEBIT, "l-9#001") == 0
    assert stores.book.note_failure(Line.STAGE, "l-9") == 0
    assert stores.book.loan_file("l-9") is None
    assert stores.book.note_failure(Line.DEBIT, "no key") == 0
    assert stores.book.note_failure(Line.STAGE, "") == 0


def test_the_shards_to_read_are_at_least_those_of_the_setting(make_stores: MakeStores) -> None:
    assert make_stores(4).book.shards() == 4


def test_the_number_of_shards_only_rises(dynamo: Stores) -> None:
    def book(shards: int) -> Book:
        return on_tables(dynamo.kind, dynamo.client, dynamo.tables, shards).book

    assert [book(shards).shards() for shards in (4, 4, 16, 4, 64, 1)] == [4, 4, 16, 16, 64, 64]


def test_a_row_of_fewer_shards_is_found_and_moves_with_its_next_save(dynamo: Stores) -> None:
    dynamo.seed(*(a_card(f"b-{n}", step=NOON) for n in range(8)))
    wider = on_tables(dynamo.kind, dynamo.client, dynamo.tables, 4)
    assert wider.agenda(Line.CONTACT) == tuple(f"b-{n}" for n in range(8))
    for n in range(8):
        assert wider.book.commit([SaveCard(a_card(f"b-{n}", step=NOON, rev=2))])
    spread = [wider.agenda(Line.CONTACT, NOON, keys.shard_name(n)) for n in range(4)]
    assert sorted(key for found in spread for key in found) == [f"b-{n}" for n in range(8)]
    assert all(spread)


@pytest.mark.parametrize("until", [NOON, None])
def test_what_was_never_used_is_empty(stores: Stores, until: datetime | None) -> None:
    assert stores.book.agenda(Line.DEBIT, "S000", until, 10) == Page((), None)
    assert stores.book.open_attempts("S000", NOON, 10) == Page((), None)
    assert stores.book.open_notices("S000", NOON, 10) == Page((), None)
    assert stores.book.loan_file("l-1") is None
    assert stores.book.borrower_file("b-1") is None
    assert stores.book.attempt("l-1", 1) is None
    assert stores.book.notice("b-1", "DUE") is None
    assert stores.book.entry("l-1", "gateway", "x") is None
    assert not stores.book.escalations("l-1")
