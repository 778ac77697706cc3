"""What only a store behind a wire has: repeats, contention, newer rows, long loans, and the gaps of its emulators."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.rows import key_of
from shared.adapters.memory.world import CountingTokens
from shared.adapters.row_keys import rows_of
from shared.domain import keys
from shared.domain.book import Borrower, Instalment, Line, LoanFile, MandateStatus, NoticeState, Told
from shared.domain.changes import (
    Change,
    Insert,
    SaveCard,
    SaveInstalment,
    SaveMandate,
    SaveNotice,
    TakeSeq,
    WakeStage,
)
from shared.domain.errors import BookError, DuebellError, StoreError
from shared.ports.portfolio import Imported
from tests.contract.stores import (
    DUE,
    NOON,
    Stores,
    a_borrower,
    a_card,
    a_loan,
    a_mandate,
    a_notice,
    a_world,
    an_attempt,
    an_entry,
    an_instalment,
    answers_lost,
)
from tests.contract.test_commit import DO_NOT_HOLD, HOLD

LATER_ATTRIBUTE = {"of_a_newer_version": {"S": "kept"}}


@pytest.fixture
def world(dynamo: Stores) -> Stores:
    return a_world(dynamo)


# a mandate that changes between two pages of one reading


def test_a_claim_never_requires_the_gate_of_after_a_change_that_it_did_not_see(
    dynamo: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mandates fill more than a page; the newest one is cancelled before the page with LOAN is read."""
    old = [a_mandate(f"m-{n:02d}", status=MandateStatus.CANCELLED) for n in range(17)]
    dynamo.seed(a_borrower(), a_card(), an_instalment(), a_loan(), *old, a_mandate("m-99"))
    book = dynamo.book
    assert isinstance(book, DynamoBook)
    read_page, pages = book._file_page, []

    def page(*args: Any, **options: Any) -> Any:
        found = read_page(*args, **options)
        pages.append(found)
        if len(pages) == 1:
            cancelled = replace(a_mandate("m-99"), status=MandateStatus.CANCELLED)
            assert book.commit([SaveMandate(cancelled, 0)])
        return found

    monkeypatch.setattr(book, "_file_page", page)
    file = book.loan_file("l-1")
    assert file is not None
    assert file.mandate_on(DUE) is None
    assert file.loan.gate_rev == 1


# our own write, repeated by the transport


@pytest.mark.parametrize("name", HOLD)
def test_a_commit_whose_answer_was_lost_is_made_and_not_lost(world: Stores, name: str) -> None:
    with answers_lost(world.client) as sent:
        assert world.book.commit([HOLD[name]])
    assert len(sent) == 2
    assert len(set(sent)) == 1


@pytest.mark.parametrize("name", HOLD)
def test_a_transaction_whose_answer_was_lost_is_made_and_not_lost(world: Stores, name: str) -> None:
    with answers_lost(world.client) as sent:
        assert world.book.commit([Insert(an_entry("other")), HOLD[name]])
    assert sent == ["TransactWriteItems"] * 2


@pytest.mark.parametrize("name", DO_NOT_HOLD)
def test_a_lost_race_stays_lost_when_it_is_repeated(world: Stores, name: str) -> None:
    with answers_lost(world.client):
        assert not world.book.commit([DO_NOT_HOLD[name]])


def test_a_repeated_claim_is_made_once(world: Stores) -> None:
    claim: list[Change] = [Insert(an_attempt(2)), TakeSeq("l-1", 1, 0), SaveInstalment(an_instalment(rev=2))]
    with answers_lost(world.client):
        assert world.book.commit(claim)
    assert not world.book.commit(claim), "another call is another claim"
    assert (world.file().loan.last_seq, world.instalment().rev) == (1, 2)


def test_a_repeated_failure_counts_once(world: Stores) -> None:
    line, key = Line.DEBIT, "l-1#001"
    for count in (1, 2, 3):
        with answers_lost(world.client):
            assert world.book.note_failure(line, key) == count
    assert world.agenda(line, None, keys.QUARANTINE) == (key,)


