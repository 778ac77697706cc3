"""What every provider keeps: one message is at most one request, answers mean the same, and no code says who it was."""

import logging
import socket
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.eum_sms import EumRoute, EumSms, eum_client
from shared.adapters.memory.outbox import MemoryOutbox
from shared.adapters.memory.world import FixedClock
from shared.adapters.ses_email import SesEmail, ses_client
from shared.adapters.sns_sms import SnsSmsProvider, sns_client
from shared.ports.messages import DEFINITELY_NOT_SENT, TOO_LATE
from shared.ports.world import SendResult
from tests.contract.providers import MEANS, NOTHING_DEFINITE, PROVIDERS, Answer, Case, memory_outbox, opened
from tests.outgoing import MESSAGE, NAME, NOW
from tests.wire import http, wire

every_provider = pytest.mark.parametrize("case", PROVIDERS, ids=lambda p: p.name)
SAID = [(p, a) for p in PROVIDERS for a in p.replies if a not in NOTHING_DEFINITE]


@pytest.mark.parametrize(("case", "answer"), SAID, ids=[f"{p.name}-{a.name}" for p, a in SAID])
def test_a_definite_answer_means_the_same_with_every_provider(case: Case, answer: Answer) -> None:
    with opened(case, answer) as told:
        sent = told.provider.send(case.message)
        assert sent.result is MEANS[answer]
        assert (sent.provider_ref == "m-1") == (answer is Answer.SENT)
        assert len(told.requests) == 1


@pytest.mark.parametrize("answer", NOTHING_DEFINITE, ids=lambda a: a.name)
@every_provider
def test_whatever_else_happens_is_unknown_and_was_one_request(case: Case, answer: Answer) -> None:
    with opened(case, answer, read_seconds=0.2) as told:
        assert told.provider.send(case.message).result is SendResult.UNKNOWN
        assert len(told.requests) == 1


JUNK = (
    *(b"", b"[]", b"3", b"null", b"\xff\xfe", b"[" * 100_000),
    *(b'{"MessageId":7}', b'{"key":[],"status":{}}', b'{"__type":7,"Reason":["x"]}', b'{"__type":null,"Message":3}'),
    *(b"<a/>", b"<PublishResponse/>", b"<ErrorResponse><Error/></ErrorResponse>"),
    b"<ErrorResponse><Error><Code><b/></Code></Error></ErrorResponse>",
)


@pytest.mark.parametrize("status", [200, 302, 307, 500])
@every_provider
def test_no_answer_however_broken_raises_or_counts_as_sent(case: Case, status: int) -> None:
    for body in JUNK:
        head = "Content-Type: application/json\r\nLocation: http://127.0.0.1:1/"
        with wire(http(status, body, head)) as server:
            sent = case.open(server.url, 1, FixedClock(NOW)).send(case.message)
            assert (sent.result, len(server.requests)) == (SendResult.UNKNOWN, 1), body


def test_only_push_and_e_mail_learn_of_an_opt_out_by_receipt_alone() -> None:
    assert {p.name for p in PROVIDERS if Answer.OPTED_OUT not in p.replies} == {"sns-push", "ses"}


@pytest.mark.parametrize("late", [timedelta(0), timedelta(microseconds=1), timedelta(hours=9)])
@every_provider
def test_from_until_on_nothing_is_on_the_wire(case: Case, late: timedelta) -> None:
    with opened(case, Answer.SENT) as told:
        told.clock.set(case.message.until + late)
        assert told.provider.send(case.message) == TOO_LATE
        assert told.requests == []


@every_provider
def test_ten_seconds_before_until_it_still_goes(case: Case) -> None:
    with opened(case, Answer.SENT) as told:
        told.clock.set(case.message.until - timedelta(seconds=10))
        assert told.provider.send(case.message).result is SendResult.SENT


@every_provider
def test_where_nobody_listens_nothing_left(case: Case) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert case.open(url, 1, FixedClock(NOW)).send(case.message).result is SendResult.RETRY_LATER


WHATEVER = [(p, a) for p in PROVIDERS for a in {*p.replies, *NOTHING_DEFINITE}]


@pytest.mark.parametrize(("case", "answer"), WHATEVER, ids=[f"{p.name}-{a.name}" for p, a in WHATEVER])
def test_no_address_and_no_text_is_in_an_answer_or_a_log(
    case: Case, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with opened(case, answer, read_seconds=0.2) as told:
        sent = told.provider.send(case.message)
    for said in (repr(sent), caplog.text, repr(case.message)):
        assert case.message.address not in said
        assert NAME not in said


@pytest.mark.parametrize("answer", MEANS, ids=lambda a: a.name)
def test_the_provider_in_memory_answers_alike_and_keeps_what_went_out(answer: Answer) -> None:
    outbox = memory_outbox(answer)
    sent = outbox.send(MESSAGE)
    assert sent.result is MEANS[answer]
    assert (sent.provider_ref is not None) == (answer is Answer.SENT)
    assert outbox.sent == ([] if sent.result in DEFINITELY_NOT_SENT else [MESSAGE])


def test_the_provider_in_memory_sends_nothing_late() -> None:
    outbox = MemoryOutbox(FixedClock(MESSAGE.until))
    assert outbox.send(MESSAGE) == TOO_LATE
    assert outbox.sent == []


@pytest.mark.parametrize(
    ("name", "a_client", "over"),
    [
        ("sns-sms", sns_client, SnsSmsProvider),
        ("eum-sms", eum_client, lambda client, clock: EumSms(client, clock, EumRoute("duebell"))),
        ("ses", ses_client, lambda client, clock: SesEmail(client, clock, "pay@lender.example", "duebell")),
    ],
)
def test_after_a_pause_a_message_goes_over_a_new_connection(name: str, a_client: Any, over: Any) -> None:
    """One that went stale while the function slept would make the next message an unknown."""
    case, clock = next(p for p in PROVIDERS if p.name == name), [0]
    with wire(case.replies[Answer.SENT]) as server:
        client = a_client(endpoint_url=server.url, region_name="us-east-1", wall_seconds=lambda: clock[0])
        provider, connections = over(client, FixedClock(NOW)), []
        for clock[0] in (100, 104, 109, 108):  # within the pause, after it, and with a clock that was set back
            assert provider.send(case.message).result is SendResult.SENT
            connections.append(len(server.connections))
        assert connections == [1, 1, 2, 3]
        client.close()
