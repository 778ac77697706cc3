"""A small book for the handlers' tests, and what of it is personal."""

import json
from collections.abc import Iterable, Iterator

from tests.portfolios import Texts

BOOK: Texts = {
    "borrowers.csv": """\
borrower_id,name,phone,locale,time_zone,country
B-027,王秀兰,+447700900027,zh-CN,Asia/Shanghai,CN
B-013,Quentin Farthingale,+447700900013,en,Asia/Shanghai,CN
B-035,Anastasia Wren,+447700900035,en,Asia/Shanghai,CN
""",
    "loans.csv": """\
loan_id,borrower_id,product,currency,disbursed_on,principal
HB-001,B-027,huabei,CNY,2026-01-10,2000.00
BT-002,B-013,baitiao,CNY,2026-02-10,600.00
JB-003,B-035,jiebei,CNY,2026-02-10,900.00
""",
    "instalments.csv": """\
loan_id,number,due_on,principal,interest,fee
HB-001,1,2026-02-10,1000.00,0,20.00
HB-001,2,2026-03-10,500.00,0,10.00
HB-001,3,2026-04-10,500.00,0,10.00
BT-002,1,2026-03-10,300.00,0,0
BT-002,2,2026-04-10,300.00,0,0
JB-003,1,2026-03-10,900.00,9.00,0
""",
    "mandates.csv": """\
mandate_id,loan_id,rail,account_ref,signed_on,status
M-HB-001,HB-001,stub,paid-HB-001,2026-01-10,active
M-JB-003,JB-003,stub,insufficient-JB-003,2026-02-10,active
""",
    "payments.csv": """\
payment_id,loan_id,amount,paid_on
P-HB-001-1,HB-001,1020.00,2026-02-10
""",
}
"""On 10 March: HB-001 is deducted, BT-002 has no mandate, JB-003's account is empty."""


def only(loan_id: str) -> Texts:
    """The book with one of its loans: an emulated transaction costs what its tables hold."""
    loans = [line.split(",") for line in BOOK["loans.csv"].splitlines()]
    wanted = {loan_id, *(borrower_id for loan, borrower_id, *_ in loans if loan == loan_id)}
    return {name: "".join(_lines_about(wanted, text)) for name, text in BOOK.items()}


def _lines_about(wanted: set[str], text: str) -> Iterator[str]:
    header, *lines = text.splitlines(keepends=True)
    yield header
    yield from (line for line in lines if wanted & set(line.strip().split(",")))


PERSONAL = ("王秀兰", "Farthingale", "Anastasia Wren", "7700900027", "7700900013", "7700900035", "【")
"""Names, phones, and the mark with which every message begins."""


def personal_words(texts: Iterable[str]) -> list[str]:
    """What is personal in texts, also where JSON escaped it."""
    everything = "\n".join(texts)
    return [word for word in PERSONAL if word in everything or json.dumps(word)[1:-1] in everything]
