"""What providers say of messages, what borrowers write back, and links that are opened: each applied once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.memory.link_rows import MemoryLinkRows
from shared.adapters.memory.outbox import MemoryOutbox
from shared.adapters.memory.world import MemorySwitches
from shared.adapters.signed_links import SignedLinks
from shared.domain import keys
from shared.domain.book import ContactCard, Line, NoticeRecord, NoticeState
from shared.domain.changes import Change, SaveCard, SaveHolds, SaveInstalment
from shared.domain.consent import Bar, BarredBy
from shared.domain.contact_caps import Contact
from shared.domain.contact_rules import Channel, ContactEvent, Keyword, MessageClass, Reached, Stops
from shared.domain.errors import StoreError
from shared.domain.holds import Hold
from shared.domain.money import Money
from shared.domain.opt_out import WITHOUT_PACK, bars_after, keyword_in
from shared.domain.policy import Policy
from shared.domain.reach import is_unreachable
from shared.domain.short_link import link_for
from shared.domain.switches import ALL_ON
from shared.ports.messages import Inbound, Outgoing, Receipt, Sender, What
from shared.ports.world import SendResult
from shared.workflows.deliveries import heard
from shared.workflows.notice_links import NoticeLinks
from shared.workflows.open_links import LinkDoor
from shared.workflows.opt_outs import OptOuts
from shared.workflows.passes import Summary
from shared.workflows.record_receipts import Receipts
from tests.unit.builders import a_borrower, a_loan, an_instalment, at
from tests.unit.channels import Street
from tests.unit.town import Town

AT = at("2026-03-10 12:05")
PHONE = a_borrower().phone or ""
PHONE_KEY = keys.address_key(PHONE)
NEW_YORK = {"country": "US", "time_zone": "America/New_York", "locale": "en"}


def receipts(town: Town) -> Receipts:
    opt_outs = OptOuts(town.book, town.senders, town.shelf, town.clock, town.switches)
    return Receipts(town.book, town.shelf, town.clock, opt_outs)


def said(
    what: What, key: str | None = None, *, dead: bool = False, at: datetime = AT, ref: str | None = None
) -> Receipt:
    return Receipt("test", what, at, "C1", key if ref is None else None, ref, dead)


def told_today(result: SendResult = SendResult.SENT, **borrower: object) -> Town:
    """A borrower who was told at noon that his instalment is due."""
    town = Town(an_instalment(), account=None, borrower=a_borrower(**borrower))
    town.clock.set(at("2026-03-10 12:00"))
    town.inbox.script(result)
    town.work(Line.CONTACT, ["b-1"])
    town.clock.set(AT)
    return town


def only_notice(town: Town) -> NoticeRecord:
    (notice,) = town.notices()
    return notice


def hint(notice: NoticeRecord) -> str:
    return keys.notice_hint(notice.borrower_id, notice.notice_key)


def card(town: Town) -> ContactCard:
    file = town.book.borrower_file("b-1")
    assert file is not None
    return file.card


def hear(town: Town, *whats: What, dead: bool = False) -> Summary:
    return receipts(town).work([said(what, hint(town.notices()[0]), dead=dead) for what in whats])


def wrote(text: str, ref: str = "in-1", at: datetime = AT, address: str = PHONE) -> Inbound:
    return Inbound("test", address, text, "10690001", at, ref)


# what became of a message


def test_a_receipt_finds_its_notice_by_our_key_and_by_the_providers_reference() -> None:
    for by_key in (True, False):
        town = told_today()
        notice = only_notice(town)
        key, ref = (hint(notice), None) if by_key else (None, notice.provider_ref)
        receipts(town).work([said(What.DELIVERED, key, ref=ref)])
        after = only_notice(town)
        assert (after.delivery, after.delivery_at, after.state) == ("delivered", AT, NoticeState.SENT)


@pytest.mark.parametrize(
    ("what", "state"),
    [
        (What.ACCEPTED, NoticeState.SENT),
        (What.DELIVERED, NoticeState.SENT),
        (What.ANSWERED, NoticeState.SENT),
        (What.OPENED, NoticeState.SENT),
        (What.CLICKED, NoticeState.SENT),
        (What.FAILED_FOR_NOW, NoticeState.SENT),
        (What.FAILED_FOR_GOOD, NoticeState.SENT),
        (What.OPTED_OUT, NoticeState.SENT),
        (What.UNKNOWN, NoticeState.UNKNOWN),
    ],
)
def test_a_receipt_settles_what_nobody_knew_and_nothing_is_sent_again(what: What, state: NoticeState) -> None:
    town = told_today(SendResult.UNKNOWN)
    assert only_notice(town).state is NoticeState.UNKNOWN
    hear(town, what)
    assert only_notice(town).state is state
    for _ in range(2):
        town.pass_now()
    assert len(town.notices()) == len(town.inbox.sent) == 1


def test_a_message_settled_by_a_receipt_has_what_its_provider_knows_it_by() -> None:
    town = told_today(SendResult.UNKNOWN)
    hear(town, What.ACCEPTED)
    notice = only_notice(town)
    assert notice.provider_ref == hint(notice)


def test_a_receipt_settles_the_claim_of_a_worker_that_died_and_reconcile_leaves_it() -> None:
    town = Town(an_instalment(), account=None)
    town.clock.set(at("2026-03-10 12:00"))
    town.inbox.script(KeyError("the process died"))
    town.work(Line.CONTACT, ["b-1"])
    assert only_notice(town).state is NoticeState.CLAIMED
    hear(town, What.DELIVERED)
    assert (only_notice(town).state, only_notice(town).delivery) == (NoticeState.SENT, "delivered")
    town.clock.set(at("2026-03-10 13:00"))
    town.reconcile()
    assert only_notice(town).state is NoticeState.SENT


def test_a_settlement_that_comes_after_the_receipt_takes_nothing_away() -> None:
    """The receipt is faster than the worker's own last write."""
    town = Town(an_instalment(), account=None)
    town.clock.set(at("2026-03-10 12:00"))

    class Fast(MemoryOutbox):
        def send(self, message: Outgoing) -> object:  # type: ignore[override]
            sent = super().send(message)
            receipts(town).work([said(What.DELIVERED, message.key)])
            return sent

    town.sms = Fast(town.clock)  # type: ignore[assignment]
    town.work(Line.CONTACT, ["b-1"])
    assert (only_notice(town).state, only_notice(town).delivery) == (NoticeState.SENT, "delivered")


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (What.DELIVERED, What.FAILED_FOR_NOW),
        (What.DELIVERED, What.FAILED_FOR_GOOD),
        (What.DELIVERED, What.UNKNOWN),
        (What.DELIVERED, What.ACCEPTED),
        (What.ANSWERED, What.DELIVERED),
        (What.FAILED_FOR_GOOD, What.FAILED_FOR_NOW),
        (What.FAILED_FOR_NOW, What.UNKNOWN),
        (What.FAILED_FOR_NOW, What.ACCEPTED),
    ],
)
def test_nothing_takes_back_a_stronger_word(earlier: What, later: What) -> None:
    town = told_today()
    hear(town, earlier, later)
    assert only_notice(town).delivery == earlier


