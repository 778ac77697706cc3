"""Spoken messages over AWS End User Messaging (`SendVoiceMessage`), one request on the wire a call.

A call that was taken is sent, not heard: receipts tell whether anybody picked up.
"""

from collections.abc import Mapping
from typing import Any

from shared.adapters.aws_sending import send_once
from shared.adapters.eum_sms import ANSWERS, LEAST_SECONDS, EumRoute, common_request
from shared.domain.errors import SettingsError
from shared.ports.messages import TOO_LATE, Outgoing
from shared.ports.world import Clock, SendResult, Sent

VOICES: Mapping[str, str] = {"zh": "ZHIYU", "en": "AMY"}
"""A voice by language; there is none that reads another language's text well."""

NO_VOICE = Sent(SendResult.REFUSED, detail="no-voice")


class EumVoice:
    """Provider over End User Messaging voice; `client` is one of `eum_client`. The route needs a number to call from.

    The service limits the price by the minute: `max_price` is taken for that, as a message is shorter than one.
    """

    def __init__(self, client: Any, clock: Clock, route: EumRoute, voices: Mapping[str, str] = VOICES) -> None:
        if not route.origination:
            raise SettingsError("voice: there is no number to call from")
        self._client = client
        self._clock = clock
        self._route = route
        self._voices = voices

    def send(self, message: Outgoing) -> Sent:
        left = message.seconds_left(self._clock.now())
        if left < LEAST_SECONDS:
            return TOO_LATE
        voice = self._voices.get(message.language.partition("-")[0].casefold())
        if voice is None:
            return NO_VOICE
        request = common_request(message, self._route, left) | {
            "MessageBody": message.text,
            "MessageBodyTextType": "TEXT",
            "VoiceId": voice,
        }
        if message.max_price is not None:
            request["MaxPricePerMinute"] = f"{message.max_price:.5f}"
        return send_once(lambda: self._client.send_voice_message(**request), ANSWERS)
