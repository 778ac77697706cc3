"""Which lines of a portfolio are refused and why, and what rows good lines make."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from shared.adapters.phones import phone_problem
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import (
    Borrower,
    Instalment,
    InstalmentState,
    LedgerEntry,
    Loan,
    LoanStatus,
    Mandate,
    Source,
    SourceKind,
)
from shared.domain.errors import PolicyError
from shared.domain.policy import Policy
from shared.domain.portfolio import COLUMNS, Finding, Portfolio, columns_of
from shared.domain.portfolio_rows import Prepared, Sourced, prepare
from shared.domain.portfolio_rules import check
from tests.portfolios import GOOD, RICH, Texts, lines_of, with_cell, with_columns, with_line, without_line
from tests.unit.builders import at

NOW = at("2026-03-01 10:00")


SHELF = PolicyFiles()


def policy_of(product: str) -> Policy:
    return SHELF.policy(product, NOW)


def checked(texts: Texts, now: datetime = NOW) -> Portfolio | tuple[Finding, ...]:
    return check(lines_of(texts), policy_of, phone_problem, now)


def prepared(texts: Texts, now: datetime = NOW) -> Prepared:
    portfolio = checked(texts, now)
    assert isinstance(portfolio, Portfolio), portfolio
    return prepare(portfolio, {product: policy_of(product) for product in ("jiebei", "huabei", "baitiao")}, now)


def found(texts: Texts) -> list[tuple[str, int, str, str]]:
    findings = checked(texts)
    assert not isinstance(findings, Portfolio), "nothing was found"
    return [(f.file, f.line, f.column, f.reason) for f in findings]


CELLS = [
    ("borrowers.csv", 2, "borrower_id", "", "an id is"),
    ("borrowers.csv", 2, "borrower_id", "B#1", "an id is"),
    ("borrowers.csv", 3, "borrower_id", "B1", "stands on line 2 already"),
    ("borrowers.csv", 2, "name", "", "1 to 200 characters"),
    ("borrowers.csv", 2, "name", "x" * 201, "1 to 200 characters"),
    ("borrowers.csv", 2, "name", "a\tb", "without control characters"),
    ("borrowers.csv", 2, "name", "a\u202eb", "without control characters"),
    ("borrowers.csv", 2, "name", " ", "1 to 200 characters"),
    ("borrowers.csv", 2, "phone", "nobody", "is not a phone number"),
    ("borrowers.csv", 2, "phone", "07700900001", "is not a phone number"),
    ("borrowers.csv", 2, "phone", "+44 7700 900001", "a plus sign and digits only"),
    ("borrowers.csv", 2, "phone", "+44770", "too few or too many digits"),
    ("borrowers.csv", 2, "locale", "", "BCP 47"),
    ("borrowers.csv", 2, "locale", "zh_CN", "BCP 47"),
    ("borrowers.csv", 2, "locale", "chinese", "BCP 47"),
    ("borrowers.csv", 2, "time_zone", "", "IANA"),
    ("borrowers.csv", 2, "time_zone", "Asia/Peking", "IANA"),
    ("borrowers.csv", 2, "time_zone", "Asia", "IANA"),
    ("borrowers.csv", 2, "time_zone", "../UTC", "IANA"),
    ("borrowers.csv", 2, "country", "", "ISO 3166-1"),
    ("borrowers.csv", 2, "country", "cn", "ISO 3166-1"),
    ("borrowers.csv", 2, "country", "UK", "ISO 3166-1"),
    ("loans.csv", 2, "loan_id", "L 1", "an id is"),
    ("loans.csv", 3, "borrower_id", "B9", "is not in borrowers.csv"),
    ("loans.csv", 3, "borrower_id", "B 1", "an id is"),
    ("loans.csv", 2, "product", "payday", "has no policy pack"),
    ("loans.csv", 2, "product", "", "has no policy pack"),
    ("loans.csv", 2, "currency", "RMB", "ISO 4217"),
    ("loans.csv", 2, "disbursed_on", "2025-13-10", "is not a date"),
    ("loans.csv", 2, "disbursed_on", "20251210", "is not a date"),
    ("loans.csv", 2, "disbursed_on", "1025-12-10", "before 1970"),
    ("loans.csv", 2, "principal", "3000.001", "more decimals than CNY"),
    ("loans.csv", 2, "principal", "-3000", "plain decimal amount"),
    ("loans.csv", 2, "principal", "3e3", "plain decimal amount"),
    ("loans.csv", 2, "principal", "3001.00", "add up to 3000.00"),
    ("instalments.csv", 2, "loan_id", "L9", "is not in loans.csv"),
    ("instalments.csv", 2, "number", "0", "whole number from 1 to 999"),
    ("instalments.csv", 2, "number", "1000", "whole number from 1 to 999"),
    ("instalments.csv", 2, "number", "1.0", "whole number from 1 to 999"),
    ("instalments.csv", 3, "number", "1", "stands on line 2 already"),
    ("instalments.csv", 4, "number", "4", "follows 2"),
    ("instalments.csv", 5, "number", "2", "follows 0"),
    ("instalments.csv", 2, "due_on", "10.1.2026", "is not a date"),
    ("instalments.csv", 2, "due_on", "2025-12-09", "before the loan was disbursed"),
    ("instalments.csv", 3, "due_on", "2026-01-10", "later than that of instalment 1"),
    ("instalments.csv", 3, "due_on", "2026-01-09", "later than that of instalment 1"),
    ("instalments.csv", 4, "due_on", "2200-01-01", "after 2199"),
    ("instalments.csv", 2, "principal", "1,000".replace(",", " "), "plain decimal amount"),
    ("instalments.csv", 2, "interest", "", "plain decimal amount"),
    ("instalments.csv", 2, "fee", "0.005", "more decimals"),
    ("mandates.csv", 2, "mandate_id", "", "an id is"),
    ("mandates.csv", 3, "mandate_id", "M1", "stands on line 2 already"),
    ("mandates.csv", 2, "loan_id", "L9", "is not in loans.csv"),
    ("mandates.csv", 2, "rail", "", "an id is"),
    ("mandates.csv", 2, "account_ref", "", "1 to 128"),
    ("mandates.csv", 2, "account_ref", "two words", "1 to 128"),
    ("mandates.csv", 2, "signed_on", "yesterday", "is not a date"),
    ("mandates.csv", 2, "signed_on", "2026-03-02", "is in the future"),
    ("mandates.csv", 2, "status", "revoked", "is none of signed, active, suspended, cancelled, expired"),
    ("mandates.csv", 2, "status", "Active", "is none of signed, active, suspended, cancelled, expired"),
    ("payments.csv", 2, "payment_id", "P:1", "an id is"),
    ("payments.csv", 3, "payment_id", "P1", "stands on line 2 already"),
    ("payments.csv", 2, "loan_id", "L9", "is not in loans.csv"),
    ("payments.csv", 2, "amount", "0", "above zero"),
    ("payments.csv", 2, "amount", "1015.001", "more decimals"),
    ("payments.csv", 2, "paid_on", "", "is not a date"),
    ("payments.csv", 2, "paid_on", "2025-12-09", "before the loan was disbursed"),
    ("payments.csv", 2, "paid_on", "2026-03-02", "the lender's date is 2026-03-01"),
]


MORE_CELLS = [
    ("borrowers.csv", 3, "payday", "0", "is not a day of the month from 1 to 31"),
    ("borrowers.csv", 3, "payday", "32", "is not a day of the month"),
    ("borrowers.csv", 3, "payday", "the 5th", "is not a day of the month"),
    ("borrowers.csv", 3, "email", "fang", "is not an e-mail address such as fang@example.com"),
    ("borrowers.csv", 3, "email", "fang@localhost", "is not an e-mail address"),
    ("borrowers.csv", 3, "email", "fang@example..com", "is not an e-mail address"),
    ("borrowers.csv", 3, "email", "Fang <fang@example.com>", "is not an e-mail address"),
    ("borrowers.csv", 3, "email", "fang@example.com;bcc@example.com", "is not an e-mail address"),
    ("borrowers.csv", 3, "email", f"fang@{'x.' * 126}com", "is not an e-mail address"),
    ("borrowers.csv", 3, "push", "token-1", "is not the ARN of an app's endpoint"),
    ("borrowers.csv", 3, "push", "arn:aws:sns:eu-central-1:123456789012:topic", "is not the ARN of an app's endpoint"),
    ("borrowers.csv", 3, "other_zones", "Europe/Prag", "is not a list of IANA time zones"),
    ("borrowers.csv", 3, "other_zones", "Europe/London America/New_York", "is not a list of IANA time zones"),
    ("borrowers.csv", 3, "other_zones", "Europe/London;", "is not a list of IANA time zones"),
    ("borrowers.csv", 3, "other_zones", "Europe/London;Europe/London", "names a zone twice"),
    ("borrowers.csv", 3, "other_zones", "Europe/London;Europe/Prague", "names the zone of time_zone again"),
    ("borrowers.csv", 3, "other_zones", ";".join(f"Etc/GMT+{n}" for n in range(1, 10)), "names more than 8 zones"),
    ("instalments.csv", 4, "penalty", "-1", "plain decimal amount"),
    ("instalments.csv", 4, "penalty", "7.505", "more decimals than CNY"),
    ("mandates.csv", 2, "expires_on", "never", "is not a date"),
    ("mandates.csv", 2, "expires_on", "2025-12-09", "before the mandate was signed"),
    ("mandates.csv", 2, "funding", "balance-1", "is not a list such as balance:acc-1 debit-card:acc-2"),
    ("mandates.csv", 2, "funding", "balance:", "is not a list such as"),
    ("mandates.csv", 2, "funding", "purse:acc-1", "of account, balance, money-fund, debit-card, credit-card"),
    ("mandates.csv", 2, "funding", "balance:acc-1;debit-card:acc-2 Balance:x", "is not a list such as"),
    ("mandates.csv", 2, "funding", "balance:acc-1 debit-card:acc-1", "names an account twice"),
    ("mandates.csv", 2, "funding", " ".join(f"balance:{n}" for n in range(11)), "more than 10 accounts"),
]


@pytest.mark.parametrize(("file", "line", "column", "value", "reason"), MORE_CELLS)
def test_a_bad_cell_of_a_column_that_may_be_missing_is_the_only_finding(
    file: str, line: int, column: str, value: str, reason: str
) -> None:
    ((*place, said),) = found(with_cell(RICH, file, line, column, value))
    assert place == [file, line, column]
    assert reason in said


def test_what_more_columns_say_is_in_the_rows() -> None:
    plan = prepared(RICH)
    rows = [sourced.row for sourced in (*plan.borrowers, *plan.parts)]
    paydays = {row.borrower_id: row.payday for row in rows if isinstance(row, Borrower)}
    penalties = {(row.loan_id, row.number): row.penalty_minor for row in rows if isinstance(row, Instalment)}
    mandates = {row.mandate_id: row for row in rows if isinstance(row, Mandate)}
    assert paydays == {"B1": None, "B2": 31}
    fang, anna = (sourced.row for sourced in plan.borrowers)
    assert isinstance(fang, Borrower)
    assert isinstance(anna, Borrower)
    assert (fang.email, fang.push, fang.other_zones) == ("fang@example.com", None, ())
    assert (anna.email, anna.other_zones) == (None, ("Europe/London", "America/New_York"))
    assert anna.push
    assert anna.zones == ("Europe/Prague", "Europe/London", "America/New_York")
    assert {key: minor for key, minor in penalties.items() if minor} == {("L1", 3): 750, ("L3", 2): 300}
    balance, card = Source(SourceKind.BALANCE, "balance-1"), Source(SourceKind.DEBIT_CARD, "card:1")
    assert mandates["M1"].funding == (balance, card)
    assert (mandates["M1"].expires_on, mandates["M3"].expires_on) == (date(2027, 12, 31), None)
    assert mandates["M3"].funding == ()


def test_an_instalment_of_a_penalty_alone_is_something_to_pay() -> None:
    texts = with_line(RICH, "instalments.csv", 8, "L3,3,2026-04-05,0,0,0,1.00")
    assert isinstance(checked(texts), Portfolio)
    assert found(with_line(RICH, "instalments.csv", 8, "L3,3,2026-04-05,0,0,0,0"))[0][2] == "principal"


@pytest.mark.parametrize("status", ["signed", "active", "suspended", "cancelled", "expired"])
def test_a_mandate_may_stand_in_any_state_that_is_not_the_rails_to_say(status: str) -> None:
    assert isinstance(checked(with_cell(GOOD, "mandates.csv", 2, "status", status)), Portfolio)


def warned(texts: Texts) -> list[tuple[str, int, str, str]]:
    portfolio = checked(texts)
    assert isinstance(portfolio, Portfolio), portfolio
    return [(w.file, w.line, w.column, w.reason) for w in portfolio.warnings]


def test_a_mandate_that_debits_nothing_is_taken_with_a_warning() -> None:
    """The planner fails closed; whoever imports should know before the due day."""
    assert warned(GOOD) == warned(RICH) == []
    (unknown,) = warned(with_cell(GOOD, "mandates.csv", 3, "rail", "carrier-pigeon"))
    assert unknown[:3] == ("mandates.csv", 3, "rail")
    assert unknown[3].startswith("has no pack that is valid today")
    (denied,) = warned(with_cell(RICH, "mandates.csv", 2, "funding", "credit-card:c-1 credit-line:h-1"))
    assert denied[:3] == ("mandates.csv", 2, "funding")
    assert warned(with_cell(RICH, "mandates.csv", 2, "funding", "credit-card:c-1 balance:b-1")) == []


@pytest.mark.parametrize(("file", "line", "column", "value", "reason"), CELLS)
def test_a_bad_cell_is_named_by_file_line_and_column(
    file: str, line: int, column: str, value: str, reason: str
) -> None:
    findings = found(with_cell(GOOD, file, line, column, value))
    assert [(f, n, c) for f, n, c, said in findings if reason in said] == [(file, line, column)], findings


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_a_bad_cell_causes_no_other_finding(case: tuple[str, int, str, str, str]) -> None:
    findings = found(with_cell(GOOD, *case[:4]))
    moved = {("instalments.csv", "number"), ("borrowers.csv", "borrower_id")}  # another's id leaves one's own missing
    assert len(findings) == 1 or (case[0], case[2]) in moved, findings


ROWS = [
    (with_cell(GOOD, "loans.csv", 3, "principal", "0"), ("loans.csv", 3, "principal"), "above zero"),
    (
        with_line(GOOD, "instalments.csv", 8, "L3,3,2026-04-05,0,0,0.00"),
        ("instalments.csv", 8, "principal"),
        "nothing to pay",
    ),
    (without_line(GOOD, "instalments.csv", 5), ("loans.csv", 3, "loan_id"), "has no instalment"),
    (without_line(GOOD, "instalments.csv", 2), ("instalments.csv", 2, "number"), "follows 0"),
    (without_line(GOOD, "instalments.csv", 4), ("loans.csv", 2, "principal"), "add up to 2000.00"),
    (with_line(GOOD, "loans.csv", 5, "L1,B1,jiebei,CNY,2025-12-10,3000.00"), ("loans.csv", 5, "loan_id"), "line 2"),
]


@pytest.mark.parametrize(("texts", "place", "reason"), ROWS)
def test_rules_over_several_lines_name_the_line_that_breaks_them(
    texts: Texts, place: tuple[str, int, str], reason: str
) -> None:
    assert [f[:3] for f in found(texts) if reason in f[3]] == [place]


def test_every_bad_line_of_every_file_is_listed_in_order() -> None:
    texts: Texts = GOOD
    bad = [
        ("borrowers.csv", 2, "phone", "x"),
        ("borrowers.csv", 2, "country", "x"),
        ("borrowers.csv", 3, "locale", "x_"),
        ("loans.csv", 2, "product", "x"),
        ("loans.csv", 4, "currency", "x"),
        ("instalments.csv", 2, "due_on", "x"),
        ("instalments.csv", 6, "fee", "x"),
        ("mandates.csv", 3, "status", "x"),
        ("payments.csv", 2, "amount", "x"),
        ("payments.csv", 3, "paid_on", "x"),
    ]
    for file, line, column, value in bad:
        texts = with_cell(texts, file, line, column, value)
    assert [f[:3] for f in found(texts)] == [(file, line, column) for file, line, column, _ in bad]


@pytest.mark.parametrize(("file", "place"), [(file, n) for file in COLUMNS for n in (0, 1)])
def test_a_line_that_could_not_be_read_is_the_only_finding(file: str, place: int) -> None:
    files = lines_of(GOOD)
    torn = Finding(file, place + 2, "", "is torn")
    files[file] = [torn if n == place else line for n, line in enumerate(files[file])]
    assert check(files, policy_of, phone_problem, NOW) == (torn,)


def test_a_line_that_could_not_be_read_hides_nothing_but_what_follows_from_it() -> None:
    files = lines_of(with_cell(GOOD, "payments.csv", 2, "amount", "x"))
    files["loans.csv"] = [Finding("loans.csv", 2, "", "is torn"), *list(files["loans.csv"])[1:]]
    findings = check(files, policy_of, phone_problem, NOW)
    assert not isinstance(findings, Portfolio)
    assert [(f.file, f.line, f.reason) for f in findings] == [
        ("loans.csv", 2, "is torn"),
        ("payments.csv", 2, "is not a plain decimal amount such as 1234.50"),
    ]


@pytest.mark.parametrize("file", COLUMNS)
def test_a_finding_never_repeats_what_stands_in_the_file(file: str) -> None:
    for column in columns_of(file):
        for secret in ("Ludmila", "+420777123456", "Ludmila Nováková\t"):
            findings = checked(with_cell(RICH, file, 2, column, secret))
            if not isinstance(findings, Portfolio):
                assert not [f for f in findings if "Ludmila" in f.reason or "777123456" in f.reason], column


@pytest.mark.parametrize("number", ["+447700900000", "+447700900999", "+8613800000000", "+420601234567"])
def test_test_ranges_and_real_numbers_are_phone_numbers(number: str) -> None:
    assert isinstance(checked(with_cell(GOOD, "borrowers.csv", 2, "phone", number)), Portfolio)


@pytest.mark.parametrize("locale", ["en", "zh-Hans-CN", "es-419", "de-CH-1996", "cs-CZ"])
def test_language_tags_of_all_usual_shapes_are_good(locale: str) -> None:
    assert isinstance(checked(with_cell(GOOD, "borrowers.csv", 2, "locale", locale)), Portfolio)


@pytest.mark.parametrize(
    ("file", "line", "column", "value"),
    [
        ("instalments.csv", 2, "due_on", "2025-12-10"),  # the day of the disbursal
        ("payments.csv", 2, "paid_on", "2025-12-10"),
        ("payments.csv", 2, "paid_on", "2026-03-01"),  # the day of the import
        ("mandates.csv", 2, "signed_on", "2026-03-01"),
        ("borrowers.csv", 2, "name", "x" * 200),
        ("borrowers.csv", 2, "name", "王\u3000芳"),
        ("borrowers.csv", 2, "name", "علی\u200cرضا"),
        ("loans.csv", 2, "disbursed_on", "1970-01-01"),
        ("instalments.csv", 4, "due_on", "2199-12-31"),
    ],
)
def test_the_last_good_value_is_good(file: str, line: int, column: str, value: str) -> None:
    assert isinstance(checked(with_cell(GOOD, file, line, column, value)), Portfolio)


def test_a_loan_of_the_future_may_bring_a_mandate_of_its_day() -> None:
    texts = with_line(GOOD, "loans.csv", 5, "L4,B1,jiebei,CNY,2026-05-05,100")
    texts = with_line(texts, "instalments.csv", 8, "L4,1,2026-06-05,100,0,0")
    assert isinstance(checked(with_line(texts, "mandates.csv", 4, "M4,L4,stub,balance-4,2026-05-05,active")), Portfolio)
    findings = found(with_line(texts, "mandates.csv", 4, "M4,L4,stub,balance-4,2026-05-06,active"))
    assert [f[:3] for f in findings] == [("mandates.csv", 4, "signed_on")]


def test_mandates_and_payments_may_be_missing() -> None:
    portfolio = checked({file: text for file, text in GOOD.items() if file not in ("mandates.csv", "payments.csv")})
    assert isinstance(portfolio, Portfolio)
    assert len(portfolio) == 11


def test_a_broken_pack_says_so_itself() -> None:
    def broken(product: str) -> Policy:
        raise PolicyError("lender: debit.slots is missing")

    findings = check(lines_of(GOOD), broken, phone_problem, NOW)
    assert not isinstance(findings, Portfolio)
    assert {(f.file, f.column, f.reason) for f in findings} == {
        ("loans.csv", "product", "lender: debit.slots is missing")
    }


# rows


def rows[T](plan: Prepared, kind: type[T], loan_id: str) -> list[T]:
    written = [sourced.row for sourced in (*plan.parts, *plan.loans)]
    return [row for row in written if isinstance(row, kind) and getattr(row, "loan_id", "") == loan_id]


def test_payments_pay_the_oldest_instalments_in_order_of_their_dates() -> None:
    texts = {
        **GOOD,
        "payments.csv": "payment_id,loan_id,amount,paid_on\nP1,L1,1500,2026-02-20\nP2,L1,600.00,2026-01-12\n",
    }
    plan = prepared(texts)
    entries = {e.external_id: e for e in rows(plan, LedgerEntry, "L1")}
    assert entries["P2"].split == ((1, 60000),)
    assert entries["P1"].split == ((1, 41500), (2, 101000), (3, 7500))
    assert {e.source for e in entries.values()} == {"import"}
    first, second, third = rows(plan, Instalment, "L1")
    assert (first.paid_minor, first.state, first.paid_on) == (101500, InstalmentState.PAID, date(2026, 2, 20))
    assert (second.paid_minor, second.state, second.paid_by) == (101000, InstalmentState.PAID, None)
    assert (third.paid_minor, third.state, third.paid_on) == (7500, InstalmentState.OPEN, None)
    (loan,) = rows(plan, Loan, "L1")
    assert (loan.first_open, loan.status) == (3, LoanStatus.OPEN)


def test_a_surplus_is_the_borrowers_credit_and_the_loan_is_settled_on_no_agenda() -> None:
    plan = prepared(with_cell(GOOD, "payments.csv", 3, "amount", "600.00"))
    (entry,) = rows(plan, LedgerEntry, "L2")
    assert (entry.split, entry.credit_minor) == (((1, 50250),), 9750)
    (loan,) = rows(plan, Loan, "L2")
    assert (loan.status, loan.first_open) == (LoanStatus.SETTLED, 2)
    assert set(plan.agenda) == {"L1", "L3"}


def test_steps_are_the_instant_of_the_import_or_the_first_slot_on_the_due_day() -> None:
    plan = prepared(GOOD)
    steps = {getattr(row, "number", 0): row.step for row in plan.agenda["L1"]}
    assert steps == {3: at("2026-03-10 08:00"), 0: NOW}  # instalment 2 is too long overdue to be deducted
    assert [type(row) for row in plan.agenda["L1"]] == [Instalment, Loan]
    assert [type(row) for row in plan.agenda["L3"]] == [Loan], "a suspended mandate debits nothing"


def test_an_instalment_that_can_still_be_caught_up_waits_for_its_notice() -> None:
    plan = prepared(GOOD, at("2026-02-12 10:00"))
    steps = {getattr(row, "number", 0): row.step for row in plan.agenda["L1"]}
    assert steps[2] == at("2026-02-12 11:00")


def test_an_instalment_waits_for_the_mandate_that_takes_over() -> None:
    texts = with_columns(GOOD, "mandates.csv", expires_on=["2026-03-05", ""], funding=["credit-line:c-1", ""])
    plan = prepared(with_line(texts, "mandates.csv", 4, "M0,L1,stub,balance-0,2025-12-01,active,,"))
    steps = {getattr(row, "number", 0): row.step for row in plan.agenda["L1"]}
    assert steps[3] == at("2026-03-06 00:00")


def test_where_no_notice_is_asked_for_a_debit_may_come_at_once() -> None:
    now = at("2026-02-10 10:00")
    portfolio = checked(without_line(GOOD, "payments.csv", 3), now)
    assert isinstance(portfolio, Portfolio)
    unannounced = replace(policy_of("jiebei"), notice_required=False)
    plan = prepare(portfolio, dict.fromkeys(("jiebei", "huabei", "baitiao"), unannounced), now)
    assert {getattr(row, "number", 0): row.step for row in plan.agenda["L1"]}[2] == now


def test_rows_are_written_with_no_revision_and_no_step_and_cards_are_empty() -> None:
    plan = prepared(GOOD)
    for sourced in (*plan.parts, *plan.loans, *plan.cards):
        assert getattr(sourced.row, "rev", 0) == 0
        assert getattr(sourced.row, "step", None) is None
        assert not getattr(sourced.row, "loan_ids", ())


def fingerprints(plan: Prepared) -> Mapping[str, str]:
    written: list[Sourced] = [*plan.borrowers, *plan.parts, *plan.loans]
    return {re.sub(r"step=.*", "", f"{s.file}:{s.row}"): s.fingerprint for s in written}


def test_lines_without_the_newer_columns_have_the_fingerprints_that_they_always_had() -> None:
    """What an older version imported is not refused as changed: these were taken from it."""
    plan = prepared(GOOD)
    first = {s.fingerprint[:32] for s in (*plan.borrowers, *plan.parts)}
    assert {
        "0217d29abcf3b3caf463eeb34b16fab2",
        "7289144594b8f019046d19943249e243",
        "0643c2731c4186cbd9eaf23a2f76f422",
    } < first


def test_the_same_content_written_otherwise_has_the_same_fingerprints() -> None:
    header, *rows = GOOD["instalments.csv"].splitlines()
    texts = {**GOOD, "instalments.csv": "\n".join([header, *reversed(rows)]) + "\n"}
    texts = with_cell(with_cell(texts, "loans.csv", 2, "principal", "3000"), "payments.csv", 2, "amount", "01015.0")
    assert fingerprints(prepared(texts)) == fingerprints(prepared(GOOD))
    bare = with_columns(GOOD, "borrowers.csv", payday=["", ""], email=["", ""], push=["", ""], other_zones=["", ""])
    bare = with_columns(bare, "instalments.csv", penalty=["", "0", "0.00", "", "", ""])
    bare = with_columns(bare, "mandates.csv", expires_on=["", ""], funding=["", " "])
    assert fingerprints(prepared(bare)) == fingerprints(prepared(GOOD))
    assert fingerprints(prepared(GOOD, datetime(2026, 3, 20, tzinfo=UTC))) == fingerprints(prepared(GOOD))


@pytest.mark.parametrize(
    ("file", "line", "column", "value"),
    [
        ("borrowers.csv", 2, "name", "王方"),
        ("borrowers.csv", 2, "phone", ""),
        ("borrowers.csv", 2, "phone", "+447700900002"),
        ("borrowers.csv", 3, "phone", "+447700900002"),
        ("borrowers.csv", 2, "locale", "en"),
        ("borrowers.csv", 2, "time_zone", "UTC"),
        ("borrowers.csv", 2, "country", "GB"),
        ("loans.csv", 2, "borrower_id", "B2"),
        ("loans.csv", 2, "product", "huabei"),
        ("loans.csv", 2, "currency", "EUR"),
        ("loans.csv", 2, "disbursed_on", "2025-12-09"),
        ("instalments.csv", 4, "due_on", "2026-03-11"),
        ("instalments.csv", 4, "interest", "5.01"),
        ("instalments.csv", 4, "fee", "0.01"),
        ("mandates.csv", 2, "mandate_id", "M9"),
        ("mandates.csv", 2, "rail", "stub2"),
        ("mandates.csv", 2, "account_ref", "balance-2"),
        ("mandates.csv", 2, "signed_on", "2025-12-11"),
        ("mandates.csv", 2, "status", "cancelled"),
        ("borrowers.csv", 2, "payday", "5"),
        ("borrowers.csv", 2, "email", ""),
        ("borrowers.csv", 2, "email", "fang@example.org"),
        ("borrowers.csv", 2, "push", "arn:aws:sns:eu-central-1:123456789012:endpoint/GCM/duebell/2"),
        ("borrowers.csv", 3, "other_zones", "Europe/London"),
        ("borrowers.csv", 3, "other_zones", "America/New_York;Europe/London"),
        ("instalments.csv", 4, "penalty", "7.51"),
        ("instalments.csv", 4, "penalty", ""),
        ("mandates.csv", 2, "expires_on", "2027-12-30"),
        ("mandates.csv", 2, "expires_on", ""),
        ("mandates.csv", 2, "funding", "debit-card:card:1 balance:balance-1"),
        ("mandates.csv", 2, "funding", ""),
        ("payments.csv", 2, "payment_id", "P9"),
        ("payments.csv", 2, "amount", "1015.01"),
        ("payments.csv", 2, "paid_on", "2026-01-11"),
    ],
)
def test_every_field_counts_in_the_fingerprint_of_its_line(file: str, line: int, column: str, value: str) -> None:
    def own(texts: Texts) -> dict[tuple[str, int], str]:
        plan = prepared(texts)
        return {(s.file, s.line): s.fingerprint[:32] for s in (*plan.borrowers, *plan.parts, *plan.loans)}

    before, after = own(RICH), own(with_cell(RICH, file, line, column, value))
    assert {place for place in before if before[place] != after[place]} == {(file, line)}


def test_an_instalment_is_marked_whose_amount_is_not_that_of_the_one_before() -> None:
    rows = [sourced.row for sourced in prepared(GOOD).parts if isinstance(sourced.row, Instalment)]
    assert {(row.loan_id, row.number): row.varies for row in rows} == {
        ("L1", 1): False,
        ("L1", 2): True,
        ("L1", 3): True,
        ("L2", 1): False,
        ("L3", 1): False,
        ("L3", 2): False,
    }