def test_what_failed_for_now_may_still_arrive() -> None:
    town = told_today()
    hear(town, What.FAILED_FOR_NOW)
    assert only_notice(town).delivery_code == "C1"
    hear(town, What.DELIVERED)
    assert (only_notice(town).delivery, only_notice(town).delivery_code) == ("delivered", None)


@given(
    st.lists(st.sampled_from(list(What)), min_size=1, max_size=4),
    st.sampled_from([NoticeState.SENT, NoticeState.UNKNOWN, NoticeState.CLAIMED]),
)
def test_the_order_in_which_receipts_come_changes_nothing(whats: list[What], state: NoticeState) -> None:
    row = replace(RECORD, state=state)
    ends = set()
    for order in permutations(whats):
        now = row
        for what in (*order, *order):  # and each twice
            now = heard(now, said(what, "b-1#k"))
        ends.add(now)
    assert len(ends) == 1


@given(st.lists(st.sampled_from(list(What)), max_size=5))
def test_a_released_notice_stays_released_whatever_comes(whats: list[What]) -> None:
    row = replace(RECORD, state=NoticeState.RELEASED)
    for what in whats:
        assert heard(row, said(what, "b-1#k")) is row


@given(st.lists(st.sampled_from(list(What)), max_size=5))
def test_nothing_that_was_sent_can_ever_be_claimed_again(whats: list[What]) -> None:
    for state in (NoticeState.SENT, NoticeState.UNKNOWN, NoticeState.CLAIMED, NoticeState.UNDELIVERABLE):
        now = replace(RECORD, state=state)
        for what in whats:
            now = heard(now, said(what, "b-1#k"))
        assert now.state is not NoticeState.RELEASED


def test_a_message_that_was_opened_has_arrived() -> None:
    town = told_today()
    hear(town, What.OPENED)
    receipts(town).work([said(What.CLICKED, hint(only_notice(town)), at=AT + timedelta(minutes=1))])
    receipts(town).work([said(What.CLICKED, hint(only_notice(town)), at=AT + timedelta(minutes=9))])
    notice = only_notice(town)
    assert (notice.delivery, notice.opened_at, notice.clicked_at) == ("delivered", AT, AT + timedelta(minutes=1))


