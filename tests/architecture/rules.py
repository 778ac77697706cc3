"""The rings as rules over source text: what each module may import, and what no inner module may call.

`breaches` takes sources by module name, so that a test can plant a breach of each kind and see it found.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_OURS = {"shared", "functions", "demo", "drills", "infra", "tests"}

_INNER = {
    "shared.domain": {"shared.domain"},
    "shared.ports": {"shared.domain", "shared.ports"},
    "shared.workflows": {"shared.domain", "shared.ports", "shared.workflows"},
    "shared.adapters": {"shared.domain", "shared.ports", "shared.adapters", "shared.policies"},
    "shared.runtime": {"shared.domain", "shared.ports", "shared.runtime"},
    "shared.policies": set[str](),
    "shared.invariants": {"shared.invariants"},
    "shared.simulation": {
        "shared.domain",
        "shared.ports",
        "shared.workflows",
        "shared.adapters.memory",
        "shared.adapters.jinja_texts",  # fills templates in memory too
        "shared.invariants",
        "shared.simulation",
    },
    "shared.replay": {"shared.domain", "shared.ports", "shared.workflows", "shared.adapters.memory", "shared.replay"},
}
"""What each ring sees of ours. Workflows, adapters and runtime do not see each other; the checks see nobody's code. The
simulation and the replay are outer edges like the command line: they join all of them in memory, and only the command
line sees them."""

_PURE_RINGS = {"shared.domain", "shared.invariants"}

_PURE = (
    "__future__ collections dataclasses datetime decimal enum fractions functools hashlib itertools math operator re"
    " string types typing unicodedata zlib zoneinfo"
)
"""The parts of the standard library that a pure ring may use: no clock, no chance, no file, no process, no log."""

_STATEFUL = (
    "asyncio ctypes glob http importlib io logging multiprocessing os pathlib random runpy secrets select shutil signal"
    " socket sqlite3 ssl subprocess sys tempfile threading time urllib uuid warnings"
)
"""What ports and workflows leave to adapters and runtime."""

_SDKS = frozenset({"boto3", "botocore", "urllib3", "s3transfer", "stripe"})

_BUILTINS = frozenset({"open", "print", "input", "exec", "eval", "compile", "breakpoint", "__import__"})

_CLOCK_OWNER = "shared.adapters.clock"


@dataclass(frozen=True, slots=True)
class Breach:
    module: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.problem}"


def sources(*tops: str) -> dict[str, str]:
    """Every module of these top-level packages, by name."""
    found = {}
    for top in tops:
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return found


def breaches(modules: Mapping[str, str]) -> list[Breach]:
    """Everything in these modules that the rings forbid."""
    return [breach for name, source in modules.items() for breach in _module_breaches(name, ast.parse(source))]


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, wherever it stands: `from a import b` is `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def _module_breaches(module: str, tree: ast.Module) -> Iterator[Breach]:
    names = list(imports(tree))
    for line, name in names:
        for problem in _import_problems(module, name):
            yield Breach(module, line, problem)
    if not module.startswith(
        ("shared.cli", "shared.simulation", "shared.replay", "demo", "drills", "infra", "tests")
    ) and not _is_bootstrap(module):
        seen = {ring for _, name in names for ring in ("shared.workflows", "shared.adapters") if _is_in(name, ring)}
        if len(seen) == 2:
            yield Breach(module, 1, "sees workflows and adapters at once, which only a bootstrap may")
    yield from _call_breaches(module, tree)


def _import_problems(module: str, name: str) -> Iterator[str]:
    if name.startswith("."):
        yield f"imports {name} relative to itself"
        return
    top = name.partition(".")[0]
    ring = next((r for r in _INNER if _is_in(module, r)), None)
    if ring and top in _OURS and not any(_is_in(name, seen) for seen in _INNER[ring]):
        yield f"{ring} imports {name}"
    if ring in _PURE_RINGS | {"shared.ports", "shared.workflows"} and top not in _OURS | sys.stdlib_module_names:
        yield f"{ring} imports {name}, which is not of the standard library"
    if ring in _PURE_RINGS and top in sys.stdlib_module_names - set(_PURE.split()):
        yield f"{ring} imports {name}, which is not pure"
    if ring in {"shared.ports", "shared.workflows"} and top in _STATEFUL.split():
        yield f"{ring} imports {name}, which belongs to an adapter"
    yield from _edge_problems(module, name)
    if top in _SDKS and not _may_use_sdk(module):
        yield f"imports {name} outside adapters and bootstraps"


def _edge_problems(module: str, name: str) -> Iterator[str]:
    """The outer edges: functions, command line, demo, drills, infra, tests."""
    top = module.partition(".")[0]
    if top == "functions":
        own = ".".join(module.split(".")[:2])
        if _is_in(name, "functions") and not _is_in(name, own):
            yield f"a function imports another: {name}"
        if _is_in(name, "shared.adapters") and not _is_bootstrap(module):
            yield f"imports {name} outside its bootstrap"
        if any(_is_in(name, edge) for edge in ("shared.cli", "shared.simulation", "demo", "drills", "infra", "tests")):
            yield f"a function imports {name}"
    if name.partition(".")[0] == "os" and (top == "functions" or _is_in(module, "shared.adapters")):
        yield f"imports {name}: the environment is read by shared.runtime.settings alone"
    if _is_in(module, "shared.cli") and any(
        _is_in(name, edge) for edge in ("functions", "demo", "drills", "infra", "tests")
    ):
        yield f"the command line imports {name}"
    if top in {"demo", "drills", "infra"} and any(
        _is_in(name, edge) for edge in ("functions", "shared.workflows", "tests")
    ):
        yield f"{top} imports {name}, and drives it from outside"
    if module == "tests.berka.expected" and _is_in(name, "shared"):
        yield f"the plain count imports {name}"


def _call_breaches(module: str, tree: ast.Module) -> Iterator[Breach]:
    if not _is_in(module, "shared") and not _is_in(module, "functions"):
        return
    clocks = _clocks(tree)
    is_pure = any(_is_in(module, ring) for ring in _PURE_RINGS)
    for node in ast.walk(tree):
        if is_pure and isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _BUILTINS:
            yield Breach(module, node.lineno, f"uses {node.id}, which is not pure")
        if isinstance(node, ast.Attribute) and module != _CLOCK_OWNER and ast.unparse(node) in clocks:
            yield Breach(module, node.lineno, f"reads the clock: {ast.unparse(node)}")


def _clocks(tree: ast.Module) -> set[str]:
    """What reads the clock in this module, by the names that it gave to `date` and `datetime`; called or handed on."""
    classes = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "datetime":
            classes |= {alias.asname or alias.name for alias in node.names if alias.name in {"date", "datetime"}}
        elif isinstance(node, ast.Import):
            found = {alias.asname or alias.name for alias in node.names if alias.name == "datetime"}
            classes |= {f"{name}.{of}" for name in found for of in ("date", "datetime")}
    return {f"{name}.{read}" for name in classes for read in ("now", "today", "utcnow", "utcfromtimestamp")}


def _may_use_sdk(module: str) -> bool:
    edges = ("shared.adapters", "shared.cli", "demo", "drills", "infra", "tests")
    return any(_is_in(module, edge) for edge in edges) or _is_bootstrap(module)


def _is_bootstrap(module: str) -> bool:
    return module.endswith(".bootstrap")


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
