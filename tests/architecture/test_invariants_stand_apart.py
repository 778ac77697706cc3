"""The checks share no code with what they check: not with decisions and workflows, nor with the hand mapping."""

import ast
import subprocess
import sys

import pytest

from tests.architecture.rules import ROOT, breaches, imports, sources

CHECKING = (
    "shared.cli.check",
    "shared.cli.book",
    "shared.cli.contact_rows",
    "shared.cli.rules",
    "shared.adapters.dynamodb.models",
)
"""What `duebell check` consists of, besides `shared.invariants`."""

FORBIDDEN = (
    "shared.workflows",
    *(f"shared.domain.{name}" for name in ("contact", "debit", "policy", "stage", "steps", "settlement", "changes")),
    *(f"shared.adapters.dynamodb.{name}" for name in ("book", "portfolio", "reading", "rows", "writes", "stub_books")),
    *(f"shared.adapters.dynamodb.{name}_rows" for name in ("loan", "hold", "mandate", "card", "contact", "debit")),
    "shared.adapters.policy_files",
)


def forbidden_in(source: str) -> list[str]:
    names = [name for _, name in imports(ast.parse(source))]
    return [name for name in names if any(name == f or name.startswith(f"{f}.") for f in FORBIDDEN)]


def test_what_is_checked_is_not_imported_by_what_checks() -> None:
    modules = sources("shared")
    checking = [name for name in modules if name in CHECKING or name.startswith("shared.invariants")]
    assert set(CHECKING) < set(checking)
    assert {name: found for name in checking if (found := forbidden_in(modules[name]))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from shared.workflows.settling import Settling",
        "import shared.workflows",
        "from shared.domain import stage",
        "from shared.domain.debit import plan_debit",
        "def f():\n    from shared.adapters.dynamodb.reading import read",
    ],
)
def test_a_planted_import_is_found(source: str) -> None:
    assert forbidden_in(source)


def test_the_ring_of_the_checks_is_closed() -> None:
    planted = {"shared.invariants.planted": "from shared.domain.money import Money"}
    assert [breach.problem for breach in breaches(planted)] == ["shared.invariants imports shared.domain.money.Money"]


def test_the_checks_load_nothing_else_of_ours() -> None:
    told = "import sys, shared.invariants.checks; print(*(n for n in sys.modules if n.startswith('shared.')))"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [name for name in done.stdout.split() if not name.startswith("shared.invariants")] == []