@pytest.mark.parametrize("key", ["b-9#DUE#l-1#001#0", "b-1#DUE#l-9#001#0", "b-1", "#", "no id#x", ""])
def test_a_receipt_of_nobody_is_counted_and_dropped(key: str) -> None:
    town = told_today()
    summary = receipts(town).work([said(What.DELIVERED, key), said(What.DELIVERED, ref="unknown")])
    assert summary.counts["receipt.of-nobody"] == 2
    assert not summary.failures
    assert only_notice(town).delivery is None


def test_a_receipt_of_a_one_time_code_is_no_stranger() -> None:
    summary = receipts(told_today()).work([said(What.DELIVERED, keys.code_hint("b-1", "000001"))])
    assert summary.counts["receipt.of-a-code"] == 1
    assert not summary.counts["receipt.of-nobody"]


def test_one_that_fails_stops_no_other() -> None:
    town = told_today()

    class Broken:
        def __getattr__(self, name: str) -> object:
            return getattr(town.store, name)

        def borrowers_at(self, address: str) -> Sequence[str]:
            raise KeyError(address)

    town.book = Broken()  # type: ignore[assignment]
    summary = receipts(town).work([wrote("STOP"), said(What.DELIVERED, hint(only_notice(town)))])
    assert (summary.counts["failed"], summary.failures["KeyError"]) == (1, 1)
    assert only_notice(town).delivery == "delivered"


# addresses and calls


def test_a_dead_number_is_marked_and_gets_nothing_more() -> None:
    town = told_today()
    summary = hear(town, What.FAILED_FOR_GOOD, dead=True)
    assert [(b.channel, b.address, b.by) for b in card(town).bars] == [(Channel.SMS, PHONE_KEY, BarredBy.DEAD)]
    assert summary.counts["borrower.unreachable"] == 1
    town.live_through("2026-03-11", "2026-03-20")
    assert len(town.inbox.sent) == 1
    assert {n.state for n in town.notices()[1:]} == {NoticeState.UNDELIVERABLE}


def test_the_same_news_of_a_dead_number_marks_it_once() -> None:
    town = told_today()
    hear(town, What.FAILED_FOR_GOOD, dead=True)
    before = card(town)
    assert hear(town, What.FAILED_FOR_GOOD, dead=True).counts["receipt.no-news"] == 1
    assert card(town) == before


def test_a_number_that_changed_since_is_not_blamed_for_the_old_one() -> None:
    town = told_today()
    other = a_borrower(phone="+447700900099")
    town.store._rows.borrowers["b-1"] = other  # no port changes a number yet
    hear(town, What.FAILED_FOR_GOOD, dead=True)
    assert [b.address for b in card(town).bars] == [PHONE_KEY]
    assert not is_unreachable(other, card(town).bars)


def test_an_opt_out_that_the_provider_tells_of_bars_the_channel_alone() -> None:
    town = told_today(email="li@example.com")
    hear(town, What.OPTED_OUT)
    assert [(b.channel, b.by) for b in card(town).bars] == [(Channel.SMS, BarredBy.OPTED_OUT)]


def test_what_is_said_of_a_send_that_was_refused_is_not_about_the_next_channel() -> None:
    """Both have the notice's key; the gateway that refused the text says afterwards why."""
    town = Street()
    town.script(Channel.SMS, SendResult.REFUSED)
    town.work(Line.CONTACT, ["b-1"])
    notice = only_notice(town)
    assert (notice.channel, notice.state) == (Channel.PUSH, NoticeState.SENT)
    late = Receipt("http-sms", What.FAILED_FOR_GOOD, AT, "dead-number", hint(notice), address_is_dead=True)
    assert receipts(town).work([late]).counts["receipt.of-another-channel"] == 1
    assert (only_notice(town), card(town).bars) == (notice, ())
    heard_of = receipts(town).work([replace(late, provider="sns-push")])
    assert (heard_of.counts["receipt.of-another-channel"], only_notice(town).delivery) == (0, "failed-for-good")


def test_a_complaint_comes_after_the_delivery_and_counts_all_the_same() -> None:
    town = told_today(email="li@example.com")
    put(town, replace(only_notice(town), channel="email"))
    hear(town, What.DELIVERED, What.OPTED_OUT)
    assert only_notice(town).delivery == "delivered"
    assert [b.channel for b in card(town).bars] == [Channel.EMAIL]


