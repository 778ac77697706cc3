"""Bank files in memory."""

from collections.abc import Iterator, Mapping

from shared.domain.bank_file import MOST_BYTES, MOST_LINE_BYTES, BankFile
from shared.domain.errors import InputError


class MemoryBankFiles:
    """BankFiles over whole files: `files` by name, the latest of each, and `versions` of those that have one.

    `results` are the documents put beside them, by name.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.files = dict(files or {})
        self.versions: dict[BankFile, bytes] = {}
        self.results: dict[str, str] = {}

    def lines(self, file: BankFile) -> Iterator[bytes]:
        content = self.versions.get(file) if file.version else self.files.get(file.name)
        if content is None:
            raise InputError("the file is gone")
        if len(content) > MOST_BYTES:
            raise InputError(f"the file has more than {MOST_BYTES} bytes: split it")
        for line in content.splitlines(keepends=True):
            if len(line) > MOST_LINE_BYTES:
                raise InputError(f"a line has more than {MOST_LINE_BYTES} bytes: this is no CSV file")
            yield line

    def keep_result(self, name: str, document: str) -> None:
        self.results[name] = document
