"""Bank files in memory."""

from collections.abc import Iterator, Mapping

from shared.domain.bank_file import MOST_BYTES, MOST_LINE_BYTES
from shared.domain.errors import InputError


class MemoryBankFiles:
    """BankFiles over a dict of whole files; `results` are the documents put beside them, by name."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.files = dict(files or {})
        self.results: dict[str, str] = {}

    def lines(self, name: str) -> Iterator[bytes]:
        content = self.files.get(name)
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
