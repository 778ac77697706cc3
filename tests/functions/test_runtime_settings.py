"""Settings: read from an environment, and one clear error that names the variable."""

import pytest

from shared.domain.book import Line
from shared.domain.errors import SettingsError
from shared.runtime.settings import Gateway, Queues, Sms, Store, Time, Webhooks

GOOD = {
    "TABLE_LOANS": "x-loans",
    "TABLE_CONTROL": "x-control",
    "QUEUE_DEBIT_URL": "https://queue/debit",
    "SHARDS": "16",
    "VIRTUAL_TIME": "off",
    "GATEWAY_URL": "https://gateway",
    "AWS_REGION": "eu-central-1",
    "DUEBELL_ENVIRONMENT": "test",
    "ALLOWED_PHONES": "+15005550001,+447700900*",
    "SMS_SENDER_ID": "",
    "SMS_MAX_PRICE": "0.20",
    "WEBHOOK_URL": "https://door",
    "WEBHOOK_SECRET_NAME": "x/signing",
}


def test_each_need_is_read() -> None:
    assert Store.from_env("loans", env=GOOD) == Store({"loans": "x-loans"}, 16)
    assert Queues.from_env(Line.DEBIT, env=GOOD) == Queues({Line.DEBIT: "https://queue/debit"})
    assert Time.from_env(GOOD) == Time(is_virtual=False, control_table="x-control")
    assert Time.from_env(GOOD | {"VIRTUAL_TIME": "on"}).is_virtual
    assert Gateway.from_env(GOOD) == Gateway("https://gateway", "eu-central-1", None)
    assert Gateway.from_env(GOOD | {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}).via == "http://127.0.0.1:4566"
    assert Webhooks.from_env(GOOD) == Webhooks("https://door", "x/signing", None)
    assert Webhooks.from_env(GOOD | {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}).via == "http://127.0.0.1:4566"
    assert Sms.from_env(GOOD) == Sms(None, "0.20", "+15005550001,+447700900*")
    assert Sms.from_env(GOOD | {"SMS_SENDER_ID": "Duebell"}).sender_id == "Duebell"


def test_only_production_writes_to_everybody() -> None:
    assert Sms.from_env(GOOD | {"DUEBELL_ENVIRONMENT": "production"}).allowed_phones is None
    assert Sms.from_env(GOOD | {"ALLOWED_PHONES": ""}).allowed_phones == ""


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
        ("DUEBELL_ENVIRONMENT", "prod", "must be production or test"),
        ("DUEBELL_ENVIRONMENT", None, "missing"),
        ("ALLOWED_PHONES", None, "missing"),
        ("SMS_SENDER_ID", None, "missing"),
        ("SMS_MAX_PRICE", "", "empty"),
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
            Gateway.from_env(env),
            Sms.from_env(env),
            Webhooks.from_env(env),
        )
    assert f"the environment variable {name} " in str(caught.value)
    assert problem in str(caught.value)
