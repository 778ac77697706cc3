"""Compares the golden files with the texts of the packs: `python -m tests.golden`; `--regenerate` writes them anew.

Read the difference before committing it: it is what borrowers are going to read.
"""

import sys

from tests.golden.texts import FILES, golden, path_of


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--regenerate"]):
        print("usage: python -m tests.golden [--regenerate]", file=sys.stderr)
        return 2
    changed = []
    for locale, channel in FILES:
        path, text = path_of(locale, channel), golden(locale, channel)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            changed.append(path.name)
            if arguments:
                path.write_text(text, encoding="utf-8")
    for name in changed:
        print(f"{name}: {'written' if arguments else 'differs from the packs'}")
    return 1 if changed and not arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
