"""The policy packs as the checks read them: decoded here, apart from the shelf that the workers decide by."""

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable

from shared.domain.errors import PolicyError
from shared.invariants.rules import RuleBook


def read_rules(folder: Traversable | None = None) -> RuleBook:
    """The rules in every `*.toml` of a folder (default: the packs that ship); PolicyError where one is no TOML."""
    documents = []
    for item in sorted((folder or files("shared.policies")).iterdir(), key=lambda item: item.name):
        if item.name.endswith(".toml"):
            try:
                documents.append(tomllib.loads(item.read_text(encoding="utf-8")))
            except ValueError as error:
                raise PolicyError(f"{item.name}: {error}") from error
    return RuleBook(documents)