@pytest.mark.parametrize(
    ("what", "outcome", "event"),
    [
        (What.ANSWERED, Reached.CONNECTED, ContactEvent.CONVERSATION),
        (What.FAILED_FOR_NOW, Reached.ATTEMPT, None),
        (What.DELIVERED, None, None),  # played, to a person or to a mailbox
    ],
)
def test_how_far_a_call_came_counts_under_the_caps(
    what: What, outcome: Reached | None, event: ContactEvent | None
) -> None:
    town = told_today()
    notice = replace(only_notice(town), channel="voice")
    put(town, notice)
    called = Contact(notice.notice_key, AT, Channel.VOICE, MessageClass.COLLECTION, ("l-1",), PHONE_KEY)
    town.store.commit([SaveCard(replace(card(town), contacts=(called,), rev=card(town).rev + 1))])
    hear(town, what)
    assert [(c.outcome, c.event) for c in card(town).contacts] == [(outcome, event)]


# what a law requires is told again, over another channel


def announced(**borrower: object) -> Town:
    """A pre-debit notice, sent the day before the debit."""
    town = Town(an_instalment(), borrower=a_borrower(**borrower))
    town.clock.set(at("2026-03-09 12:00"))
    town.more[Channel.EMAIL] = Sender("ses", MemoryOutbox(town.clock))
    town.shelf = WithEmail()
    town.work(Line.CONTACT, ["b-1"])
    return town


class WithEmail:
    """The packs, with e-mail wired."""

    def __init__(self) -> None:
        self._shelf = Town().shelf

    def policy(self, product: str, now: datetime) -> Policy:
        found = self._shelf.policy(product, now).within("CN")
        ways = dict.fromkeys(MessageClass, (Channel.SMS, Channel.EMAIL))
        made = replace(found, channels=ways, wired={**found.wired, Channel.EMAIL: "ses"})
        object.__setattr__(made, "_within", {"CN": made})
        return made

    def today(self, now: datetime) -> date:
        return self._shelf.today(now)


@pytest.mark.parametrize("what", [What.FAILED_FOR_GOOD, What.OPTED_OUT])
def test_an_announcement_that_certainly_never_arrived_goes_by_another_channel_under_a_key_of_its_own(
    what: What,
) -> None:
    town = announced(email="li@example.com")
    first = only_notice(town)
    assert (first.message_class, first.channel) == (MessageClass.PRE_DEBIT_NOTICE, Channel.SMS)
    summary = hear(town, what)
    assert (summary.counts["receipt.required-failed"], summary.counts["receipt.told-again"]) == (1, 1)
    town.work(Line.CONTACT, ["b-1"])
    again = next(n for n in town.notices() if n.notice_key != first.notice_key)
    assert (again.notice_key, again.channel) == (keys.repeated(first.notice_key, 1), Channel.EMAIL)
    assert (again.covers, again.state) == (first.covers, NoticeState.SENT)
    town.work(Line.CONTACT, ["b-1"])
    assert len(town.notices()) == 2


@pytest.mark.parametrize(("days_later", "repeats"), [(0, 1), (1, 0)])
def test_an_announcement_that_never_arrived_counts_no_more_whatever_was_told_since(
    days_later: int, repeats: int
) -> None:
    """One that was given anew on another day stands."""
    town = announced(email="li@example.com")
    before = card(town)
    ((key, told),) = before.told.items()
    later = replace(told, tier="DUE", announced_on=told.on + timedelta(days=days_later))
    town.book.commit([SaveCard(replace(before, told={key: later}, rev=before.rev + 1))])
    assert hear(town, What.FAILED_FOR_GOOD).counts["receipt.told-again"] == repeats
    announced_on = None if repeats else later.announced_on
    assert card(town).told == {
        key: replace(later, announced_on=announced_on, announced_minor=0 if repeats else 101_500)
    }


def test_an_announcement_that_arrived_after_all_is_told_and_not_asked_for_for_ever() -> None:
    """It was taken for lost, and before it went by another channel the phone said that it is there."""
    town = announced(email="li@example.com")
    before = card(town).told
    hear(town, What.FAILED_FOR_GOOD, What.DELIVERED)
    assert card(town).told == {}
    assert town.work(Line.CONTACT, ["b-1"]).counts["told-before"] == 1
    assert (len(town.notices()), card(town).told) == (1, before)
    assert town.work(Line.CONTACT, ["b-1"]).counts["told-before"] == 0
    town.live_through("2026-03-10", "2026-03-10")
    assert town.instalment().is_paid


@pytest.mark.parametrize("what", [What.FAILED_FOR_NOW, What.UNKNOWN])
def test_on_doubt_it_is_counted_and_not_told_again(what: What) -> None:
    town = announced(email="li@example.com")
    summary = hear(town, what)
    assert summary.counts["receipt.told-again"] == 0
    town.work(Line.CONTACT, ["b-1"])
    assert len(town.notices()) == 1


