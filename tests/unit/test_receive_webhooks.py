"""The webhooks' door: who signed with a secret that is valid now, and not long ago, is heard; nobody else."""

import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from shared.adapters.memory.stub_books import KeptEvents
from shared.adapters.memory.world import FixedClock
from shared.adapters.seals import HmacSeals
from shared.domain.errors import StoreError
from shared.domain.webhook import MOST_BYTES, Refusal, Signature, header_of, read_signature, signed_bytes
from shared.workflows.receive_webhooks import WebhookDoor

SECRET, OLD, OTHER = b"the current secret", b"the previous secret", b"somebody else's"
BODY = b'{"v":1,"kind":"webhook"}'
NOW = 1_773_100_800
"""2026-03-10 00:00:00 UTC."""


def digest(body: bytes = BODY, at: int = NOW, secret: bytes = SECRET) -> str:
    return hmac.new(secret, f"{at}.".encode() + body, sha256).hexdigest()


def header(body: bytes = BODY, at: int = NOW, secret: bytes = SECRET) -> str:
    return f"t={at},v1={digest(body, at, secret)}"


class Door:
    def __init__(self, *secrets: bytes) -> None:
        self.queue = KeptEvents()
        self.clock = FixedClock(datetime.fromtimestamp(NOW, UTC))
        seals = HmacSeals(lambda *, fresh=False: secrets or (SECRET,))
        self.door = WebhookDoor(seals, self.clock, self.queue)

    def knock(self, signature: str | None, body: bytes = BODY) -> tuple[int, dict[str, int], list[str]]:
        reply, summary = self.door.receive(signature, body)
        return reply.status, dict(summary.counts), self.queue.take()


def test_a_good_one_is_queued_as_it_came_before_it_is_answered() -> None:
    status, counts, queued = Door().knock(header())
    assert (status, counts) == (200, {"webhook.taken": 1})
    assert [json.loads(body) for body in queued] == [
        {"v": 1, "kind": "received", "received_at": "2026-03-10T00:00:00Z", "body": BODY.decode()}
    ]


@pytest.mark.parametrize(
    ("signature", "refusal"),
    [
        (None, Refusal.UNSIGNED),
        ("", Refusal.MALFORMED),
        ("nonsense", Refusal.MALFORMED),
        (f"v1={digest()}", Refusal.MALFORMED),
        (f"t={NOW}", Refusal.MALFORMED),
        (f"t={NOW},t={NOW},v1={digest()}", Refusal.MALFORMED),
        (f"t=-{NOW},v1={digest()}", Refusal.MALFORMED),
        (f"t=١,v1={digest()}", Refusal.MALFORMED),
        (f"t={NOW},v1={digest().upper()}", Refusal.MALFORMED),
        (f"t={NOW},v1={digest()[:63]}", Refusal.MALFORMED),
        (f"t={NOW}," + ",".join([f"v1={digest()}"] * 10), Refusal.MALFORMED),
        (header(at=NOW - 301), Refusal.TOO_OLD),
        (header(at=NOW + 301), Refusal.TOO_NEW),
        (header(secret=OTHER), Refusal.WRONG),
        (header(body=BODY + b" "), Refusal.WRONG),
        (f"t={NOW},v1={digest(at=NOW - 1)}", Refusal.WRONG),
        (f"t={NOW},v0={digest()},v1={'0' * 64}", Refusal.WRONG),
    ],
)
def test_any_other_has_no_effect_and_its_reason_is_counted(signature: str | None, refusal: Refusal) -> None:
    status, counts, queued = Door().knock(signature)
    assert (status, queued) == (refusal.status, [])
    assert counts == {"webhook.refused": 1, f"webhook.refused.{refusal.name}": 1}


@pytest.mark.parametrize("age", [-300, -1, 0, 299, 300])
def test_five_minutes_both_ways_are_allowed(age: int) -> None:
    assert Door().knock(header(at=NOW - age))[0] == 200


@pytest.mark.parametrize(
    ("signature", "status"),
    [
        (header(), 200),
        (header(secret=OLD), 200),
        (f"t={NOW},v1={digest(secret=OTHER)},v1={digest(secret=OLD)}", 200),
        (f"t={NOW}, v0=whatever, v1={digest()}", 200),
        (header(secret=OTHER), 401),
    ],
)
def test_while_a_secret_is_replaced_both_are_valid(signature: str, status: int) -> None:
    assert Door(SECRET, OLD).knock(signature)[0] == status


def test_a_secret_that_was_just_put_in_counts_at_its_first_use() -> None:
    """What is kept of the secrets is older than the sender's."""
    door = Door()
    door.door = WebhookDoor(HmacSeals(lambda *, fresh=False: (OTHER,) if fresh else (SECRET,)), door.clock, door.queue)
    assert door.knock(header(secret=OTHER))[0] == 200


def test_a_body_that_is_too_long_is_refused_and_one_less_is_not() -> None:
    long = b"x" * MOST_BYTES
    assert Door().knock(header(long), long)[0] == 200
    assert Door().knock(header(long + b"x"), long + b"x")[0] == 413


def test_the_longest_body_fits_into_one_message_however_it_is_escaped() -> None:
    for body in (b"\x01" * MOST_BYTES, b"\xff" * MOST_BYTES, "\u20ac".encode() * (MOST_BYTES // 3)):
        _, _, (message,) = Door().knock(header(body), body)
        assert len(message.encode()) < 256 * 1024


def test_a_body_that_is_no_text_is_kept_too() -> None:
    body = b"\xff\xfe"
    _, _, (message,) = Door().knock(header(body), body)
    assert json.loads(message)["body_base64"] == "//4="


def test_a_queue_that_does_not_answer_is_an_error_so_that_the_sender_repeats() -> None:
    class Down:
        def send(self, bodies: object) -> None:
            raise StoreError("sqs")

    door = Door()
    door.door = WebhookDoor(HmacSeals(lambda *, fresh=False: (SECRET,)), door.clock, Down())
    with pytest.raises(StoreError):
        door.knock(header())


def test_a_header_is_read_as_it_is_written() -> None:
    written = header_of(NOW, (digest(), digest(secret=OLD)))
    assert read_signature(written) == Signature(NOW, (digest(), digest(secret=OLD)))
    assert signed_bytes(NOW, BODY) == f"{NOW}.".encode() + BODY


def test_sealing_signs_under_each_secret() -> None:
    seals = HmacSeals(lambda *, fresh=False: (SECRET, OLD))
    assert seals.seal(signed_bytes(NOW, BODY)) == (digest(), digest(secret=OLD))
    assert all(refusal.sentence for refusal in Refusal)
