"""The packs that ship, with another provider of SMS, which serves every country."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.adapters.policy_files import PolicyFiles, read_packs
from shared.domain.packs import Pack
from tests.functions.stack import Stack, handler


def packs_with(provider: str) -> Iterator[Pack]:
    changed = {"lender": ("provider.sms", provider), provider: ("provider.not_countries", [])}
    for pack in read_packs():
        if pack.id in changed:
            path, value = changed[pack.id]
            yield replace(pack, leaves={**pack.leaves, path: replace(pack.leaves[path], value=value)})
        else:
            yield pack


def sends_over(stack: Stack, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker as its bootstrap makes it, under these packs."""
    app = replace(stack.app("send_reminders"), shelf=PolicyFiles(packs_with(provider)))
    monkeypatch.setattr(handler("send_reminders"), "app", lambda: app)
    monkeypatch.setattr(stack, "app", lambda _: app)
