"""What receiving webhooks and bank files needs of the world."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from shared.domain.bank_file import BankFile


class Seals(Protocol):
    def seal(self, content: bytes) -> tuple[str, ...]:
        """HMAC-SHA256 of the content in hex, under each secret that is valid now. Raises StoreError when the secrets
        cannot be read."""

    def is_sealed(self, content: bytes, digests: Sequence[str]) -> bool:
        """One of the digests is the content's under a secret that is valid now; compared in constant time."""


class BankFiles(Protocol):
    def lines(self, file: BankFile) -> Iterator[bytes]:
        """The lines of a bank's file with their ends, read as they are asked for.

        Of a version it is those of that version, whatever has come under the name since.

        Raises InputError for a file that is gone, too large, or has a line too long; StoreError when it cannot be read.
        """

    def keep_result(self, name: str, document: str) -> None:
        """Puts a JSON document beside the files, over one of the same name. Raises StoreError."""