def test_a_repeated_import_counts_once(dynamo: Stores) -> None:
    rows = [Imported(row, "f") for row in (a_card(loan_ids=()), a_loan(step=NOON), an_instalment(step=NOON))]
    with answers_lost(dynamo.client):
        assert dynamo.portfolio.write(rows) == 3
        assert dynamo.portfolio.open([a_loan(step=NOON), an_instalment(step=NOON)], NOON) == 2
    assert dynamo.file().loan.stage_rev == 1


# rows of a newer version


@pytest.mark.parametrize("name", HOLD)
def test_attributes_that_this_version_does_not_know_survive(world: Stores, name: str) -> None:
    change = HOLD[name]
    touched = [row for row in rows_of(change) if _item(world, row)]
    for row in touched:
        _plant(world, row)
    assert world.book.commit([change])
    for row in touched:
        assert LATER_ATTRIBUTE.items() <= _item(world, row).items()


def test_they_survive_a_released_notice_that_is_claimed_again(world: Stores) -> None:
    assert world.book.commit([SaveNotice(a_notice(state=NoticeState.RELEASED, provider_ref="p"))])
    again = Insert(a_notice(sends=2))
    (row,) = rows_of(again)
    _plant(world, row)
    assert world.book.commit([again])
    assert LATER_ATTRIBUTE.items() <= _item(world, row).items()


def test_they_survive_an_opening_and_a_failure(dynamo: Stores) -> None:
    dynamo.seed(a_card(loan_ids=()), a_loan(step=None), an_instalment())
    touched = [
        rows_of(change)[0] for change in (WakeStage("l-1", NOON), SaveInstalment(an_instalment()), SaveCard(a_card()))
    ]
    for row in touched:
        _plant(dynamo, row)
    assert dynamo.portfolio.open([a_loan(step=NOON), an_instalment(step=NOON)], NOON) == 2
    assert dynamo.book.note_failure(Line.STAGE, "l-1") == 1
    for row in touched:
        assert LATER_ATTRIBUTE.items() <= _item(dynamo, row).items()


def test_a_row_that_cannot_be_read_says_what_it_lacks(world: Stores) -> None:
    (row,) = rows_of(SaveInstalment(an_instalment()))
    _update(world, row, "REMOVE due_on")
    with pytest.raises(BookError, match="a stored Instalment has no 'due_on'"):
        world.book.loan_file("l-1")
    _update(world, row, "SET due_on = :value", {":value": {"S": "soon"}})
    with pytest.raises(BookError, match="a stored Instalment has a value that cannot be"):
        world.book.loan_file("l-1")


# contention and outages


@pytest.mark.parametrize("name", ["save instalment", "insert ledger entry", "save mandate"])
@pytest.mark.parametrize("times", [1, 3])
def test_contention_is_waited_out(world: Stores, name: str, times: int) -> None:
    with refused(world.client, conflict, times) as calls:
        assert world.book.commit([HOLD[name]])
    assert len(calls) == times


def test_contention_without_end_is_an_error_and_not_a_lost_race(world: Stores) -> None:
    with refused(world.client, conflict, 99), pytest.raises(StoreError, match="contended"):
        world.book.commit([HOLD["save instalment"]])


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError", "ResourceNotFoundException"])
def test_a_store_that_cannot_say_raises(world: Stores, code: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: world.book.commit([HOLD["save instalment"]]),
        lambda: world.book.commit([HOLD["save mandate"]]),
        lambda: world.book.note_failure(Line.DEBIT, "l-1#001"),
        lambda: world.book.loan_file("l-1"),
        lambda: world.book.attempt("l-1", 1),
        world.book.shards,
        lambda: list(world.portfolio.scan(Borrower)),
    ]
    for call in calls:
        error = {"Error": {"Code": code, "Message": "of b-1"}}
        named = pytest.raises(StoreError, match=rf"^dynamodb \w+: {code}$")
        with refused(world.client, lambda _, error=error: error, 99), named:
            call()


