"""The bank's file comes twice, under its own name and another, and then one that overlaps it: money is booked once."""

import json
import time as clock
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

from botocore.exceptions import ClientError

from demo.borrowers import Pay
from demo.stack import StackError
from drills.lab import BAD_DAY, PLAN, Lab, Tell, lab, live, must_hold_always, rang
from drills.seen import Seen
from shared.domain import keys
from shared.domain.book import LedgerEntry
from shared.domain.portfolio import LOANS

NAME = "bank-file-twice"
_HEADER = "reference,amount,currency,booked_on,payer_ref"
_MINOR = 10_000
_ROWS = 10
_READ_WITHIN_S = 120


@dataclass(frozen=True, slots=True)
class Row:
    """Money of a borrower, as the bank names it."""

    number: int
    loan_id: str
    minor: int = _MINOR

    @property
    def reference(self) -> str:
        return f"BANK-{PLAN.day(BAD_DAY):%Y%m%d}-{self.number:03d}"

    @property
    def money(self) -> Pay:
        """What the plain count knows of it: money of the borrower, like any that is paid by hand."""
        return Pay(self.reference, self.loan_id, self.minor, "CNY")

    def __str__(self) -> str:
        return f"{self.reference},{self.minor // 100}.{self.minor % 100:02d},CNY,{PLAN.day(BAD_DAY)},{self.loan_id}"


def play(port: int | None, tell: Tell) -> Seen:
    seen = Seen(NAME)
    with lab(port, tell) as (stack, book):
        _let_plain_http_in(stack)
        rows = [Row(number, row[0]) for number, row in enumerate(book.rows[LOANS][: 2 * _ROWS], 1)]

        def comes_twice() -> None:
            _hand_in(seen, stack, rows, tell)
            _contradict(seen, stack, rows[0])

        stack.at(BAD_DAY, time(12), comes_twice)
        ended = live(stack, book, tell)
        _judge(seen, stack, rows)
        must_hold_always(seen, stack, ended)
    return seen


def _hand_in(seen: Seen, stack: Lab, rows: Sequence[Row], tell: Tell) -> None:
    """The same rows in six files, one after the other and at once; each row counts as paid once."""
    half = _ROWS // 2
    first, overlapping, more = rows[:_ROWS], rows[half : _ROWS + half], rows[_ROWS:]
    steps: list[tuple[str, dict[str, Sequence[Row]], int]] = [
        ("the file", {"first.csv": first}, _ROWS),
        ("the same file again", {"first.csv": first}, _ROWS),
        ("the same under another name", {"first-copy.csv": first}, _ROWS),
        ("one that overlaps it by half", {"overlap.csv": overlapping}, _ROWS + half),
        ("two that overlap, at the same moment", {"left.csv": more, "right.csv": more[half:]}, 2 * _ROWS),
    ]
    handed_in = 0
    for what, uploaded, wanted in steps:
        tell(f"uploads {what}")
        _upload(stack, uploaded)
        handed_in += sum(map(len, uploaded.values()))
        booked = _booked(stack)
        seen.numbers[f"after {what}: rows handed in, entries, yuan"] = (
            f"{handed_in}, {len(booked)}, {sum(e.amount.minor for e in booked) // 100}"
        )
        seen.must_be(f"after {what} {wanted} rows are booked", len(booked), wanted)
    stack.paid += [(row.money, PLAN.day(BAD_DAY)) for row in rows]


def _contradict(seen: Seen, stack: Lab, row: Row) -> None:
    """The same reference with another amount: nobody books that by himself."""
    before, counted = _booked(stack), stack.metrics()
    name = "other-amount.csv"
    _upload(stack, {name: [Row(row.number, row.loan_id, row.minor * 2)]})
    after, told = stack.metrics(), _told_of(stack, name)
    quarantined = [name for (_, name), n in (after - counted).items() if n and name.startswith("quarantine.")]
    seen.numbers |= {
        "a known reference with another amount: entries more": len(_booked(stack)) - len(before),
        "its metric": ", ".join(quarantined) or "none",
        "its alarms": rang(stack, counted, after),
        "what stands beside the file": "; ".join(told) or "nothing",
    }
    seen.must_be("another amount under a known reference is booked on no loan", len(_booked(stack)), len(before))
    seen.must("a person reads of it beside the file", [] if told else ["nothing is written down"])
    seen.must("and it is counted", [] if quarantined else ["no metric"])


def _told_of(stack: Lab, name: str) -> list[str]:
    """What was found wrong with rows of a file, by line."""
    s3, bucket = stack.aws.client("s3"), stack.outputs["BankFilesBucket"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"results/{name}.from-line-").get("Contents", [])
    found = [json.loads(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()) for one in listed]
    return [f"line {row['line']}: {row['problem']}" for result in found for row in result["lines"]]


def _judge(seen: Seen, stack: Lab, rows: Sequence[Row]) -> None:
    booked = {entry.external_id: entry for entry in _booked(stack)}
    wrong = [r.reference for r in rows if r.reference not in booked or booked[r.reference].amount.minor != r.minor]
    seen.must("each row's money is on its loan, once, to the cent", wrong)
    owners = [r.reference for r in rows if r.reference in booked and booked[r.reference].loan_id != r.loan_id]
    seen.must("and on no other loan", owners)


def _let_plain_http_in(stack: Lab) -> None:
    """The bucket takes TLS only, which the local AWS does not speak; on AWS that policy stays."""
    stack.aws.client("s3").delete_bucket_policy(Bucket=stack.outputs["BankFilesBucket"])


def _booked(stack: Lab) -> list[LedgerEntry]:
    """What came from bank files and stands on a loan."""
    found = stack.rows(LedgerEntry)
    return [e for e in found if e.external_id.startswith("BANK-") and e.loan_id != keys.SUSPENSE]


def _upload(stack: Lab, uploaded: dict[str, Sequence[Row]]) -> None:
    """Puts files into the bucket at once, and returns when they were read and all their rows worked on."""
    s3, bucket = stack.aws.client("s3"), stack.outputs["BankFilesBucket"]
    results = [f"results/{name}.json" for name in uploaded]
    for result in results:
        s3.delete_object(Bucket=bucket, Key=result)
    for name, rows in uploaded.items():
        s3.put_object(Bucket=bucket, Key=f"incoming/{name}", Body="\n".join([_HEADER, *map(str, rows), ""]).encode())
    deadline = clock.monotonic() + _READ_WITHIN_S
    for result in results:
        while not _is_there(s3, bucket, result):
            if clock.monotonic() > deadline:
                raise StackError(f"nothing was read of a file within {_READ_WITHIN_S} s: there is no {result}")
            clock.sleep(0.1)
    stack.wait()


def _is_there(s3: object, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)  # type: ignore[attr-defined]  # boto3 ships no types
    except ClientError:
        return False
    return True
