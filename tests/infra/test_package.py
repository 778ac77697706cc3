"""What `sam build` puts into each zip: measured, and imported with nothing else around."""

import marshal
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import CodeType

import pytest

from infra.check_template import ROOT, read

PACKAGE = ROOT / "infra" / "package" / "package.py"
FUNCTIONS = [name for name, one in read()["Resources"].items() if one["Type"] == "AWS::Serverless::Function"]
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


def assert_all_compiled(folder: Path, runs_at: str) -> None:
    for source in folder.rglob("*.py"):
        compiled = (source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc").read_bytes()
        assert compiled[4:8] == UNCHECKED
        code: CodeType = marshal.loads(compiled[16:])
        assert code.co_filename == f"{runs_at}/{source.relative_to(folder)}"


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("Dependencies", tmp_path_factory.mktemp("layer"))


@pytest.fixture(scope="module", params=FUNCTIONS)
def function(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(request.param, tmp_path_factory.mktemp("function"))


def test_the_layer_is_small_and_compiled(layer: Path) -> None:
    assert zipped_bytes(layer) <= 12_000_000
    assert_all_compiled(layer, "/opt")


def test_the_layer_has_the_models_of_what_is_called(layer: Path) -> None:
    models = {path.name for path in (layer / "python" / "botocore" / "data").iterdir() if path.is_dir()}
    assert models == {"dynamodb", "lambda", "sns", "sqs", "sts"}


def test_a_function_is_small_and_compiled(function: Path) -> None:
    assert zipped_bytes(function) <= 300_000
    assert_all_compiled(function, "/var/task")


def test_a_function_holds_itself_and_what_it_needs(function: Path) -> None:
    own = [path.name for path in (function / "functions").iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert len(own) == 1
    assert {path.name for path in function.iterdir()} == {"functions", "shared"}
    assert not (function / "shared" / "cli").exists()
    assert not (function / "shared" / "adapters" / "memory").exists()
    packs = {path.name for path in (ROOT / "shared" / "policies").rglob("*.toml")}
    assert {path.name for path in (function / "shared" / "policies").rglob("*.toml")} == packs


def test_every_import_of_a_function_leads_to_a_file_that_is_there(function: Path) -> None:
    """Also those inside a function, which run long after the start."""
    for source in function.rglob("*.py"):
        for name in re.findall(r"^\s*(?:from|import) ((?:shared|functions)[\w.]*)", source.read_text(), re.MULTILINE):
            path = function.joinpath(*name.split("."))
            assert path.with_suffix(".py").exists() or path.is_dir(), f"{source.relative_to(function)} imports {name}"


def test_a_function_starts_with_the_layer_and_nothing_else(function: Path, layer: Path) -> None:
    """This machine's own packages would hide one that is missing from the layer."""
    (name,) = [path.name for path in (function / "functions").iterdir() if (path / "handler.py").exists()]
    program = (
        f"import sys; sys.path[:0] = [{str(function)!r}, {str(layer / 'python')!r}]\n"
        f"from functions.{name} import bootstrap, handler\n"
        "assert callable(handler.handle)"
    )
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_SERVICE_NAME": name}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
