"""Bank files: one suite over memory and S3, and what S3 alone can do."""

import json
import os
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from infra.local import LocalAws
from shared.adapters import s3_bank_files
from shared.adapters.memory.bank_files import MemoryBankFiles
from shared.adapters.s3_bank_files import S3BankFiles, s3_client
from shared.domain.bank_file import MOST_BYTES, MOST_LINE_BYTES, BankFile
from shared.domain.errors import InputError, StoreError
from shared.ports.webhooks import BankFiles

_numbers = count(1)
S3 = ["moto", pytest.param("local", marks=pytest.mark.local_aws)]


@pytest.fixture(scope="module")
def moto_s3() -> Iterator[Any]:
    with mock_aws():
        client = s3_client(region_name="us-east-1")
        yield client
        client.close()


@pytest.fixture(scope="module")
def local_s3(local_aws: LocalAws) -> Iterator[Any]:
    client = s3_client(
        region_name="us-east-1",
        endpoint_url=local_aws.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    yield client
    client.close()


class Bucket:
    """A store of files that keeps versions, and the ways around it: to put a file, which tells its version, to put a
    version away for good, and to see a result."""

    def __init__(
        self,
        files: BankFiles,
        put: Callable[[str, bytes], str],
        forget: Callable[[BankFile], object],
        result: Callable[[str], str],
    ) -> None:
        self.files, self.put, self.forget, self.result = files, put, forget, result


def in_memory() -> Bucket:
    files = MemoryBankFiles()

    def put(name: str, content: bytes) -> str:
        version = f"v{next(_numbers)}"
        files.files[name] = files.versions[BankFile(name, version)] = content
        return version

    return Bucket(files, put, files.versions.pop, files.results.__getitem__)


@pytest.fixture(params=["memory", *S3])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    if request.param == "memory":
        return in_memory()
    client, name = request.getfixturevalue(f"{request.param}_s3"), f"files-{os.getpid()}-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return Bucket(
        S3BankFiles(client, name),
        lambda key, content: client.put_object(Bucket=name, Key=f"incoming/{key}", Body=content)["VersionId"],
        lambda file: client.delete_object(Bucket=name, Key=f"incoming/{file.name}", VersionId=file.version),
        lambda key: client.get_object(Bucket=name, Key=f"results/{key}.json")["Body"].read().decode(),
    )


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"a\nb\n", [b"a\n", b"b\n"]),
        (b"a\r\nb", [b"a\r\n", b"b"]),
        (b"a\rb\r", [b"a\r", b"b\r"]),
        (b"\n\n", [b"\n", b"\n"]),
        (b"\xef\xbb\xbfa\xff\x00\n", [b"\xef\xbb\xbfa\xff\x00\n"]),
    ],
)
def test_a_file_is_its_lines_with_their_ends(bucket: Bucket, content: bytes, lines: list[bytes]) -> None:
    bucket.put("x.csv", content)
    assert list(bucket.files.lines(BankFile("x.csv"))) == lines


def test_a_large_file_comes_whole(bucket: Bucket) -> None:
    lines = [f"BANK-{n:07d},{n}.00,CNY,2026-03-10,l-1\r\n".encode() for n in range(20_000)]
    bucket.put("x.csv", b"".join(lines))
    assert list(bucket.files.lines(BankFile("x.csv"))) == lines


def test_a_version_is_read_whatever_came_under_its_name_since(bucket: Bucket) -> None:
    first, second = (BankFile("x.csv", bucket.put("x.csv", content)) for content in (b"first\n", b"second\n"))
    assert list(bucket.files.lines(first)) == [b"first\n"]
    assert list(bucket.files.lines(second)) == list(bucket.files.lines(BankFile("x.csv"))) == [b"second\n"]
    bucket.forget(first)
    with pytest.raises(InputError, match="the file is gone"):
        list(bucket.files.lines(first))


def test_a_file_that_is_gone_is_the_senders_mistake(bucket: Bucket) -> None:
    with pytest.raises(InputError, match="the file is gone"):
        list(bucket.files.lines(BankFile("gone.csv")))


@pytest.mark.parametrize("before", [0, 200_000])
def test_a_line_that_has_no_end_is_refused(bucket: Bucket, before: int) -> None:
    bucket.put("x.csv", b"a\n" * before + b"b" * MOST_LINE_BYTES + b"\n")
    with pytest.raises(InputError, match="4096 bytes"):
        list(bucket.files.lines(BankFile("x.csv")))
    bucket.put("x.csv", b"b" * MOST_LINE_BYTES)
    assert list(bucket.files.lines(BankFile("x.csv"))) == [b"b" * MOST_LINE_BYTES]


def test_a_file_that_is_too_large_is_refused(bucket: Bucket) -> None:
    bucket.put("x.csv", b"a\n" * (MOST_BYTES // 2 + 1))
    with pytest.raises(InputError, match="split it"):
        list(bucket.files.lines(BankFile("x.csv")))


def test_a_hundred_thousand_rows_as_documented_fit_and_half_as_many_again_at_most() -> None:
    row = len(b"BANK-20260310-100000,1000.00,CNY,2026-03-10,HB-1000000\r\n")
    assert 1.2 < MOST_BYTES / (100_000 * row) < 1.5


def test_a_result_stands_beside_the_files_and_is_written_over(bucket: Bucket) -> None:
    for count_ in (1, 2):
        bucket.files.keep_result("x.csv", json.dumps({"rows": count_}))
    assert json.loads(bucket.result("x.csv")) == {"rows": 2}


def test_a_store_that_does_not_answer_is_an_error_that_names_the_call(moto_s3: Any) -> None:
    files = S3BankFiles(moto_s3, "no-such-bucket-here")
    with pytest.raises(StoreError, match="s3 get_object: NoSuchBucket"):
        files.lines(BankFile("x.csv"))
    with pytest.raises(StoreError, match="s3 put_object: NoSuchBucket"):
        files.keep_result("x.csv", "{}")


def test_a_connection_that_breaks_in_the_middle_is_an_error() -> None:
    class Body:
        def iter_chunks(self, size: int) -> Iterator[bytes]:
            yield b"a\n"
            raise ReadTimeoutError(endpoint_url="x")

    class Client:
        def get_object(self, **_: object) -> dict[str, object]:
            return {"ContentLength": 4, "Body": Body()}

    lines = S3BankFiles(Client(), "b").lines(BankFile("x.csv"))
    with pytest.raises(StoreError, match="s3 get_object: ReadTimeoutError"):
        list(lines)


def test_a_line_end_in_two_chunks_is_one() -> None:
    assert list(s3_bank_files._lines([b"a\r", b"\nb\n", b"c"])) == [b"a\r\n", b"b\n", b"c"]
