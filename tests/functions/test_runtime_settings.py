"""Settings: read from an environment, and one clear error that names the variable."""

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.book import Line
from shared.domain.errors import SettingsError
from shared.ports.wiring import GatewayWiring, OtherWiring, SmsWiring
from shared.runtime.settings import (
    Queues,
    Store,
    Time,
    Webhooks,
    gateway,
    gateway_rail,
    instances,
    other_channels,
    sms,
)

GOOD = {
    "TABLE_LOANS": "x-loans",
    "TABLE_CONTROL": "x-control",
    "QUEUE_DEBIT_URL": "https://queue/debit",
    "SHARDS": "16",
    "VIRTUAL_TIME": "off",
    "GATEWAY_URL": "https://gateway",
    "GATEWAY_RAIL": "ach",
    "GATEWAY_KEY_HOURS": "24",
    "GATEWAY_NOT_FOUND_IS_FINAL": "false",
    "AWS_REGION": "eu-central-1",
    "DUEBELL_ENVIRONMENT": "test",
    "ALLOWED_PHONES": "+15005550001,+447700900*",
    "SMS_PROVIDER": "http",
    "SMS_SENDER_ID": "",
    "SMS_ENTITY_ID": "",
    "SMS_GATEWAY_URL": "https://sms.example",
    "SMS_GATEWAY_SECRET_NAME": "x/sms",
    "EUM_CONFIGURATION_SET": "",
    "EUM_ORIGINATION": "",
    "EUM_PROTECT_CONFIGURATION": "",
    "PUSH_PROVIDER": "none",
    "VOICE_PROVIDER": "none",
    "VOICE_ORIGINATION": "",
    "EMAIL_PROVIDER": "ses",
    "EMAIL_SENDER": "pay@lender.example",
    "EMAIL_CONFIGURATION_SET": "duebell",
    "INSTANCES": "5",
    "WEBHOOK_URL": "https://door",
    "WEBHOOK_SECRET_NAME": "x/signing",
}


def test_each_need_is_read() -> None:
    assert Store.from_env("loans", env=GOOD) == Store({"loans": "x-loans"}, 16)
    assert Queues.from_env(Line.DEBIT, env=GOOD) == Queues({Line.DEBIT: "https://queue/debit"})
    assert Time.from_env(GOOD) == Time(is_virtual=False, control_table="x-control")
    assert Time.from_env(GOOD | {"VIRTUAL_TIME": "on"}).is_virtual
    promise: dict[str, Any] = {"key_life": timedelta(hours=24), "not_found_is_final": False}
    assert gateway(GOOD) == GatewayWiring("https://gateway", "eu-central-1", None, "ach", **promise)
    assert gateway(GOOD | {"GATEWAY_NOT_FOUND_IS_FINAL": "true"}).not_found_is_final
    assert gateway_rail(GOOD) == "ach"
    assert gateway(GOOD | {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}).via == "http://127.0.0.1:4566"
    assert Webhooks.from_env(GOOD) == Webhooks("https://door", "x/signing", None)
    assert Webhooks.from_env(GOOD | {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}).via == "http://127.0.0.1:4566"
    of_sms = {"gateway_url": "https://sms.example", "gateway_secret": "x/sms"}
    assert sms(GOOD) == SmsWiring("http", "+15005550001,+447700900*", **of_sms)
    assert sms(GOOD | {"SMS_SENDER_ID": "Duebell"}).sender_id == "Duebell"
    email = {"email_sender": "pay@lender.example", "email_configuration_set": "duebell"}
    assert other_channels(GOOD) == OtherWiring("none", "none", "ses", **email)
    assert instances(GOOD) == 5


def test_only_production_writes_to_everybody() -> None:
    assert sms(GOOD | {"DUEBELL_ENVIRONMENT": "production"}).allowed is None
    assert sms(GOOD | {"ALLOWED_PHONES": ""}).allowed == ""


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("TABLE_LOANS", None, "missing"),
        ("TABLE_LOANS", "", "empty"),
        ("TABLE_CONTROL", None, "missing"),
        ("QUEUE_DEBIT_URL", None, "missing"),
        ("SHARDS", None, "missing"),
        *(("SHARDS", value, "must be a whole number from 1 to 256") for value in ("0", "257", "-1", "x", "1.5", "²")),
        ("VIRTUAL_TIME", "yes", "must be on or off"),
        ("VIRTUAL_TIME", None, "missing"),
        ("GATEWAY_URL", None, "missing"),
        ("GATEWAY_RAIL", None, "missing"),
        ("GATEWAY_RAIL", "", "empty"),
        *(("GATEWAY_KEY_HOURS", one, "must be a whole number from 1 to 9999") for one in ("0", "10000", "24h", "²")),
        ("GATEWAY_KEY_HOURS", "", "empty"),
        ("GATEWAY_NOT_FOUND_IS_FINAL", "yes", "must be true or false"),
        ("GATEWAY_NOT_FOUND_IS_FINAL", "", "empty"),
        ("DUEBELL_ENVIRONMENT", "prod", "must be production or test"),
        ("DUEBELL_ENVIRONMENT", None, "missing"),
        ("ALLOWED_PHONES", None, "missing"),
        ("SMS_SENDER_ID", None, "missing"),
        ("SMS_PROVIDER", "", "empty"),
        ("EUM_ORIGINATION", None, "missing"),
        ("EMAIL_PROVIDER", "", "empty"),
        ("EMAIL_SENDER", None, "missing"),
        *(("INSTANCES", value, "must be a whole number from 1 to 1000") for value in ("0", "1001", "x", "²")),
        ("WEBHOOK_URL", None, "missing"),
        ("WEBHOOK_SECRET_NAME", "", "empty"),
    ],
)
def test_a_variable_that_is_missing_or_means_nothing_is_named(name: str, value: str | None, problem: str) -> None:
    env = {key: one for key, one in GOOD.items() if key != name} | ({} if value is None else {name: value})
    with pytest.raises(SettingsError) as caught:
        _ = (
            Store.from_env("loans", env=env),
            Queues.from_env(Line.DEBIT, env=env),
            Time.from_env(env),
            gateway(env),
            sms(env),
            other_channels(env),
            instances(env),
            Webhooks.from_env(env),
        )
    assert f"the environment variable {name} " in str(caught.value)
    assert problem in str(caught.value)
