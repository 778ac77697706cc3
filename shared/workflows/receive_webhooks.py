"""Webhooks at the door: a good one is queued as it came before it is answered; nobody else's has any effect.

Safe to run twice: the sender repeats what was not answered, and booking tells a repeat from another payment. A queue or
a secret that does not answer is an error that leaves the function, so that the sender gets a 5xx and repeats.
"""

import json
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from shared.domain import keys
from shared.domain.webhook import MOST_BYTES, Refusal, Signature, read_signature, signed_bytes, untimely
from shared.ports.stub import EventQueue, Reply
from shared.ports.webhooks import Seals
from shared.ports.world import Clock
from shared.workflows.passes import Summary


@dataclass(frozen=True, slots=True)
class WebhookDoor:
    """The ports of receiving."""

    seals: Seals
    clock: Clock
    queue: EventQueue

    def receive(self, header: str | None, body: bytes) -> tuple[Reply, Summary]:
        """Queues a webhook whose signature holds; the summary counts `webhook.taken` or `webhook.refused.<REASON>`."""
        now = self.clock.now()
        refusal = refusal_of(self.seals, header, body, now)
        if refusal:
            counts = Counter({"webhook.refused": 1, f"webhook.refused.{refusal.name}": 1})
            return Reply(refusal.status, {"status": "refused", "code": refusal.name}), Summary(counts)
        self.queue.send([_envelope(body, now)])
        return Reply(200, {"status": "taken"}), Summary(Counter({"webhook.taken": 1}))


def refusal_of(seals: Seals, header: str | None, body: bytes, now: datetime) -> Refusal | None:
    """Why a signed request is not taken; None for a good one."""
    if len(body) > MOST_BYTES:
        return Refusal.TOO_LARGE
    signature = read_signature(header)
    if not isinstance(signature, Signature):
        return signature
    if refusal := untimely(signature, now):
        return refusal
    sealed = seals.is_sealed(signed_bytes(signature.at, body), signature.digests)
    return None if sealed else Refusal.WRONG


def _envelope(body: bytes, now: datetime) -> str:
    """The body as it came; one that is no text is kept too: it was signed, and a person must see it."""
    message: dict[str, object] = {"v": 1, "kind": "received", "received_at": keys.instant(now)}
    try:
        message["body"] = body.decode()
    except UnicodeDecodeError:
        message["body_base64"] = b64encode(body).decode()
    return json.dumps(message, separators=(",", ":"))
