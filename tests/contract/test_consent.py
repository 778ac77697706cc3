"""An opt-out by a person's word against the claim of a message: on every store, who is written first wins."""

from dataclasses import replace

from shared.adapters.memory.world import FixedClock
from shared.domain import keys
from shared.domain.changes import Change, Insert, SaveCard
from shared.domain.consent_orders import ConsentOrder
from shared.domain.contact_rules import Channel, MessageClass
from shared.workflows.set_consent import Consent
from tests.contract.stores import Stores, a_borrower, a_card, a_notice, later

COLLECTION = frozenset({MessageClass.COLLECTION})


def test_a_claim_that_read_before_a_bar_or_its_lifting_is_lost(stores: Stores) -> None:
    stores.seed(a_borrower(), a_card(step=later(hours=-1)))
    desk = Consent(stores.book, FixedClock(later()))
    for order, left in (
        (ConsentOrder("b-1", Channel.SMS, COLLECTION, "he called"), [COLLECTION]),
        (ConsentOrder("b-1", Channel.SMS, COLLECTION, "he called", lifts=True), []),
    ):
        read = stores.card()
        desk.order(order, "arn:alice")
        claim: list[Change] = [Insert(a_notice()), SaveCard(replace(read, rev=read.rev + 1, step=later(days=1)))]
        assert not stores.book.commit(claim)
        assert [bar.classes for bar in stores.card().bars] == left
        assert stores.card().step == later()
    assert [e.what for e in stores.book.audit(keys.consent_subject("b-1"))] == ["consent.bar", "consent.lift"]
