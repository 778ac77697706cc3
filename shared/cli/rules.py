"""The policy packs as the checks read them: decoded here, apart from the shelf that the workers decide by."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from shared.domain.errors import PolicyError
from shared.invariants.rules import RuleBook


def read_rules(folder: Traversable | None = None) -> RuleBook:
    """The rules in every `*.toml` of a folder (default: the packs that ship); PolicyError where one is no TOML."""
    return RuleBook(read_documents(folder))


def read_documents(folder: Traversable | None = None) -> tuple[Mapping[str, Any], ...]:
    """Every `*.toml` of a folder as it stands there; PolicyError where one is no TOML."""
    documents: list[Mapping[str, Any]] = []
    for item in sorted((folder or files("shared.policies")).iterdir(), key=lambda item: item.name):
        if item.name.endswith(".toml"):
            try:
                documents.append(tomllib.loads(item.read_text(encoding="utf-8")))
            except ValueError as error:
                raise PolicyError(f"{item.name}: {error}") from error
    return tuple(documents)
