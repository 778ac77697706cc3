"""Opt-outs by a person's word: per channel, address and class, noted once, stronger than a claim that read before."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain import keys
from shared.domain.book import Line
from shared.domain.changes import Insert, SaveCard
from shared.domain.consent import Bar, BarredBy, bar_of, barred, lifted
from shared.domain.consent_orders import ConsentOrder
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.errors import BookError, InputError
from shared.domain.opt_out import is_out
from shared.workflows.set_consent import Consent, ConsentResult
from tests.unit.builders import a_borrower
from tests.unit.channels import PUSH, SMS, Street
from tests.unit.test_send_reminders import Between

ALICE = "arn:aws:iam::123456789012:user/alice"
PHONE = keys.address_key("+447700900001")
ALL = frozenset(MessageClass)
COLLECTION, REMINDER = frozenset({MessageClass.COLLECTION}), frozenset({MessageClass.SERVICE_REMINDER})


def bar(town: Street, classes: frozenset[MessageClass] = ALL, channel: Channel = SMS) -> ConsentResult:
    return Consent(town.store, town.clock).order(ConsentOrder("b-1", channel, classes, "he called"), ALICE)


def lift(town: Street, classes: frozenset[MessageClass] = ALL, channel: Channel = SMS) -> ConsentResult:
    return Consent(town.store, town.clock).order(ConsentOrder("b-1", channel, classes, "he called", lifts=True), ALICE)


def test_a_bar_is_of_the_channel_the_present_address_and_the_classes_and_is_noted() -> None:
    town = Street()
    before, now = town.card, town.clock.now()
    result = bar(town, COLLECTION)
    stands = Bar(SMS, PHONE, BarredBy.OPTED_OUT, now, COLLECTION)
    assert result == ConsentResult("b-1", SMS, "barred", (stands,))
    assert town.card == replace(before, bars=(stands,), rev=before.rev + 1, step=now)
    (note,) = town.store.audit(keys.consent_subject("b-1"))
    assert (note.actor, note.what, note.reason, note.at) == (ALICE, "consent.bar", "he called", now)
    assert note.detail == {"channel": "sms", "classes": "collection"}


def test_the_same_order_again_changes_and_notes_nothing() -> None:
    town = Street()
    for order, words in ((bar, ("barred", "stands")), (lift, ("lifted", "open"))):
        assert order(town, COLLECTION).word == words[0]
        rev, noted = town.card.rev, town.store.audit(keys.consent_subject("b-1"))
        town.clock.advance(timedelta(minutes=1))
        assert order(town, COLLECTION).word == words[1]
        assert (town.card.rev, town.store.audit(keys.consent_subject("b-1"))) == (rev, noted)


def test_only_messages_of_the_class_go_another_way() -> None:
    town = Street()
    bar(town, COLLECTION)
    town.work(Line.CONTACT, ["b-1"])
    assert town.states == [("DUE", "sms", "sent")]
    town.later("2026-03-11 12:00")
    assert town.states[1:] == [("OVERDUE_1", "push", "sent")]


def test_without_a_class_every_class_is_barred_also_what_a_law_requires() -> None:
    town = Street()
    bar(town)
    assert all(bar_of(town.card.bars, SMS, PHONE, one) for one in MessageClass)
    assert not any(bar_of(town.card.bars, PUSH, PHONE, one) for one in MessageClass)


def test_a_bar_that_is_acknowledged_before_the_claim_wins() -> None:
    town = Street()
    town.book = Between(town.store, Insert, lambda: bar(town, REMINDER))  # type: ignore[assignment]
    town.work(Line.CONTACT, ["b-1"])
    assert (town.asked, town.states) == ([], [])
    town.later("2026-03-10 12:01")
    assert (town.asked, town.states) == ([PUSH], [("DUE", "push", "sent")])


def test_lifting_some_classes_leaves_the_others_and_their_beginning() -> None:
    town = Street()
    since = town.clock.now()
    bar(town)
    town.clock.advance(timedelta(minutes=1))
    assert lift(town, COLLECTION).bars == (Bar(SMS, PHONE, BarredBy.OPTED_OUT, since, ALL - COLLECTION),)
    town.clock.advance(timedelta(minutes=1))
    result = bar(town)
    assert result.bars[-1] == Bar(SMS, PHONE, BarredBy.OPTED_OUT, town.clock.now(), COLLECTION)
    assert is_out(result.bars, PHONE)
    assert [lift(town).bars, town.card.bars] == [(), ()]
    assert [e.what.partition(".")[2] for e in town.store.audit(keys.consent_subject("b-1"))] == [
        *("bar", "lift", "bar", "lift"),
    ]


def test_a_dead_address_is_not_lifted() -> None:
    town = Street()
    dead = Bar(SMS, PHONE, BarredBy.DEAD, town.clock.now())
    card = town.card
    assert town.store.commit([SaveCard(replace(card, bars=(dead,), rev=card.rev + 1))])
    assert lift(town) == ConsentResult("b-1", SMS, "open", (dead,))


def test_another_address_or_channel_is_left_alone() -> None:
    others = (
        Bar(SMS, "former", BarredBy.OPTED_OUT, Street().clock.now()),
        Bar(PUSH, PHONE, BarredBy.OPTED_OUT, Street().clock.now()),
    )
    assert lifted(others, SMS, PHONE) == others
    more = Bar(SMS, PHONE, BarredBy.OPTED_OUT, Street().clock.now(), COLLECTION)
    assert barred(others, more) == (*others, more)
    assert not is_out((*others, more), PHONE)


def test_who_is_not_known_or_has_no_such_address_is_refused() -> None:
    town = Street(borrower=a_borrower())
    with pytest.raises(InputError, match="borrower b-1 has no address for email"):
        bar(town, channel=Channel.EMAIL)
    with pytest.raises(InputError, match="there is no borrower b-9"):
        Consent(town.store, town.clock).order(ConsentOrder("b-9", SMS, ALL, "he called"), ALICE)


def test_an_order_that_always_comes_too_late_says_so() -> None:
    town = Street()

    class Lost:
        borrower_file = staticmethod(town.store.borrower_file)

        def commit(self, _: object) -> bool:
            return False

    with pytest.raises(BookError, match="changes all the time"):
        Consent(Lost(), town.clock).order(ConsentOrder("b-1", SMS, ALL, "he called"), ALICE)  # type: ignore[arg-type]
