"""The providers that a deployment names, each behind the list of allowed addresses outside production.

A name is that of the provider's policy pack. One that has no adapter here, or whose own settings are missing, raises
SettingsError: half a wiring would be found out with the first message.
"""

from collections.abc import Callable, Mapping

from shared.adapters.allowed_outgoing import AllowedOutgoing, parse_addresses
from shared.adapters.eum_sms import EumRoute, EumSms, eum_client
from shared.adapters.eum_voice import EumVoice
from shared.adapters.http_sms import HttpSms
from shared.adapters.seals import HmacSeals, SecretsManagerSecrets, secrets_client
from shared.adapters.ses_email import SesEmail, ses_client
from shared.adapters.sns_push import SnsPush
from shared.adapters.sns_sms import SnsSmsProvider, sns_client
from shared.domain.contact_rules import Channel
from shared.domain.errors import SettingsError
from shared.ports.messages import Outgoing, Provider, Sender
from shared.ports.wiring import OtherWiring, SmsWiring
from shared.ports.world import Clock, SendResult, Sent

NONE = "none"
"""In place of a name: the channel is not wired."""


SANDBOX = "sandbox"
"""SMS over the SNS of a test account or of a local AWS, behind the list of allowed numbers."""


class _Nobody:
    def send(self, message: Outgoing) -> Sent:
        del message
        return Sent(SendResult.REFUSED, detail="no-provider")


NOT_WIRED = Sender(NONE, _Nobody())
"""In place of a sender, for a function that can do other things without one. No pack gives it rules to send by."""


def sms_sender(wiring: SmsWiring, clock: Clock) -> Sender | None:
    """The provider of SMS; None where the channel is not wired."""
    kinds: Mapping[str, Callable[[], Provider]] = {
        SANDBOX: lambda: _sandbox(wiring, clock),
        "sns": lambda: SnsSmsProvider(sns_client(), clock, wiring.sender_id, wiring.entity_id),
        "eum": lambda: EumSms(eum_client(), clock, _route(wiring, wiring.eum_origination)),
        "http": lambda: HttpSms(
            _needed(wiring.gateway_url, "SMS_GATEWAY_URL"), _seals(wiring), clock, wiring.sender_id
        ),
    }
    return _sender(Channel.SMS, wiring.provider, kinds, wiring.allowed)


def senders(sms: SmsWiring, other: OtherWiring, clock: Clock) -> Mapping[Channel, Sender]:
    """The provider of each channel that is wired."""
    found = {
        Channel.SMS: sms_sender(sms, clock),
        Channel.PUSH: _sender(Channel.PUSH, other.push, {"push": lambda: SnsPush(sns_client(), clock)}, sms.allowed),
        Channel.VOICE: _sender(Channel.VOICE, other.voice, {"voice": lambda: _voice(sms, other, clock)}, sms.allowed),
        Channel.EMAIL: _sender(Channel.EMAIL, other.email, {"ses": lambda: _email(other, clock)}, sms.allowed),
    }
    return {channel: sender for channel, sender in found.items() if sender}


def _sender(
    channel: Channel, name: str, kinds: Mapping[str, Callable[[], Provider]], allowed: str | None
) -> Sender | None:
    if name == NONE:
        return None
    if name not in kinds:
        raise SettingsError(f"the environment variable {channel.name}_PROVIDER must be {' or '.join([*kinds, NONE])}")
    provider = kinds[name]()
    return Sender(name, provider if allowed is None else AllowedOutgoing(provider, parse_addresses(allowed)))


def _sandbox(wiring: SmsWiring, clock: Clock) -> Provider:
    if wiring.allowed is None:
        raise SettingsError("the environment variable SMS_PROVIDER is sandbox, which reaches nobody in production")
    return SnsSmsProvider(sns_client(), clock, wiring.sender_id)


def _voice(sms: SmsWiring, other: OtherWiring, clock: Clock) -> Provider:
    return EumVoice(eum_client(), clock, _route(sms, _needed(other.voice_origination, "VOICE_ORIGINATION")))


def _email(other: OtherWiring, clock: Clock) -> Provider:
    sender = _needed(other.email_sender, "EMAIL_SENDER")
    return SesEmail(ses_client(), clock, sender, _needed(other.email_configuration_set, "EMAIL_CONFIGURATION_SET"))


def _route(wiring: SmsWiring, origination: str | None) -> EumRoute:
    return EumRoute(
        _needed(wiring.eum_configuration_set, "EUM_CONFIGURATION_SET"),
        origination,
        wiring.eum_protect_configuration,
        wiring.entity_id,
    )


def _seals(wiring: SmsWiring) -> HmacSeals:
    name = _needed(wiring.gateway_secret, "SMS_GATEWAY_SECRET_NAME")
    return HmacSeals(SecretsManagerSecrets(secrets_client(), name).read)


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise SettingsError(f"the environment variable {name} is empty, and a provider needs it")
    return value