def test_a_failed_announcement_is_seen_also_where_no_other_way_is_left() -> None:
    town = announced()
    summary = hear(town, What.FAILED_FOR_GOOD)
    assert (summary.counts["receipt.required-failed"], summary.counts["receipt.told-again"]) == (1, 0)
    town.work(Line.CONTACT, ["b-1"])
    assert len(town.notices()) == 1


def test_what_no_law_requires_is_not_told_again() -> None:
    town = told_today(email="li@example.com")
    summary = hear(town, What.FAILED_FOR_GOOD)
    assert (summary.counts["receipt.required-failed"], summary.counts["receipt.told-again"]) == (0, 0)


# what borrowers write


@pytest.mark.parametrize("text", ["STOP", "ｓｔｏｐ", "退订", "T", "please unsubscribe me"])
def test_a_stop_bars_the_number_at_once_and_is_noted(text: str) -> None:
    town = told_today()
    before = card(town)
    summary = receipts(town).work([wrote(text)])
    assert summary.counts["inbound.stop"] == 1
    assert card(town).bars == (Bar(Channel.SMS, PHONE_KEY, BarredBy.OPTED_OUT, AT),)
    assert card(town).rev == before.rev + 1
    (entry,) = town.book.audit(keys.consent_subject("b-1"))
    assert (entry.what, entry.actor) == ("consent.stop", "b-1")
    assert PHONE not in repr(entry)
    assert text not in entry.detail.values()


def test_a_claim_made_on_the_card_before_a_stop_is_lost() -> None:
    """The stop raises the card's revision."""
    town = Town(an_instalment(), account=None)
    town.clock.set(at("2026-03-10 12:00"))
    before = card(town)
    receipts(town).work([wrote("STOP", at=at("2026-03-10 12:00"))])
    assert not town.book.commit([SaveCard(replace(before, rev=before.rev + 1))])
    town.work(Line.CONTACT, ["b-1"])
    assert town.inbox.sent == []


def test_everybody_with_that_number_is_heard() -> None:
    town = told_today()
    town.take_on(
        a_borrower(borrower_id="b-2"), a_loan(loan_id="l-2", borrower_id="b-2"), [an_instalment(loan_id="l-2")]
    )
    assert receipts(town).work([wrote("STOP")]).counts["inbound.stop"] == 2


@pytest.mark.parametrize("address", [PHONE, PHONE.removeprefix("+")])
def test_the_same_message_delivered_twice_changes_nothing(address: str) -> None:
    town = told_today()
    receipts(town).work([wrote("STOP", address=address)])
    receipts(town).work([wrote("START", "in-2", AT + timedelta(minutes=1))])
    assert card(town).bars == ()
    before = card(town)
    assert receipts(town).work([wrote("STOP", address=address)]).counts["inbound.known"] == 1
    assert card(town) == before


def test_a_start_that_was_written_before_the_stop_lifts_nothing() -> None:
    town = told_today()
    receipts(town).work([wrote("STOP", at=AT), wrote("START", "in-2", AT - timedelta(seconds=1))])
    assert [b.by for b in card(town).bars] == [BarredBy.OPTED_OUT]


def test_a_start_that_was_written_before_the_latest_stop_lifts_nothing() -> None:
    """Whoever says stop twice means it the second time too."""
    town = told_today()
    minutes = [AT + timedelta(minutes=number) for number in range(4)]
    for now, word in zip(minutes, (("STOP", 0), ("STOP", 2), ("START", 1)), strict=False):
        town.clock.set(max(now, minutes[word[1]]))
        receipts(town).work([wrote(word[0], f"in-{word[1]}", minutes[word[1]])])
    assert [b.by for b in card(town).bars] == [BarredBy.OPTED_OUT]


def test_a_start_makes_no_dead_number_alive() -> None:
    town = told_today()
    hear(town, What.FAILED_FOR_GOOD, dead=True)
    receipts(town).work([wrote("START")])
    assert [b.by for b in card(town).bars] == [BarredBy.DEAD]


@pytest.mark.parametrize(("text", "count"), [("HELP", "inbound.help"), ("I paid yesterday", "inbound.other")])
def test_all_else_is_counted_and_changes_nothing(text: str, count: str) -> None:
    town = told_today(SendResult.SENT, **NEW_YORK)
    before, sent = card(town), len(town.inbox.sent)
    assert receipts(town).work([wrote(text)]).counts == {count: 1}
    assert (card(town), len(town.inbox.sent)) == (before, sent)


def test_a_stop_from_a_number_that_nobody_has_is_counted() -> None:
    assert receipts(told_today()).work([wrote("STOP", address="+447700900055")]).counts == {"inbound.nobody": 1}


