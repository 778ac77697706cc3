"""What its environment tells a function, read once when it starts: one frozen value for each need.

A variable that is missing or means nothing raises SettingsError, which names it and never repeats its value.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from shared.domain.book import Line
from shared.domain.errors import SettingsError
from shared.ports.wiring import GatewayWiring, OtherWiring, SmsWiring

type Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Store:
    """The tables that a function uses, real name by short name, and how many shards an agenda has."""

    tables: Mapping[str, str]
    shards: int

    @classmethod
    def from_env(cls, *names: str, env: Environment = os.environ) -> Self:
        return cls({name: text(f"TABLE_{name.upper()}", env) for name in names}, _whole("SHARDS", 256, env))


@dataclass(frozen=True, slots=True)
class Queues:
    """The queues that a function sends hints to: their addresses by line."""

    urls: Mapping[Line, str]

    @classmethod
    def from_env(cls, *lines: Line, env: Environment = os.environ) -> Self:
        return cls({line: text(f"QUEUE_{line.name}_URL", env) for line in lines})


@dataclass(frozen=True, slots=True)
class Time:
    """Whether the simulated instant in the control table is the time, and where that table is."""

    is_virtual: bool
    control_table: str

    @classmethod
    def from_env(cls, env: Environment = os.environ) -> Self:
        return cls(_one_of("VIRTUAL_TIME", {"on": True, "off": False}, env), text("TABLE_CONTROL", env))


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The door for webhooks as a sender sees it: its address, the name of the secret that signs, and `via` as for the
    gateway (`GatewayWiring`)."""

    url: str
    secret_name: str
    via: str | None

    @classmethod
    def from_env(cls, env: Environment = os.environ) -> Self:
        return cls(text("WEBHOOK_URL", env), text("WEBHOOK_SECRET_NAME", env), env.get("AWS_ENDPOINT_URL") or None)


def gateway(env: Environment = os.environ) -> GatewayWiring:
    """The payment gateway, which rail's codes it speaks, and what it promises of its keys."""
    return GatewayWiring(
        text("GATEWAY_URL", env),
        env.get("AWS_REGION") or text("AWS_DEFAULT_REGION", env),
        env.get("AWS_ENDPOINT_URL") or None,
        gateway_rail(env),
        timedelta(hours=_whole("GATEWAY_KEY_HOURS", 9999, env)),
        _one_of("GATEWAY_NOT_FOUND_IS_FINAL", {"true": True, "false": False}, env),
    )


def gateway_rail(env: Environment = os.environ) -> str:
    """The rail whose codes the gateway speaks, for whoever reads its news and never asks it."""
    return text("GATEWAY_RAIL", env)


def sms(env: Environment = os.environ) -> SmsWiring:
    """How SMS go out."""
    is_production = _one_of("DUEBELL_ENVIRONMENT", {"production": True, "test": False}, env)
    allowed = text("ALLOWED_PHONES", env, may_be_empty=True)
    return SmsWiring(
        text("SMS_PROVIDER", env),
        None if is_production else allowed,
        _maybe("SMS_SENDER_ID", env),
        _maybe("SMS_ENTITY_ID", env),
        _maybe("SMS_GATEWAY_URL", env),
        _maybe("SMS_GATEWAY_SECRET_NAME", env),
        _maybe("EUM_CONFIGURATION_SET", env),
        _maybe("EUM_ORIGINATION", env),
        _maybe("EUM_PROTECT_CONFIGURATION", env),
    )


def other_channels(env: Environment = os.environ) -> OtherWiring:
    """How push messages, calls and e-mail go out."""
    return OtherWiring(
        text("PUSH_PROVIDER", env),
        text("VOICE_PROVIDER", env),
        text("EMAIL_PROVIDER", env),
        _maybe("VOICE_ORIGINATION", env),
        _maybe("EMAIL_SENDER", env),
        _maybe("EMAIL_CONFIGURATION_SET", env),
    )


def instances(env: Environment = os.environ) -> int:
    """How many of this function may run at once: each takes its share of what a provider allows."""
    return _whole("INSTANCES", 1000, env)


def _maybe(name: str, env: Environment) -> str | None:
    """A variable that must be there and may be empty, which is None."""
    return text(name, env, may_be_empty=True) or None


def text(name: str, env: Environment = os.environ, *, may_be_empty: bool = False) -> str:
    """A variable that must be there."""
    value = env.get(name)
    if value is None or not (value or may_be_empty):
        raise SettingsError(f"the environment variable {name} is {'missing' if value is None else 'empty'}")
    return value


def _whole(name: str, most: int, env: Environment) -> int:
    value = text(name, env)
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= most):
        raise SettingsError(f"the environment variable {name} must be a whole number from 1 to {most}")
    return int(value)


def _one_of[T](name: str, choices: Mapping[str, T], env: Environment) -> T:
    value = text(name, env)
    if value not in choices:
        raise SettingsError(f"the environment variable {name} must be {' or '.join(choices)}")
    return choices[value]
