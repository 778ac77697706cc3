"""Over a real wire the stub's books show what no answer told us, and in the end all books say the same."""

from shared.domain.book import Instalment, Outcome
from tests.simulation.over_http import live
from tests.snapshots import breaches_of


def test_a_charge_whose_answer_never_came_is_in_the_stub_s_books_and_later_in_ours() -> None:
    lived = live(seed=3)
    wire, town = lived.wire, lived.town
    assert wire.swallowed
    charged = {payment.key: payment.amount.minor for payment in town.stub_books.charges()}
    cut_off = charged.keys() & set(wire.unanswered)
    assert cut_off & lived.in_doubt, "no charge ever stood there while we did not know of it"
    assert lived.open() == []
    assert breaches_of(town.store, town.clock.now(), town.stub_books.charges()) == []
    booked = {entry.external_id: entry.amount.minor for entry in town.entries() if entry.source == "gateway"}
    assert booked == charged
    paid = sum(i.paid_minor for i in town._rows(Instalment))
    assert paid == sum(charged.values()) > 0


def test_one_claim_is_one_request_and_a_charge_comes_of_one_key() -> None:
    lived = live(seed=4, loans=20)
    arrived = lived.wire.arrived
    for attempt in lived.town.attempts():
        key = f"{attempt.loan_id}:P{attempt.seq:06d}"
        assert arrived.count(key) <= attempt.presented
        if attempt.outcome is Outcome.PAID:
            assert arrived.count(key) >= 1
    again = [key for key in set(arrived) if arrived.count(key) > 1]
    assert again, "nothing was ever presented again"
    keys = [payment.key for payment in lived.town.stub_books.charges()]
    assert len(keys) == len(set(keys)) == len({key.partition(":")[0] for key in keys})
