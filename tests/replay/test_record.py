"""What is told of a message is what was sent: its own key, the channel that it took, and nothing of one that stayed."""

from dataclasses import replace
from datetime import date

from shared.adapters.jinja_texts import fill
from shared.domain.changes import SaveInstalment
from shared.ports.messages import What
from shared.replay.record import NoticeLine, Recorder
from shared.workflows.send_reminders import Reminders
from tests.unit.builders import an_instalment, at
from tests.unit.test_record_receipts import announced, hear
from tests.unit.town import Town


def look(town: Town) -> tuple[NoticeLine, ...]:
    """What a recorder hears of one more look at the borrower."""
    recorder = Recorder("Asia/Shanghai")
    ports = town.shelf, town.clock, town.queue, town.switches
    Reminders(town.book, town.senders, fill, *ports, sink=recorder).work(["b-1"], "test")
    return recorder.notices()


def told(town: Town) -> list[tuple[str, str, str]]:
    """Of the messages: key, channel and decision."""
    return [(line.notice, line.channel, line.decision) for line in look(town) if line.notice]


def test_an_announcement_that_is_made_anew_is_told_under_its_own_key() -> None:
    town = Town(an_instalment())
    town.clock.set(at("2026-03-09 12:00"))
    (first,) = told(town)
    dearer = replace(town.instalment(), fee_minor=5_000)
    town.store.commit([SaveInstalment(replace(dearer, rev=dearer.rev + 1))])
    town.clock.set(at("2026-03-10 12:00"))
    assert told(town) == [(f"{first[0]}~1", "sms", "act")]


def test_what_goes_over_another_channel_is_told_with_that_one() -> None:
    town = announced(email="li@example.com")
    hear(town, What.FAILED_FOR_GOOD)
    assert [(channel, decision) for _, channel, decision in told(town)] == [("email", "act")]


def test_what_was_told_before_is_no_message() -> None:
    town = announced(email="li@example.com")
    hear(town, What.FAILED_FOR_GOOD, What.DELIVERED)
    assert told(town) == []
    assert len(town.notices()) == 1


def test_what_another_message_of_the_day_keeps_back_is_told_with_its_reason() -> None:
    """Thirty days overdue with one instalment, and the next is due tomorrow: the cap takes one message a day."""
    town = Town(an_instalment(), an_instalment(number=2, due_on=date(2026, 4, 10)), account=None)
    town.clock.set(at("2026-04-09 12:00"))
    lines = look(town)
    assert [(line.notice.partition("#")[0], line.decision, line.reason) for line in lines] == [
        ("", "defer", "CONTACT_CAP"),
        ("OVERDUE_30", "act", "OVERDUE"),
    ]
