"""The providers of a deployment: each name has its adapter and its settings, or the function says what is missing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.allowed_outgoing import NOT_ALLOWED, AllowedOutgoing
from shared.adapters.eum_sms import EumSms
from shared.adapters.eum_voice import EumVoice
from shared.adapters.http_sms import HttpSms
from shared.adapters.memory.world import FixedClock
from shared.adapters.policy_files import read_packs
from shared.adapters.senders import senders, sms_sender
from shared.adapters.ses_email import SesEmail
from shared.adapters.sns_push import SnsPush
from shared.adapters.sns_sms import SnsSmsProvider
from shared.domain.contact_rules import Channel
from shared.domain.errors import InputError, SettingsError
from shared.domain.provider_rules import read_provider
from shared.ports.wiring import OtherWiring, SmsWiring
from tests.outgoing import MESSAGE

CLOCK = FixedClock(datetime(2026, 3, 2, 2, 0, tzinfo=UTC))
GATEWAY = {"gateway_url": "https://sms.example", "gateway_secret": "x/sms"}
SMS = SmsWiring("sandbox", None, eum_configuration_set="duebell", **GATEWAY)
OTHER = OtherWiring("push", "voice", "ses", "+12065550152", "pay@lender.example", "duebell")
NOTHING = OtherWiring("none", "none", "none")
NAMES: Mapping[Channel, Mapping[str, type]] = {
    Channel.SMS: {"sandbox": SnsSmsProvider, "sns": SnsSmsProvider, "eum": EumSms, "http": HttpSms},
    Channel.PUSH: {"push": SnsPush},
    Channel.VOICE: {"voice": EumVoice},
    Channel.EMAIL: {"ses": SesEmail},
}


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def test_every_pack_of_a_provider_has_its_adapter_and_every_adapter_its_pack() -> None:
    rules = [read_provider(pack) for pack in read_packs() if pack.type == "provider"]
    assert {(r.channel, r.name) for r in rules} == {(c, name) for c, names in NAMES.items() for name in names}


@pytest.mark.parametrize("name", ["sns", "eum", "http"])
def test_each_name_of_an_sms_provider_is_its_adapter(name: str) -> None:
    sender = sms_sender(replace(SMS, provider=name), CLOCK)
    assert sender is not None
    assert (sender.name, type(sender.provider)) == (name, NAMES[Channel.SMS][name])


def test_each_channel_has_its_provider_where_it_is_wired() -> None:
    found = senders(replace(SMS, provider="sns"), OTHER, CLOCK)
    assert {c: (s.name, type(s.provider)) for c, s in found.items() if c is not Channel.SMS} == {
        channel: next(iter(NAMES[channel].items())) for channel in (Channel.PUSH, Channel.VOICE, Channel.EMAIL)
    }
    assert senders(replace(SMS, provider="none"), NOTHING, CLOCK) == {}


def test_outside_production_every_provider_stands_behind_the_list() -> None:
    found = senders(replace(SMS, allowed=""), OTHER, CLOCK)
    assert set(found) == set(Channel)
    for sender in found.values():
        assert isinstance(sender.provider, AllowedOutgoing)
        assert sender.provider.send(MESSAGE) == NOT_ALLOWED


def test_a_list_that_cannot_be_read_stops_the_function() -> None:
    with pytest.raises(InputError, match="entry 1"):
        sms_sender(replace(SMS, allowed="everybody"), CLOCK)


def test_the_sandbox_is_none_in_production() -> None:
    with pytest.raises(SettingsError, match="SMS_PROVIDER is sandbox, which reaches nobody in production"):
        sms_sender(SMS, CLOCK)


@pytest.mark.parametrize(
    ("sms", "other", "said"),
    [
        ({"provider": "pigeon"}, {}, "SMS_PROVIDER must be sandbox or sns or eum or http or none"),
        ({"provider": "ses"}, {}, "SMS_PROVIDER must be"),
        ({}, {"push": "sns"}, "PUSH_PROVIDER must be push or none"),
        ({}, {"voice": "eum"}, "VOICE_PROVIDER must be voice or none"),
        ({}, {"email": "smtp"}, "EMAIL_PROVIDER must be ses or none"),
        ({"provider": "http", "gateway_url": None}, {}, "SMS_GATEWAY_URL is empty"),
        ({"provider": "http", "gateway_secret": None}, {}, "SMS_GATEWAY_SECRET_NAME is empty"),
        ({"provider": "http", "gateway_url": "http://sms.example"}, {}, "must begin with https://"),
        ({"provider": "eum", "eum_configuration_set": None}, {}, "EUM_CONFIGURATION_SET is empty"),
        ({"eum_configuration_set": None}, {}, "EUM_CONFIGURATION_SET is empty"),
        ({}, {"voice_origination": None}, "VOICE_ORIGINATION is empty"),
        ({}, {"email_sender": None}, "EMAIL_SENDER is empty"),
        ({}, {"email_configuration_set": None}, "EMAIL_CONFIGURATION_SET is empty"),
    ],
)
def test_what_a_provider_needs_and_does_not_have_is_named(
    sms: dict[str, Any], other: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        senders(replace(SMS, **{"provider": "sns", **sms}), replace(OTHER, **other), CLOCK)
