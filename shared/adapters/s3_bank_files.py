"""A bank's files in one S3 bucket: they come under `incoming/`, what was found in them goes under `results/`."""

from collections.abc import Iterable, Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.domain.bank_file import INCOMING, MOST_BYTES, MOST_LINE_BYTES, RESULTS, BankFile
from shared.domain.errors import InputError, StoreError

_CHUNK = 64 * 1024
_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404"})


def s3_client(**options: Any) -> Any:
    config = Config(connect_timeout=1, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("s3", config=config, **options)


class S3BankFiles:
    """BankFiles; a file is streamed, so that its size does not matter to memory."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def lines(self, file: BankFile) -> Iterator[bytes]:
        version = {"VersionId": file.version} if file.version else {}
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=INCOMING + file.name, **version)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in _GONE:
                raise InputError("the file is gone") from error
            raise _store_error("get_object", error) from error
        if found["ContentLength"] > MOST_BYTES:
            found["Body"].close()
            raise InputError(f"the file has more than {MOST_BYTES} bytes: split it")
        return _lines(_chunks(found["Body"]))

    def keep_result(self, name: str, document: str) -> None:
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=f"{RESULTS}{name}.json",
                Body=document.encode(),
                ContentType="application/json",
            )
        except (BotoCoreError, ClientError) as error:
            raise _store_error("put_object", error) from error


def _chunks(body: Any) -> Iterator[bytes]:
    try:
        yield from body.iter_chunks(_CHUNK)
    except BotoCoreError as error:  # a connection that broke in the middle
        raise _store_error("get_object", error) from error


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends, whatever chunk they lie in; a line end is LF, CR or CR LF."""
    pending = b""
    for chunk in chunks:
        *whole, pending = (pending + chunk).splitlines(keepends=True)
        for line in whole:
            yield _short(line)
        _short(pending)
    if pending:
        yield pending


def _short(line: bytes) -> bytes:
    if len(line) > MOST_LINE_BYTES:
        raise InputError(f"a line has more than {MOST_LINE_BYTES} bytes: this is no CSV file")
    return line


def _store_error(operation: str, error: Exception) -> StoreError:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    return StoreError(f"s3 {operation}: {code}")
