"""Outgoing messages and receipts as values."""

from datetime import datetime, timedelta

import pytest

from shared.ports.messages import DEFINITELY_NOT_SENT, Inbound, Receipt, What
from shared.ports.world import SendResult
from tests.outgoing import MESSAGE, NAME, NOW, outgoing


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        (timedelta(seconds=2), 2),
        (timedelta(seconds=1, microseconds=999_999), 1),
        (timedelta(microseconds=999_999), 0),
        (timedelta(0), 0),
        (timedelta(microseconds=-1), -1),
    ],
)
def test_what_is_left_is_counted_in_whole_seconds(left: timedelta, seconds: int) -> None:
    assert outgoing(until=NOW + left).seconds_left(NOW) == seconds


def test_until_is_an_instant_somewhere() -> None:
    with pytest.raises(ValueError, match="naive"):
        outgoing(until=datetime(2026, 3, 2, 14, 0))  # noqa: DTZ001 - that is what is refused


def test_no_repr_shows_who_or_what() -> None:
    inbound = Inbound("eum-sms", MESSAGE.address, f"STOP {NAME}", "+12125550101", NOW, "i-1")
    for shown in (repr(outgoing(subject=NAME)), repr(inbound)):
        assert MESSAGE.address not in shown
        assert NAME not in shown


def test_a_receipt_names_a_message() -> None:
    with pytest.raises(ValueError, match="names no message"):
        Receipt("ses", What.DELIVERED, NOW, "Delivery")


@pytest.mark.parametrize(
    "message_class", ["service-reminder", "pre-debit-notice", "collection", "legal-notice", "receipt"]
)
def test_only_marketing_is_commercial(message_class: str) -> None:
    assert outgoing(message_class="marketing").is_commercial
    assert not outgoing(message_class=message_class).is_commercial


def test_every_answer_but_sent_and_unknown_lets_another_channel_try() -> None:
    assert set(SendResult) - DEFINITELY_NOT_SENT == {SendResult.SENT, SendResult.UNKNOWN}