def test_without_a_valid_pack_a_stop_is_a_stop_all_the_same() -> None:
    town = told_today()
    town.clock.set(at("2031-03-10 12:00"))
    receipts(town).work([wrote("退订", at=at("2031-03-10 12:00"))])
    assert [b.by for b in card(town).bars] == [BarredBy.OPTED_OUT]


@pytest.mark.parametrize("rule", sorted(WITHOUT_PACK.keywords, key=repr), ids=lambda rule: rule.phrase)
@pytest.mark.parametrize("country", ["CN", "US", "GB", "DE", "IN"])
def test_every_pack_holds_the_words_that_count_without_one(country: str, rule: object) -> None:
    rules = Town().shelf.policy("jiebei", AT).within(country).contact
    assert rule in rules.keywords


@given(st.lists(st.tuples(st.sampled_from(list(Keyword)), st.integers(0, 3)), max_size=6))
def test_the_last_word_counts_whatever_was_said_before(said_: list[tuple[Keyword, int]]) -> None:
    bars: tuple[Bar, ...] = ()
    for place, (keyword, _) in enumerate(said_):
        bars = bars_after(bars, keyword, "a", AT + timedelta(minutes=place), AT + timedelta(minutes=place))
    words = [keyword for keyword, _ in said_ if keyword is not Keyword.HELP]
    assert bool(bars) is (bool(words) and words[-1] is Keyword.STOP)


# the confirmation, where the law has one


def american(**changes: object) -> Town:
    town = Town(an_instalment(), account=None, borrower=a_borrower(**NEW_YORK | changes))
    town.clock.set(at("2026-03-10 12:00", "America/New_York"))
    return town


def stop(town: Town, late_minutes: float = 1, ref: str = "in-1") -> Summary:
    return receipts(town).work([wrote("STOP", ref, town.clock.now() - timedelta(minutes=late_minutes))])


def test_an_opt_out_is_confirmed_once_within_five_minutes_under_a_key_of_its_own() -> None:
    town = american()
    for _ in range(2):
        stop(town)
    (message,) = town.inbox.sent
    assert message.text.endswith("text START. Questions? 400-800-0000") or "START" in message.text
    assert message.until == town.clock.now() + timedelta(minutes=4)
    assert message.max_price == Decimal("0.20") * message.parts
    notice = only_notice(town)
    assert (notice.kind, notice.state, notice.covers) == ("opted-out", NoticeState.SENT, ())
    assert message.key == keys.notice_hint("b-1", keys.opt_out_notice("test", "in-1"))


def test_who_says_stop_again_gets_no_further_answer() -> None:
    town = american()
    stop(town)
    stop(town, ref="in-2")
    town.clock.set(at("2026-03-12 12:00", "America/New_York"))
    stop(town, ref="in-3")
    assert len(town.inbox.sent) == 1
    assert [bar.since for bar in card(town).bars] == [town.clock.now()]


def test_two_borrowers_with_one_number_get_one_answer() -> None:
    town = american()
    other = a_borrower(borrower_id="b-2", **NEW_YORK)
    town.take_on(other, a_loan(loan_id="l-2", borrower_id="b-2"), [an_instalment(loan_id="l-2")])
    stop(town)
    assert len(town.inbox.sent) == 1


def test_two_borrowers_with_one_number_get_one_answer_also_where_the_message_comes_again() -> None:
    """The worker died between the two."""
    town = american()
    other = a_borrower(borrower_id="b-2", **NEW_YORK)
    town.take_on(other, a_loan(loan_id="l-2", borrower_id="b-2"), [an_instalment(loan_id="l-2")])

    class DiesAtTheSecond:
        def __getattr__(self, name: str) -> object:
            return getattr(town.store, name)

        def commit(self, changes: Sequence[Change]) -> bool:
            if any(isinstance(c, SaveCard) and c.row.borrower_id == "b-2" for c in changes):
                raise KeyError("the process died")
            return town.store.commit(changes)

    town.book = DiesAtTheSecond()  # type: ignore[assignment]
    assert stop(town).failures["KeyError"] == 1
    town.book = town.store
    assert stop(town).counts["inbound.stop"] == 1
    assert len(town.inbox.sent) == 1
    assert [len(town.store._rows.cards[b].bars) for b in ("b-1", "b-2")] == [1, 1]


@pytest.mark.parametrize("result", [SendResult.REFUSED, SendResult.UNKNOWN])
def test_a_confirmation_that_certainly_did_not_go_out_counts_under_no_cap(result: SendResult) -> None:
    town = american()
    town.inbox.script(result)
    stop(town)
    assert len(card(town).contacts) == (result is SendResult.UNKNOWN)