def test_a_cancellation_by_a_condition_and_a_conflict_is_a_lost_race(world: Stores) -> None:
    def reasons(_: Any) -> dict[str, Any]:
        return cancelled("TransactionConflict", "ConditionalCheckFailed")

    with refused(world.client, reasons, 99) as calls:
        assert not world.book.commit([HOLD["save mandate"]])
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("reason", "kind"), [("ItemCollectionSizeLimitExceeded", StoreError), ("ValidationError", BookError)]
)
def test_a_cancellation_for_another_reason_is_an_error(world: Stores, reason: str, kind: type[DuebellError]) -> None:
    """One for what the row holds concerns this row only: it would be refused for ever."""
    with refused(world.client, lambda _: cancelled("None", reason), 99), pytest.raises(kind):
        world.book.commit([HOLD["save mandate"]])


def test_keys_that_a_batch_left_over_are_asked_again(dynamo: Stores) -> None:
    rows = [Imported(row, "f") for row in (a_borrower(), a_loan(), an_instalment(1), an_instalment(2))]
    assert dynamo.portfolio.write(rows) == 4
    left: list[int] = []

    def halve(parsed: dict[str, Any], **_: Any) -> None:
        asked = {table: items for table, items in parsed["Responses"].items() if items}
        if len(left) < 2:
            table, items = max(asked.items(), key=lambda one: len(one[1]))
            owner, entity = ("loan_id", "entity") if "loan_id" in items[0] else ("borrower_id", "entity")
            dropped = items.pop()
            left.append(1)
            parsed["UnprocessedKeys"] = {table: {"Keys": [{owner: dropped[owner], entity: dropped[entity]}]}}

    dynamo.client.meta.events.register("after-call.dynamodb.BatchGetItem", halve)
    try:
        assert dynamo.portfolio.fingerprints(rows) == dict.fromkeys(range(4), "f")
    finally:
        dynamo.client.meta.events.unregister("after-call.dynamodb.BatchGetItem", halve)
    assert len(left) == 2


@pytest.mark.parametrize("times", [2, 99])
def test_a_card_that_changes_meanwhile_is_read_again_and_not_for_ever(dynamo: Stores, times: int) -> None:
    dynamo.seed(a_borrower(), a_card(loan_ids=()), a_loan())
    (card,) = rows_of(SaveCard(a_card()))
    left = iter(range(times))

    def change(**_: Any) -> None:
        if next(left, None) is not None:
            _update(dynamo, card, "SET rev = rev + :value", {":value": {"N": "1"}})

    dynamo.client.meta.events.register("before-call.dynamodb.TransactWriteItems", change)
    try:
        if times == 2:
            assert dynamo.portfolio.open([a_loan(step=NOON)], NOON) == 1
            assert (dynamo.card().loan_ids, dynamo.card().rev) == (("l-1",), 3)
        else:
            with pytest.raises(StoreError, match="cards change all the time"):
                dynamo.portfolio.open([a_loan(step=NOON)], NOON)
            assert dynamo.portfolio.unopened(["l-1"]) == {"l-1"}
    finally:
        dynamo.client.meta.events.unregister("before-call.dynamodb.TransactWriteItems", change)


# what a read takes


@pytest.mark.parametrize("first_open", [1, 2, 25, 27, 28, 39, 40])
def test_a_long_loan_is_read_from_its_first_open_instalment(dynamo: Stores, first_open: int) -> None:
    dynamo.seed(a_loan(first_open=first_open), a_mandate(), *(an_instalment(n) for n in range(1, 41)))
    with requests(dynamo.client) as made:
        file = dynamo.file()
    assert [i.number for i in file.instalments] == list(range(first_open, 41))
    assert file.mandates == (a_mandate(),)
    assert len(made) == (1 if first_open >= 27 else 2)
    assert sum(made) <= 2 + 40 - first_open + 1 + 13, "history that was read"


