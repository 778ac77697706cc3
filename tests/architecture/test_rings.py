"""The rings hold in every module, and a planted breach of each kind is found."""

import ast
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT, breaches, imports, sources


def test_the_rings_hold() -> None:
    assert [str(breach) for breach in breaches(sources("shared", "functions", "demo", "drills", "infra"))] == []


def test_every_ring_is_looked_at() -> None:
    found = sources("shared", "functions")
    for ring in ("domain", "ports", "workflows", "adapters", "runtime", "invariants", "simulation", "cli"):
        assert any(name.startswith(f"shared.{ring}.") for name in found), ring
    assert any(name.startswith("functions.") for name in found)


DOMAIN, WORKFLOW, HANDLER = "shared.domain.planted", "shared.workflows.planted", "functions.plan_work.handler"
CHECKS = "shared.invariants.planted"


@pytest.mark.parametrize(
    ("module", "source", "problem"),
    [
        (DOMAIN, "from shared.ports.world import Clock", "shared.domain imports shared.ports.world.Clock"),
        (DOMAIN, "from shared import ports", "shared.domain imports shared.ports"),
        (DOMAIN, "import shared.workflows.passes", "shared.domain imports shared.workflows.passes"),
        (DOMAIN, "import functions.plan_work.handler", "shared.domain imports functions.plan_work.handler"),
        (DOMAIN, "import pydantic", "not of the standard library"),
        (DOMAIN, "import boto3", "outside adapters and bootstraps"),
        *[
            (DOMAIN, f"import {name}", "not pure")
            for name in ("os", "os.path", "time", "random", "uuid", "logging", "io", "pathlib", "socket", "subprocess")
        ],
        (DOMAIN, "from time import monotonic", "not pure"),
        (DOMAIN, "def f():\n    import secrets", "not pure"),
        (
            DOMAIN,
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shared.ports.world import Clock",
            "imports",
        ),
        (DOMAIN, "from . import money", "relative"),
        (DOMAIN, "from datetime import date\nx = date.today()", "reads the clock: date.today"),
        (DOMAIN, "import datetime\nx = datetime.date.today()", "reads the clock: datetime.date.today"),
        (DOMAIN, "from datetime import datetime as d\nx = d.now()", "reads the clock: d.now"),
        (DOMAIN, "from datetime import datetime\nx = datetime.utcnow()", "reads the clock: datetime.utcnow"),
        (DOMAIN, "from datetime import datetime\nread = datetime.now", "reads the clock: datetime.now"),
        *[
            (DOMAIN, f"x = {name}('y')", f"uses {name}, which is not pure")
            for name in ("open", "print", "input", "eval", "__import__")
        ],
        (CHECKS, "from shared.domain.money import Money", "shared.invariants imports shared.domain.money.Money"),
        (CHECKS, "from shared.workflows import settling", "shared.invariants imports"),
        (CHECKS, "import boto3", "not of the standard library"),
        (CHECKS, "import time", "not pure"),
        (CHECKS, "print('x')", "uses print, which is not pure"),
        (WORKFLOW, "from shared.invariants import checks", "shared.workflows imports"),
        ("shared.ports.planted", "from shared.workflows import passes", "shared.ports imports"),
        ("shared.ports.planted", "from shared.adapters import clock", "shared.ports imports"),
        ("shared.ports.planted", "import logging", "belongs to an adapter"),
        (WORKFLOW, "from shared.adapters.clock import SystemClock", "shared.workflows imports"),
        (WORKFLOW, "from shared.runtime import telemetry", "shared.workflows imports"),
        (WORKFLOW, "import boto3", "not of the standard library"),
        (WORKFLOW, "import os", "belongs to an adapter"),
        (WORKFLOW, "from datetime import datetime, UTC\nx = datetime.now(UTC)", "reads the clock"),
        ("shared.adapters.planted", "from shared.workflows.passes import Summary", "shared.adapters imports"),
        ("shared.adapters.planted", "from shared.runtime import settings", "shared.adapters imports"),
        ("shared.adapters.planted", "import functions.reconcile.handler", "shared.adapters imports"),
        ("shared.runtime.planted", "from shared.workflows.passes import Summary", "shared.runtime imports"),
        ("shared.runtime.planted", "from shared.adapters.clock import SystemClock", "shared.runtime imports"),
        ("shared.runtime.planted", "import boto3", "outside adapters and bootstraps"),
        ("shared.runtime.planted", "from botocore.config import Config", "outside adapters and bootstraps"),
        (HANDLER, "import functions.reconcile.bootstrap", "a function imports another"),
        (HANDLER, "from functions import reconcile", "a function imports another"),
        (HANDLER, "from shared.adapters.clock import SystemClock", "outside its bootstrap"),
        (HANDLER, "from os import environ", "read by shared.runtime.settings alone"),
        ("functions.plan_work.bootstrap", "import os", "read by shared.runtime.settings alone"),
        ("shared.adapters.planted", "import os", "read by shared.runtime.settings alone"),
        (HANDLER, "import urllib3", "outside adapters and bootstraps"),
        (HANDLER, "import shared.cli.main", "a function imports shared.cli.main"),
        (HANDLER, "from shared.simulation import engine", "a function imports shared.simulation.engine"),
        (WORKFLOW, "from shared.simulation import engine", "shared.workflows imports shared.simulation.engine"),
        (CHECKS, "from shared.simulation import engine", "shared.invariants imports shared.simulation.engine"),
        ("shared.simulation.planted", "from shared.adapters import clock", "shared.simulation imports"),
        ("shared.simulation.planted", "import shared.cli.main", "shared.simulation imports shared.cli.main"),
        ("shared.simulation.planted", "from datetime import date\nx = date.today()", "reads the clock: date.today"),
        (
            "functions.plan_work.wiring",
            "import shared.workflows.passes\nimport shared.adapters.clock",
            "sees workflows and adapters at once",
        ),
        ("functions.plan_work.bootstrap", "import functions.reconcile.bootstrap", "a function imports another"),
        ("shared.cli.planted", "import functions.plan_work.handler", "the command line imports"),
        ("demo.planted", "import shared.workflows.plan_work", "drives it from outside"),
        ("demo.planted", "import functions.plan_work.handler", "drives it from outside"),
        ("drills.planted", "import shared.workflows.plan_work", "drives it from outside"),
        ("tests.berka.expected", "from shared.domain.money import Money", "the plain count imports"),
    ],
)
def test_a_planted_breach_is_found(module: str, source: str, problem: str) -> None:
    found = [str(breach) for breach in breaches({module: source})]
    assert any(problem in breach for breach in found), found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (DOMAIN, "from shared.domain.money import Money"),
        (DOMAIN, "from datetime import date, time\nx = date(2026, 3, 1)\ntoday = x"),
        (WORKFLOW, "def f(self):\n    return self.clock.now()"),
        (CHECKS, "class Report:\n    open: int\n"),
        ("shared.adapters.clock", "from datetime import UTC, datetime\nx = datetime.now(UTC)"),
        ("shared.adapters.planted", "import boto3\nimport secrets"),
        ("shared.runtime.settings", "import os"),
        (HANDLER, "from functions.plan_work import bootstrap\nfrom shared.runtime import events"),
        ("functions.plan_work.bootstrap", "import boto3\nimport shared.adapters.clock\nimport shared.workflows.passes"),
        ("tests.berka.portfolio", "from shared.domain.money import Money"),
    ],
)
def test_what_the_rings_allow_is_no_breach(module: str, source: str) -> None:
    assert breaches({module: source}) == []


def test_the_plain_count_of_berka_imports_nothing_of_ours() -> None:
    path = ROOT / "tests" / "berka" / "expected.py"
    ours = [name for _, name in imports(ast.parse(path.read_text())) if name.split(".")[0] in {"shared", "functions"}]
    assert ours == []


@pytest.mark.parametrize("path", sorted((ROOT / "functions").glob("*/handler.py")), ids=lambda p: p.parent.name)
def test_a_handler_is_one_decorated_entry_of_about_forty_lines(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    entries = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    assert [e.name for e in entries] == ["handle"]
    assert entries[0].decorator_list
    docstring = ast.get_docstring(tree)
    assert docstring
    assert docstring.count("\n") == 0
    assert len(text.splitlines()) <= 45
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.If | ast.For | ast.While | ast.Try)]
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert not used & {"os", "boto3", "environ"}