@pytest.mark.parametrize(("late_minutes", "count"), [(4.9, 1), (5, 0), (60, 0)])
def test_a_confirmation_that_comes_too_late_is_not_sent(late_minutes: float, count: int) -> None:
    town = american()
    stop(town, late_minutes)
    assert len(town.inbox.sent) == len(town.notices()) == count
    assert card(town).bars


def test_at_night_the_opt_out_counts_and_its_confirmation_is_not_sent() -> None:
    town = american()
    town.clock.set(at("2026-03-10 23:00", "America/New_York"))
    stop(town)
    assert town.inbox.sent == []
    assert card(town).bars


def test_under_a_hold_nothing_is_sent() -> None:
    town = american()
    hold = Hold("complaint-1", "complaint", frozenset({Stops.CONTACT}), AT)
    town.store.commit([SaveHolds("l-1", (hold,), town.loan().gate_rev, AT)])
    stop(town)
    assert town.inbox.sent == []
    assert card(town).bars


def test_where_no_law_asks_for_it_nothing_is_sent() -> None:
    town = told_today()
    receipts(town).work([wrote("STOP")])
    assert len(town.inbox.sent) == 1


def test_a_confirmation_is_stopped_by_the_switch_and_not_sent_later() -> None:
    town = american()
    town.switches = MemorySwitches(ALL_ON.turned("send", on=False))
    stop(town)
    town.switches = MemorySwitches()
    town.pass_now()
    assert town.inbox.sent == []
    notice = next(n for n in town.notices() if n.kind == "opted-out")
    assert (notice.state, notice.detail) == (NoticeState.UNDELIVERABLE, "switched-off")


def test_a_confirmation_whose_answer_was_lost_is_never_sent_again() -> None:
    town = american()
    town.inbox.script(KeyError("the process died"))
    stop(town)
    assert only_notice(town).state is NoticeState.CLAIMED
    stop(town)
    town.clock.set(town.clock.now() + timedelta(hours=1))
    town.reconcile()
    assert only_notice(town).state is NoticeState.UNKNOWN
    assert len(town.inbox.sent) == 1


def test_keywords_are_those_of_the_borrowers_country() -> None:
    assert keyword_in("退订", WITHOUT_PACK) is Keyword.STOP


# short links


def door(town: Town, rows: MemoryLinkRows) -> LinkDoor:
    return LinkDoor(town.book, LINKS, rows, town.shelf, town.clock)


def linked(town: Town, days: int = 7) -> tuple[MemoryLinkRows, str]:
    """The code of a link to the town's first notice."""
    rows, notice = MemoryLinkRows(), town.notices()[0]
    policy = replace(town.shelf.policy("jiebei", town.clock.now()), link_days=days)
    made = NoticeLinks(LINKS, rows, "https://k.example/").link("b-1", notice.notice_key, policy, town.clock.now())
    assert made is not None
    assert made.startswith("https://k.example/")
    return rows, made.rpartition("/")[2]


def test_a_link_shows_what_is_owed_and_records_the_first_click() -> None:
    town = told_today()
    rows, code = linked(town)
    page, summary = door(town, rows).open(code)
    assert page is not None
    assert summary.counts == {"link.opened": 1}
    assert page.lines == ("1,015.00元，3月10日到期",)
    assert page.title == "借呗还款提醒"
    words = " ".join((page.title, *page.lines, page.how, page.help))
    assert "王" not in words
    assert "l-1" not in words
    town.clock.set(AT + timedelta(hours=1))
    door(town, rows).open(code)
    notice = only_notice(town)
    assert (notice.clicked_at, notice.opened_at, notice.delivery) == (AT, AT, "delivered")


def test_a_link_shows_what_holds_when_it_is_opened() -> None:
    town = told_today()
    rows, code = linked(town)
    town.clock.set(at("2026-03-12 12:00"))
    page, _ = door(town, rows).open(code)
    assert page is not None
    assert page.lines == ("1,015.00元，已于3月10日到期",)
    town.repay("1015.00")
    page, _ = door(town, rows).open(code)
    assert page is not None
    assert page.lines == ("本期已还清，无需操作。谢谢！",)