def test_a_long_loan_is_read_whole_where_that_is_asked(dynamo: Stores) -> None:
    dynamo.seed(a_loan(first_open=39), a_mandate(), *(an_instalment(n) for n in range(1, 41)))
    with requests(dynamo.client) as made:
        file = dynamo.book.loan_file("l-1", whole=True)
    assert file
    assert [i.number for i in file.instalments] == list(range(1, 41))
    assert made == [16, 26]


def test_a_usual_loan_is_read_with_one_request(dynamo: Stores) -> None:
    dynamo.seed(a_loan(), a_mandate(), a_mandate("m-2"), *(an_instalment(n) for n in range(1, 13)))
    with requests(dynamo.client) as made:
        assert len(dynamo.file().instalments) == 12
    assert made == [15]


def test_a_loan_with_many_mandates_is_read_whole(dynamo: Stores) -> None:
    mandates = [a_mandate(f"m-{n:02d}") for n in range(40)]
    dynamo.seed(a_loan(), *mandates, *(an_instalment(n) for n in range(1, 4)))
    assert dynamo.file() == LoanFile(a_loan(), tuple(an_instalment(n) for n in (1, 2, 3)), tuple(mandates))


def test_a_loan_without_rows_beside_it_is_read(dynamo: Stores) -> None:
    dynamo.seed(a_loan(first_open=4))
    assert dynamo.file() == LoanFile(a_loan(first_open=4), ())


def test_instalments_without_their_loan_are_none(dynamo: Stores) -> None:
    dynamo.seed(a_mandate(), *(an_instalment(n) for n in range(1, 21)))
    assert dynamo.book.loan_file("l-1") is None


def test_escalations_and_scans_are_read_page_by_page(world: Stores) -> None:
    def limit(params: dict[str, Any], **_: Any) -> None:
        params["Limit"] = 1

    assert world.book.commit([HOLD["insert escalation"]])
    whole = world.book.escalations("l-1")
    for operation in ("Query", "Scan"):
        world.client.meta.events.register(f"provide-client-params.dynamodb.{operation}", limit)
    try:
        assert world.book.escalations("l-1") == whole
        assert len(whole) == 2
        assert len(list(world.portfolio.scan(Instalment))) == 3
    finally:
        for operation in ("Query", "Scan"):
            world.client.meta.events.unregister(f"provide-client-params.dynamodb.{operation}", limit)


# where the emulators differ; AWS does what `local` does, but for the last line

DIFFERENCES: dict[str, dict[str, object]] = {
    "a full last page": {"moto": "says it is the last", "local": "promises another"},
    "a transaction's token again": {"moto": "is not known", "local": "answers as before"},
    "an empty condition": {"moto": "holds", "local": "is refused"},
    "write units of a put": {"moto": 1.0, "local": 2.0},
    "read units of a transaction's repeat": {"moto": None, "local": 2.0},
    "read units of a query of 10 KB": {"moto": 1.0, "local": 1.0},  # AWS: 3.0
}


def test_a_full_last_page(dynamo: Stores) -> None:
    dynamo.seed(a_card(step=NOON))
    page = dynamo.book.agenda(Line.CONTACT, "S000", NOON, 1)
    seen = "says it is the last" if page.after is None else "promises another"
    assert seen == DIFFERENCES["a full last page"][dynamo.kind]
    assert page.after is None or not dynamo.book.agenda(Line.CONTACT, "S000", NOON, 1, page.after).keys


@pytest.mark.parametrize("key", ["a transaction's token again"])
def test_a_token_again(dynamo: Stores, key: str) -> None:
    put = {"TableName": dynamo.tables["ledger"], "Item": {"loan_id": {"S": "x"}, "entry": {"S": "y"}}}
    put |= {"ConditionExpression": "attribute_not_exists(loan_id)"}
    token = CountingTokens(dynamo.tables["ledger"]).fresh()
    options = {"ClientRequestToken": token, "ReturnConsumedCapacity": "TOTAL"}
    dynamo.client.transact_write_items(TransactItems=[{"Put": put}], **options)
    try:
        again = dynamo.client.transact_write_items(TransactItems=[{"Put": put}], **options)
        seen, units = "answers as before", again["ConsumedCapacity"][0]["ReadCapacityUnits"]
    except dynamo.client.exceptions.TransactionCanceledException:
        seen, units = "is not known", None
    assert seen == DIFFERENCES[key][dynamo.kind]
    assert units == DIFFERENCES["read units of a transaction's repeat"][dynamo.kind]


