"""Who judges shares no code with what is judged."""

import ast
import subprocess
import sys

import pytest

from tests.architecture.rules import ROOT, imports, sources

JUDGING = ("facts", "settings", "law", "hours", "counting", "steps", "judge", "words")
NAMES = frozenset(f"tests.contact_check.{name}" for name in JUDGING)


def foreign(source: str) -> list[str]:
    """What a module imports that is neither of the standard library nor of those who judge."""
    names = [name for _, name in imports(ast.parse(source))]
    return [n for n in names if n.split(".")[0] not in sys.stdlib_module_names and n.rpartition(".")[0] not in NAMES]


def test_nothing_of_the_product_is_imported_by_those_who_judge() -> None:
    modules = sources("tests")
    assert {name: found for name in sorted(NAMES) if (found := foreign(modules[name]))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from shared.domain.weeks import Week",
        "import shared.adapters.policy_files",
        "from tests.contact_check.product import told_of",
        "def f():\n    from tests.contact_check import planted",
    ],
)
def test_a_planted_import_is_found(source: str) -> None:
    assert foreign(source)


def test_those_who_judge_load_nothing_of_the_product() -> None:
    told = (
        "import sys, tests.contact_check.judge, tests.contact_check.words;"
        "print(*(n for n in sys.modules if n.split('.')[0] in ('shared', 'functions')))"
    )
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
