"""Fill one artefact of `sam build`: `package.py LOGICAL_ID DIR`, for a function of the template or for its layer.

A function is its own folder and what it imports of `shared`; third-party packages are in the layer, once. Both carry
bytecode that is not checked against the source's time stamp, which a zip changes: this halves a cold start. A function
carries nothing else of its modules: neither sources nor docstrings nor asserts.
"""

import ast
import compileall
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from shared.adapters.policy_files import BUNDLE, bundled  # noqa: E402 - of this tree, whatever is installed

LOCK = ROOT / "requirements" / "runtime.txt"
CACHE = ROOT / ".local" / "layers"
PYTHON = "3.13"
# What the functions call, and what every client reads. botocore's other 25 MB stay behind.
BOTOCORE_DATA = {
    *("dynamodb", "lambda", "s3", "secretsmanager", "sqs", "sts"),
    *("sns", "sesv2", "pinpoint-sms-voice-v2"),  # what carries messages
}
# What tells people from where a rule comes.
TELLS_SOURCES = {"explain"}
PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
# Left out of the layer: command lines, and parts that only other AWS products or a development server use.
UNUSED = (
    "bin",
    "**/__pycache__",
    "**/*.dist-info",
    "boto3/examples",
    "boto3/data",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui",
)


def main(logical_id: str, target: Path) -> None:
    if sys.version_info[:2] != (3, 13):
        sys.exit(f"package: bytecode is made by the Python that will run it: {PYTHON}, not {sys.version.split()[0]}")
    if logical_id == "Dependencies":
        layer(target)
    else:
        function(re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id).lower(), target)


def function(name: str, target: Path) -> None:
    """The function's folder, the modules of `shared` that it can reach by an import, and the policy packs."""
    own = sorted((ROOT / "functions" / name).glob("*.py"))
    if not any(path.name == "handler.py" for path in own):
        sys.exit(f"package: functions/{name}/handler.py is missing")
    policies = ROOT / "shared" / "policies"
    for path in reachable(own) | packages([policies / BUNDLE]):
        place = target / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    packs = bundled(policies, sourced=name in TELLS_SOURCES)
    (target / policies.relative_to(ROOT) / BUNDLE).write_text(packs, encoding="utf-8")
    strip(target, "/var/task")


def reachable(start: list[Path]) -> set[Path]:
    """The files of this repo that these import, at any depth and at any place in a file, and themselves."""
    found: set[Path] = set()
    waiting = list(start)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += packages([path]) | imported(path)
    return found


def imported(path: Path) -> set[Path]:
    names = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    ours = [ROOT.joinpath(*name.split(".")) for name in names if name.startswith(("shared.", "functions."))]
    return {file for path in ours for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()}


def packages(paths: Iterable[Path]) -> set[Path]:
    folders = {folder for path in paths for folder in path.parents if folder.is_relative_to(ROOT) and folder != ROOT}
    return {folder / "__init__.py" for folder in folders if (folder / "__init__.py").is_file()}


def layer(target: Path) -> None:
    """The layer is a download that changes with its lock only, so it is kept under everything that decides it."""
    architecture = os.environ.get("ARCHITECTURE", "arm64")
    if architecture not in PLATFORMS:
        print(f"ARCHITECTURE is {architecture}: it must be {' or '.join(PLATFORMS)}", file=sys.stderr)
        sys.exit(2)
    decides = [LOCK.read_bytes(), Path(__file__).read_bytes(), architecture.encode(), sys.version.encode()]
    kept = CACHE / hashlib.sha256(b"\0".join(decides)).hexdigest()[:16]
    if not kept.is_dir():
        fresh = kept.with_suffix(f".{os.getpid()}")
        install(fresh / "python", PLATFORMS[architecture])
        prune(fresh / "python")
        compile_all(fresh, "/opt")
        try:
            fresh.rename(kept)
        except OSError:  # another build was quicker
            shutil.rmtree(fresh)
    shutil.copytree(kept, target, dirs_exist_ok=True)


def install(target: Path, machine: str) -> None:
    """Wheels for Lambda, whatever this machine is. uv is quicker and may be absent."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--python-version", PYTHON]
        command += ["--python-platform", f"{machine}-manylinux_2_28"]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        command += [
            "--python-version",
            PYTHON,
            "--platform",
            f"manylinux_2_28_{machine}",
            "--platform",
            f"manylinux2014_{machine}",
        ]
    command += [
        "--only-binary",
        ":all:",
        "--no-deps",
        "--require-hashes",
        "--requirement",
        str(LOCK),
        "--target",
        str(target),
    ]
    if subprocess.run(command, check=False).returncode:
        sys.exit("package: the layer's packages could not be installed from requirements/runtime.txt")


def prune(target: Path) -> None:
    for pattern in UNUSED:
        for path in sorted(target.glob(pattern)):
            shutil.rmtree(path, ignore_errors=True)
    for path in (target / "botocore" / "data").iterdir():
        if path.is_dir() and path.name not in BOTOCORE_DATA:
            shutil.rmtree(path)


def compile_all(target: Path, runs_at: str) -> None:
    """Compile in place. Tracebacks name files as Lambda unpacks them; the same sources give the same bytes anywhere."""
    done = compileall.compile_dir(
        target,
        quiet=1,
        force=True,
        workers=1,
        stripdir=str(target),
        prependdir=runs_at,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        sys.exit("package: a file does not compile")


def strip(target: Path, runs_at: str) -> None:
    """Leave bytecode in the place of each source. Columns stay behind too: they point into lines that are not there.

    In a process of its own, since only an interpreter that was started so leaves them out.
    """
    command = [sys.executable, "-X", "no_debug_ranges", "-m", "compileall", "-q", "-f", "-b", "-o", "2"]
    command += ["-s", str(target), "-p", runs_at, "--invalidation-mode", "unchecked-hash", str(target)]
    if subprocess.run(command, check=False).returncode:
        sys.exit("package: a file does not compile")
    for source in target.rglob("*.py"):
        source.unlink()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).resolve())
