"""What `sam build` puts into each zip: measured, and imported with nothing else around."""

import ast
import json
import marshal
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import CodeType

import pytest

from infra.check_template import ROOT, read
from shared.adapters.policy_files import BUNDLE, read_packs

PACKAGE = ROOT / "infra" / "package" / "package.py"
FUNCTIONS = [name for name, one in read()["Resources"].items() if one["Type"] == "AWS::Serverless::Function"]
LARGER = {
    "operate": 375_000,
    "reconcile": 315_000,
    "send_reminders": 340_000,
    "record_receipts": 310_000,
    "record_repayments": 325_000,
    "explain": 315_000,
}
"""Bytes: every verb of an operator, who waits for no cold start; every provider of every channel, twice; what rails and
banks tell of money and mandates; and every decision with its sources."""
UNCHECKED = (1).to_bytes(4, "little")  # the flag word of a .pyc that is taken as it is


def build(logical_id: str, folder: Path) -> Path:
    target = folder / logical_id
    subprocess.run([sys.executable, PACKAGE, logical_id, target], check=True)
    return target


def zipped_bytes(folder: Path) -> int:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(folder.rglob("*")):
            zipped.write(path, path.relative_to(folder))
    return archive.stat().st_size


def bytecode(compiled: Path, source: str) -> CodeType:
    """The code in a file, which is taken as it is and says that it stems from `source`."""
    content = compiled.read_bytes()
    assert content[4:8] == UNCHECKED
    code: CodeType = marshal.loads(content[16:])
    assert code.co_filename == source
    return code


def sources(function: Path) -> list[Path]:
    """Of the modules that a function carries: in this repo, since they stay behind."""
    return [ROOT / path.relative_to(function).with_suffix(".py") for path in sorted(function.rglob("*.pyc"))]


def needs_what_stays_behind(source: str) -> list[str]:
    """Where a module reads a docstring or counts on an assert."""
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Attribute) and node.attr in {"__doc__", "getdoc"})
        or (isinstance(node, ast.Name) and node.id in {"__doc__", "__debug__", "getdoc"})
    ]


def run_in(function: Path, layer: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program with a function's folder and the layer, and nothing else of this machine."""
    paths = f"import sys; sys.path[:0] = [{str(function)!r}, {str(layer / 'python')!r}]\n"
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_SERVICE_NAME": function.name}
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", paths + program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("Dependencies", tmp_path_factory.mktemp("layer"))


@pytest.fixture(scope="module", params=FUNCTIONS)
def function(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(request.param, tmp_path_factory.mktemp("function"))


def test_the_layer_is_small_and_compiled(layer: Path) -> None:
    assert zipped_bytes(layer) <= 12_000_000
    for source in layer.rglob("*.py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        bytecode(compiled, f"/opt/{source.relative_to(layer)}")


def test_an_architecture_that_no_layer_is_built_for_is_refused(tmp_path: Path) -> None:
    asked = os.environ | {"ARCHITECTURE": "arm"}
    command = [sys.executable, str(PACKAGE), "Dependencies", str(tmp_path / "x")]
    built = subprocess.run(command, env=asked, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (2, "ARCHITECTURE is arm: it must be arm64 or x86_64\n")
    assert not (tmp_path / "x").exists()


def test_the_layer_has_the_models_of_what_is_called(layer: Path) -> None:
    models = {path.name for path in (layer / "python" / "botocore" / "data").iterdir() if path.is_dir()}
    senders = {"sns", "sesv2", "pinpoint-sms-voice-v2"}
    assert models == {"dynamodb", "lambda", "s3", "secretsmanager", "sqs", "sts", *senders}


def test_a_function_is_small_and_compiled(function: Path) -> None:
    (own,) = (function / "functions").glob("*/")
    assert zipped_bytes(function) <= LARGER.get(own.name, 300_000)
    assert not [*function.rglob("*.py"), *function.rglob("__pycache__")]
    for compiled in function.rglob("*.pyc"):
        code = bytecode(compiled, f"/var/task/{compiled.relative_to(function).with_suffix('.py')}")
        assert {column for _, _, *columns in code.co_positions() for column in columns} == {None}


def test_no_module_of_a_function_needs_its_docstrings_or_asserts(function: Path) -> None:
    found = {path.relative_to(ROOT): needs_what_stays_behind(path.read_text()) for path in sources(function)}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    assert True",
        "print(f.__doc__)",
        "print(__doc__)",
        "f.__doc__ = 'text'",
        "if __debug__:\n    pass",
        "import inspect\ninspect.getdoc(f)",
        "from inspect import getdoc\ngetdoc(f)",
    ],
)
def test_a_planted_need_is_found(source: str) -> None:
    assert len(needs_what_stays_behind(source)) == 1


def test_a_function_holds_itself_and_what_it_needs(function: Path) -> None:
    own = [path.name for path in (function / "functions").iterdir() if path.is_dir()]
    assert len(own) == 1
    assert {path.name for path in function.iterdir()} == {"functions", "shared"}
    assert not (function / "shared" / "cli").exists()
    assert not (function / "shared" / "adapters" / "memory").exists()
    assert {path.name for path in (function / "shared" / "policies").iterdir()} == {"__init__.pyc", BUNDLE}


def test_every_import_of_a_function_leads_to_a_file_that_is_there(function: Path) -> None:
    """Also those inside a function, which run long after the start."""
    for source in sources(function):
        for name in re.findall(r"^\s*(?:from|import) ((?:shared|functions)[\w.]*)", source.read_text(), re.MULTILINE):
            path = function.joinpath(*name.split("."))
            assert path.with_suffix(".pyc").exists() or path.is_dir(), f"{source.relative_to(ROOT)} imports {name}"


def test_a_function_starts_with_the_layer_and_nothing_else(function: Path, layer: Path) -> None:
    """This machine's own packages would hide one that is missing from the layer."""
    (handler,) = function.glob("functions/*/handler.pyc")
    program = (
        f"from functions.{handler.parent.name} import bootstrap, handler\n"
        "assert callable(handler.handle) and callable(bootstrap.app)\n"
        "assert (handler.__doc__, bootstrap.app.__doc__) == (None, None)\n"
        f"assert handler.__file__ == {str(handler)!r}"
    )
    done = run_in(function, layer, program)
    assert done.returncode == 0, done.stderr


def test_a_function_reads_the_packs_that_stand_in_the_tree(tmp_path: Path, layer: Path) -> None:
    function = build("PlanWork", tmp_path)
    told = "{p.id: {leaf: (f.value, f.kind) for leaf, f in p.leaves.items()} for p in policy_files.read_packs()}"
    program = f"import datetime\nfrom shared.adapters import policy_files\nprint(repr({told}))"
    done = run_in(function, layer, program)
    here = {p.id: {leaf: (f.value, f.kind) for leaf, f in p.leaves.items()} for p in read_packs()}
    assert (done.stdout.strip(), done.stderr) == (repr(here), "")


def test_a_traceback_names_file_and_line_without_sources(tmp_path: Path, layer: Path) -> None:
    program = (
        "from aws_lambda_powertools import Logger\n"
        "from shared.domain import keys\n"
        "try:\n"
        "    keys.checked_id('')\n"
        "except Exception:\n"
        "    Logger().exception('failed')"
    )
    done = run_in(build("RecordEscalations", tmp_path), layer, program)
    above, _, _ = (ROOT / "shared" / "domain" / "keys.py").read_text().partition('raise IdentifierError("an id is')
    place = f'File "/var/task/shared/domain/keys.py", line {above.count("\n") + 1}, in checked_id'
    assert place in json.loads(done.stdout)["exception"], done.stderr