def test_an_empty_condition(dynamo: Stores) -> None:
    item = {"loan_id": {"S": "x"}, "entry": {"S": "y"}}
    put = {"TableName": dynamo.tables["ledger"], "Item": item, "ConditionExpression": ""}
    try:
        dynamo.client.transact_write_items(TransactItems=[{"Put": put}])
        seen = "holds"
    except dynamo.client.exceptions.ClientError:
        seen = "is refused"
    assert seen == DIFFERENCES["an empty condition"][dynamo.kind]


def test_write_units_of_a_put(dynamo: Stores) -> None:
    item = {"loan_id": {"S": "x"}, "entry": {"S": "y"}, "text": {"S": "z" * 1500}}
    answer = dynamo.client.put_item(TableName=dynamo.tables["ledger"], Item=item, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"]["CapacityUnits"] == DIFFERENCES["write units of a put"][dynamo.kind]


def test_read_units_of_a_query(dynamo: Stores) -> None:
    dynamo.seed(a_borrower(name="x" * 5000), a_card(told={"x" * 5000: Told("DUE", DUE)}))
    answer = dynamo.client.query(
        TableName=dynamo.tables["borrowers"],
        KeyConditionExpression="borrower_id = :id",
        ExpressionAttributeValues={":id": {"S": "b-1"}},
        ConsistentRead=True,
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["Count"] == 2
    expected = DIFFERENCES["read units of a query of 10 KB"][dynamo.kind]
    assert answer["ConsumedCapacity"]["CapacityUnits"] == expected


def conflict(operation: str) -> dict[str, Any]:
    if operation == "TransactWriteItems":
        return cancelled("None", "TransactionConflict")
    return {"Error": {"Code": "TransactionConflictException", "Message": "busy"}}


def cancelled(*codes: str) -> dict[str, Any]:
    error = {"Code": "TransactionCanceledException", "Message": "cancelled"}
    return {"Error": error, "CancellationReasons": [{"Code": code} for code in codes]}


class Refusal:
    status_code = 400


@contextmanager
def refused(client: Any, answer: Any, times: int) -> Iterator[list[str]]:
    """The store refuses as often; the requests do not reach it."""
    calls: list[str] = []

    def refuse(model: Any, **_: Any) -> Any:
        if len(calls) == times:
            return None
        calls.append(model.name)
        return Refusal, answer(model.name) | {"ResponseMetadata": {}}

    client.meta.events.register("before-call.dynamodb", refuse)
    try:
        yield calls
    finally:
        client.meta.events.unregister("before-call.dynamodb", refuse)


@contextmanager
def requests(client: Any) -> Iterator[list[int]]:
    """The items that each query gave."""
    counts: list[int] = []

    def count(parsed: Mapping[str, Any], **_: Any) -> None:
        counts.append(len(parsed["Items"]))

    client.meta.events.register("after-call.dynamodb.Query", count)
    try:
        yield counts
    finally:
        client.meta.events.unregister("after-call.dynamodb.Query", count)


def _item(stores: Stores, row: Any) -> dict[str, Any]:
    answer = stores.client.get_item(TableName=stores.tables[row.table], Key=key_of(row), ConsistentRead=True)
    found: dict[str, Any] = answer.get("Item", {})
    return found


def _plant(stores: Stores, row: Any) -> None:
    _update(stores, row, "SET of_a_newer_version = :value", {":value": {"S": "kept"}})


def _update(stores: Stores, row: Any, expression: str, values: dict[str, Any] | None = None) -> None:
    more = {"ExpressionAttributeValues": values} if values else {}
    stores.client.update_item(TableName=stores.tables[row.table], Key=key_of(row), UpdateExpression=expression, **more)
