"""What a deployment says about its gateway and its message providers, as plain values.

`runtime` reads it, `adapters` build upon it.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class GatewayWiring:
    """The payment gateway. `rail` is the id of the pack whose codes it speaks; `via` is the address of a local AWS,
    which serves every function URL on its own port. What it promises of its keys is as in `PaymentGateway`."""

    url: str
    region: str
    via: str | None
    rail: str
    key_life: timedelta
    not_found_is_final: bool


@dataclass(frozen=True, slots=True)
class SmsWiring:
    """Which provider carries SMS, and what the providers need; None is not set, and asked for only where it is used.

    `allowed` is the list of addresses that get anything; None, in production only: everybody.
    """

    provider: str
    allowed: str | None
    sender_id: str | None = None
    entity_id: str | None = None  # of the lender in India's register of senders (DLT)
    gateway_url: str | None = None
    gateway_secret: str | None = None  # the name of the secret that signs what goes to the gateway
    eum_configuration_set: str | None = None
    eum_origination: str | None = None
    eum_protect_configuration: str | None = None


@dataclass(frozen=True, slots=True)
class OtherWiring:
    """The same for the other channels."""

    push: str
    voice: str
    email: str
    voice_origination: str | None = None
    email_sender: str | None = None
    email_configuration_set: str | None = None
