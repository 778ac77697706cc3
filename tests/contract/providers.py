"""Every provider over a wire of our own, and what it would answer: one suite runs over all of them."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from shared.adapters.eum_sms import EumRoute, EumSms, eum_client
from shared.adapters.eum_voice import EumVoice
from shared.adapters.http_sms import HttpSms
from shared.adapters.memory.outbox import MemoryOutbox
from shared.adapters.memory.world import FixedClock
from shared.adapters.seals import HmacSeals
from shared.adapters.ses_email import SesEmail, ses_client
from shared.adapters.sns_push import SnsPush
from shared.adapters.sns_sms import SnsSmsProvider, sns_client
from shared.ports.messages import Outgoing, Provider
from shared.ports.world import SendResult
from tests.outgoing import MESSAGE, NOW, outgoing
from tests.wire import RESET, http, wire

KEY = MESSAGE.key
SECRET = b"sixteen bytes at least"
ENDPOINT = "arn:aws:sns:us-east-1:123456789012:endpoint/GCM/duebell/5e3e9847-3183-3f18-a7e8-671c3a57d4b3"
EMAIL = "zhang.san@example.com"
REGION = {"region_name": "us-east-1"}


class Answer(Enum):
    SENT = auto()
    TEMPORARY = auto()
    PERMANENT = auto()
    OPTED_OUT = auto()
    BROKEN = auto()
    BUSY = auto()
    UNREADABLE = auto()
    SILENCE = auto()
    HANG_UP = auto()
    RESET = auto()


NOTHING_DEFINITE = (
    *(Answer.BROKEN, Answer.BUSY, Answer.UNREADABLE),
    *(Answer.SILENCE, Answer.HANG_UP, Answer.RESET),
)
_WITHOUT_WORDS: Mapping[Answer, bytes | None] = {Answer.SILENCE: None, Answer.HANG_UP: b"", Answer.RESET: RESET}


@dataclass(frozen=True)
class Case:
    """`replies` are raw; each that refuses names the address, as providers do."""

    name: str
    message: Outgoing
    open: Callable[[str, float, FixedClock], Provider]
    replies: Mapping[Answer, bytes]


@dataclass(frozen=True)
class Opened:
    provider: Provider
    clock: FixedClock
    requests: list[bytes]
    url: str


def _sns(status: int, code: str, message: str) -> bytes:
    document = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return http(status, document.encode(), "Content-Type: text/xml")


_SNS_OK = b"<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>"


def _sns_replies(address: str, permanent: str) -> dict[Answer, bytes]:
    return {
        Answer.SENT: http(200, _SNS_OK, "Content-Type: text/xml"),
        Answer.TEMPORARY: _sns(400, "Throttling", f"too fast to {address}"),
        Answer.PERMANENT: _sns(400, permanent, f"{address} is wrong"),
        Answer.BROKEN: _sns(500, "InternalError", f"{address} may have it"),
        Answer.BUSY: _sns(503, "Throttling", f"{address} may have it"),
        Answer.UNREADABLE: http(200, b"<html", "Content-Type: text/xml"),
    }


def _eum(status: int, code: str, reason: str | None = None) -> bytes:
    document = {"__type": code, "Message": f"{MESSAGE.address} said {MESSAGE.text}"}
    return http(status, json.dumps(document | ({"Reason": reason} if reason else {})).encode())


_EUM_REPLIES = {
    Answer.SENT: http(200, b'{"MessageId":"m-1"}'),
    Answer.TEMPORARY: _eum(400, "ThrottlingException"),
    Answer.PERMANENT: _eum(400, "ValidationException", "INVALID_PARAMETER"),
    Answer.OPTED_OUT: _eum(409, "ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT"),
    Answer.BROKEN: _eum(500, "InternalServerException"),
    Answer.BUSY: _eum(503, "ThrottlingException"),
    Answer.UNREADABLE: http(200, b"{"),
}


def ses_error(status: int, code: str, says: str = f"{EMAIL} is wrong") -> bytes:
    body = json.dumps({"message": says}).encode()
    return http(status, body, f"Content-Type: application/json\r\nx-amzn-ErrorType: {code}")


def gateway(http_status: int, **fields: Any) -> bytes:
    return http(http_status, json.dumps({"key": KEY, **fields}).encode())


def seals() -> HmacSeals:
    return HmacSeals(lambda **_: (SECRET,))


def sns_sms(url: str, read_seconds: float, clock: FixedClock, **options: Any) -> SnsSmsProvider:
    return SnsSmsProvider(sns_client(read_seconds, endpoint_url=url, **REGION), clock, **options)


def sns_push(url: str, read_seconds: float, clock: FixedClock) -> SnsPush:
    return SnsPush(sns_client(read_seconds, endpoint_url=url, **REGION), clock)


def eum_sms(url: str, read_seconds: float, clock: FixedClock, route: EumRoute | None = None) -> EumSms:
    return EumSms(eum_client(read_seconds, endpoint_url=url, **REGION), clock, route or EumRoute("duebell"))


def eum_voice(url: str, read_seconds: float, clock: FixedClock) -> EumVoice:
    route = EumRoute("duebell", origination="+12065550152")
    return EumVoice(eum_client(read_seconds, endpoint_url=url, **REGION), clock, route)


def ses_email(url: str, read_seconds: float, clock: FixedClock) -> SesEmail:
    client = ses_client(read_seconds, endpoint_url=url, **REGION)
    return SesEmail(client, clock, "Duebell <pay@lender.example>", "duebell")


def http_sms(url: str, read_seconds: float, clock: FixedClock, **options: Any) -> HttpSms:
    return HttpSms(url, seals(), clock, read_seconds=read_seconds, **options)


PROVIDERS = (
    Case(
        "sns-sms",
        MESSAGE,
        sns_sms,
        _sns_replies(MESSAGE.address, "ParameterValueInvalid")
        | {Answer.OPTED_OUT: _sns(400, "InvalidParameter", f"{MESSAGE.address} is opted out")},
    ),
    Case("eum-sms", MESSAGE, eum_sms, _EUM_REPLIES),
    Case("eum-voice", MESSAGE, eum_voice, _EUM_REPLIES),
    Case("sns-push", outgoing(address=ENDPOINT), sns_push, _sns_replies(ENDPOINT, "EndpointDisabled")),
    Case(
        "ses",
        outgoing(address=EMAIL, subject="还款提醒"),
        ses_email,
        {
            Answer.SENT: http(200, b'{"MessageId":"m-1"}'),
            Answer.TEMPORARY: ses_error(429, "TooManyRequestsException"),
            Answer.PERMANENT: ses_error(400, "MessageRejected"),
            Answer.BROKEN: ses_error(500, "InternalFailure"),
            Answer.BUSY: ses_error(503, "ServiceUnavailable"),
            Answer.UNREADABLE: http(200, b"{"),
        },
    ),
    Case(
        "http-sms",
        MESSAGE,
        http_sms,
        {
            Answer.SENT: gateway(202, status="accepted", ref="m-1"),
            Answer.TEMPORARY: gateway(503, status="retry", code="queue-full"),
            Answer.PERMANENT: gateway(422, status="rejected", code=MESSAGE.address),
            Answer.OPTED_OUT: gateway(200, status="opted-out", code="TD"),
            Answer.BROKEN: http(500, b"{}"),
            Answer.BUSY: http(503, b'{"key":"another","status":"retry"}'),
            Answer.UNREADABLE: http(200, b"{"),
        },
    ),
)


@contextmanager
def opened(case: Case, answer: Answer, read_seconds: float = 5) -> Iterator[Opened]:
    reply = _WITHOUT_WORDS[answer] if answer in _WITHOUT_WORDS else case.replies[answer]
    clock = FixedClock(NOW)
    with wire(reply) as server:
        provider = case.open(server.url, read_seconds, clock)
        yield Opened(provider, clock, server.requests, server.url)
        client = getattr(provider, "_client", None)
        if client is not None:
            client.close()


MEANS: Mapping[Answer, SendResult] = {
    Answer.SENT: SendResult.SENT,
    Answer.TEMPORARY: SendResult.RETRY_LATER,
    Answer.PERMANENT: SendResult.REFUSED,
    Answer.OPTED_OUT: SendResult.OPTED_OUT,
} | dict.fromkeys(NOTHING_DEFINITE, SendResult.UNKNOWN)


def memory_outbox(answer: Answer) -> MemoryOutbox:
    return MemoryOutbox(FixedClock(NOW), [MEANS[answer]])
