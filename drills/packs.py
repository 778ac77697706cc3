"""Rule books with one thing wrong, and how they get into the functions that run."""

import io
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from demo.run import DUEBELL
from demo.stack import Stack
from shared.adapters.policy_files import BUNDLE, PolicyFiles, bundled, pack_items
from shared.domain.errors import InputError

_BUNDLE_IN_ZIP = f"shared/policies/{BUNDLE}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One change of one pack: `old` stands in it, and `new` takes its place."""

    name: str
    pack: str
    old: str
    new: str


def written(folder: Path, mistake: Mistake | None = None) -> Path:
    """The packs that ship in a folder, which is made, with a mistake in one of them."""
    folder.mkdir(parents=True)
    for item in pack_items(files("shared.policies")):
        text = item.read_text(encoding="utf-8")
        if mistake and item.name == mistake.pack:
            if mistake.old not in text:
                raise InputError(f"{mistake.pack} does not say {mistake.old!r} any more")
            text = text.replace(mistake.old, mistake.new, 1)
        (folder / item.name).write_text(text, encoding="utf-8")
    return folder


def checked(folder: Path) -> tuple[int, str]:
    """`duebell policy check`: its exit code, and the first problem that it tells."""
    command = [str(DUEBELL), "policy", "check", "--dir", str(folder), "--on", "2026-03-07"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, next((line for line in done.stdout.splitlines() if line.startswith("problem")), "")


def deploy(stack: Stack, folder: Path) -> int:
    """Gives every function the code that it has with the packs of a folder; the number of functions."""
    client, count = stack.aws.client("lambda"), 0
    for output, name in stack.outputs.items():
        built = stack.aws.home / "build" / output.removeprefix("Function")
        if output.startswith("Function") and (built / _BUNDLE_IN_ZIP).exists():
            client.update_function_code(FunctionName=name, ZipFile=_zipped(built, folder, output == "FunctionExplain"))
            count += 1
    return count


def _zipped(built: Path, packs: Path, sourced: bool) -> bytes:
    said = io.BytesIO()
    with ZipFile(said, "w", ZIP_DEFLATED) as archive:
        for path in sorted(path for path in built.rglob("*") if path.is_file()):
            name = path.relative_to(built).as_posix()
            if name != _BUNDLE_IN_ZIP:
                archive.write(path, name)
        archive.writestr(_BUNDLE_IN_ZIP, bundled(packs, sourced=sourced))
    return said.getvalue()


def countries() -> frozenset[str]:
    """The countries that have rules, by the packs that ship."""
    found = (pack.leaves["countries"].value for pack in PolicyFiles().packs if pack.type == "jurisdiction")
    return frozenset(str(country) for listed in found if isinstance(listed, Iterable) for country in listed)


def lines(found: Mapping[str, tuple[int, str]]) -> dict[str, int | str]:
    """What the check said of each, for the numbers of a drill."""
    return {f"policy check, {name}": f"exit {code}: {said}" for name, (code, said) in found.items()}