class WithLinks:
    """The packs of a lender that has a domain for its links."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self._shelf, self._hosts = Town().shelf, hosts

    def policy(self, product: str, now: datetime) -> Policy:
        return replace(self._shelf.policy(product, now), link_days=7, links=self._hosts)

    def today(self, now: datetime) -> date:
        return self._shelf.today(now)


@pytest.mark.parametrize(("hosts", "is_linked"), [(frozenset({"k.example"}), True), (frozenset[str](), False)])
def test_a_message_goes_with_its_link_where_it_may_and_else_without(hosts: frozenset[str], is_linked: bool) -> None:
    town = Town(an_instalment(), account=None)
    town.clock.set(AT)
    town.shelf = WithLinks(hosts)
    rows = MemoryLinkRows()
    reminders = replace(town.reminders(), links=NoticeLinks(LINKS, rows, "https://k.example/"))
    reminders.work(["b-1"], "test")
    (message,) = town.inbox.sent
    assert ("https://k.example/" in message.text) is is_linked
    assert message.parts <= 3
    if is_linked:
        code = message.text.rpartition("/")[2][:26]
        assert door(town, rows).open(code)[0] is not None


def failing(*_: object, **__: object) -> Any:
    raise StoreError("secretsmanager get_secret_value: ThrottlingException")


class NoRows(MemoryLinkRows):
    put = failing


@pytest.mark.parametrize(
    ("links", "rows"), [(SignedLinks(failing), MemoryLinkRows()), (None, NoRows())], ids=["secret", "rows"]
)
def test_a_link_that_cannot_be_made_keeps_no_message_back(links: SignedLinks | None, rows: MemoryLinkRows) -> None:
    town = Town(an_instalment(), account=None)
    town.clock.set(AT)
    town.shelf = WithLinks(frozenset({"k.example"}))
    reminders = replace(town.reminders(), links=NoticeLinks(links or LINKS, rows, "https://k.example/"))
    summary = reminders.work(["b-1"], "test")
    (message,) = town.inbox.sent
    assert "https://k.example/" not in message.text
    assert summary.failures == {}
    assert rows._rows == {}


def test_an_announcement_of_another_amount_on_a_later_day_is_a_message_of_its_own() -> None:
    town = Town(an_instalment())
    town.clock.set(at("2026-03-09 12:00"))
    town.work(Line.CONTACT, ["b-1"])
    dearer = replace(town.instalment(), fee_minor=5_000)
    town.store.commit([SaveInstalment(replace(dearer, rev=dearer.rev + 1))])
    town.clock.set(at("2026-03-10 12:00"))
    town.work(Line.CONTACT, ["b-1"])
    first, again = town.notices()
    assert (first.kind, again.kind) == ("pre-debit", "pre-debit")
    assert again.notice_key == keys.repeated(first.notice_key, 1)
    assert (again.amount.minor, again.state) == (106_500, NoticeState.SENT)


def test_what_opens_nothing_says_nothing_of_why() -> None:
    town = told_today()
    rows, code = linked(town)
    forged = SignedLinks(lambda **_: (b"another secret of the right length",)).code(
        link_for("x", AT + timedelta(days=1))
    )
    unknown = LINKS.code(link_for("b-1#nothing", AT + timedelta(days=1)))
    for one in ("", "x" * 26, forged, unknown, code[:-1]):
        assert door(town, rows).open(one)[0] is None
    town.clock.set(AT + timedelta(days=7))
    page, summary = door(town, rows).open(code)
    assert page is None
    assert summary.counts == {"link.refused.EXPIRED": 1}
    assert only_notice(town).clicked_at is None


def test_the_link_of_a_claim_that_was_lost_opens_nothing() -> None:
    town = told_today()
    rows, hint_ = MemoryLinkRows(), "b-1#never-claimed"
    link = link_for(hint_, AT + timedelta(days=1))
    rows.put(link.name, hint_, link.expires_at)
    assert door(town, rows).open(LINKS.code(link))[0] is None


def test_a_name_that_another_notice_holds_gets_no_link() -> None:
    town = told_today()
    rows, notice = MemoryLinkRows(), only_notice(town)
    policy = replace(town.shelf.policy("jiebei", AT), link_days=7)
    rows.put(link_for(hint(notice), AT + timedelta(days=7)).name, "b-2#other", AT)
    assert NoticeLinks(LINKS, rows, "https://k.example/").link("b-1", notice.notice_key, policy, AT) is None


def test_without_the_policys_days_there_is_no_link_and_no_write() -> None:
    rows = MemoryLinkRows()
    policy = Town().shelf.policy("jiebei", AT)
    assert NoticeLinks(LINKS, rows, "https://k.example/").link("b-1", "k", policy, AT) is None
    assert rows._rows == {}


LINKS = SignedLinks(lambda **_: (b"a secret that is long enough to sign",))
RECORD = NoticeRecord(
    "b-1", "k", "due", ("DUE#l-1#001#0",), Money(1, "CNY"), "sms", AT.date(), AT, "1", provider_ref="M1"
)


def put(town: Town, notice: NoticeRecord) -> None:
    """Stands for what an earlier worker wrote."""
    town.store._rows.notices[notice.borrower_id, notice.notice_key] = notice  # a row as a worker left it
