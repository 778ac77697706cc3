"""Mandates as a state machine, one-time codes, and what stands before the borrower."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.adapters.memory.world import CountingCodes
from shared.adapters.policy_files import read_packs
from shared.adapters.random_codes import RandomCodes
from shared.domain.book import (
    Attempt,
    AttemptState,
    AuditEntry,
    DebitCard,
    Evidence,
    Instalment,
    InstalmentState,
    LoanFile,
    LoanStatus,
    Mandate,
    MandateStatus,
    OneTimeCode,
)
from shared.domain.errors import PolicyError
from shared.domain.mandates import (
    ALLOWED,
    Actor,
    Move,
    Purpose,
    Refusal,
    authorised_at,
    cancellations,
    is_stopped,
    open_claims,
    plan_cancel,
    plan_enable,
    refusal_of,
    renewed_id,
    status_on,
    to_wake,
)
from shared.domain.money import Money
from shared.domain.one_time_codes import (
    USED,
    after_wrong_try,
    digest,
    digest_of_guess,
    issued,
    sent_within_the_hour,
    standing_refusal,
    used,
)
from shared.domain.policy_assembly import MANDATE_TEXTS, assemble
from shared.domain.risk_notice import code_message, risk_notice
from shared.ports.world import Codes
from tests.unit.builders import a_borrower, a_loan, a_mandate, a_policy, a_rail, an_instalment, at

TODAY = date(2026, 3, 12)
NOW = at("2026-03-12 10:00")
POLICY = a_policy()
RAILS = POLICY.rails
S = MandateStatus
NO_FAILURES = DebitCard("b-1")


def a_file_of(*mandates: Mandate, status: LoanStatus = LoanStatus.OPEN) -> LoanFile:
    return LoanFile(a_loan(status=status), (an_instalment(),), mandates)


# who may make which change

TABLE = {
    S.SIGNED: {S.ACTIVE: "rail", S.CANCELLED: "borrower", S.REVOKED: "rail", S.EXPIRED: "rail"},
    S.ACTIVE: {
        S.ACTIVE: "borrower",
        S.SUSPENDED: "lender",
        S.CANCELLED: "borrower",
        S.REVOKED: "rail",
        S.EXPIRED: "rail",
    },
    S.SUSPENDED: {S.ACTIVE: "lender", S.CANCELLED: "borrower", S.REVOKED: "rail", S.EXPIRED: "rail"},
    S.CANCELLED: {S.ACTIVE: "borrower", S.REVOKED: "rail", S.EXPIRED: "rail"},
    S.REVOKED: {},
    S.EXPIRED: {},
}


@pytest.mark.parametrize("was", list(S))
@pytest.mark.parametrize("now", list(S))
@pytest.mark.parametrize("actor", list(Actor))
def test_each_change_is_made_by_one_hand_and_by_no_other(was: S, now: S, actor: Actor) -> None:
    refusal = refusal_of(was, now, actor)
    if TABLE[was].get(now) == actor:
        assert refusal is None
    elif was is now or {was, now} == {S.REVOKED, S.EXPIRED}:
        assert refusal is Refusal.STANDS_SO
    else:
        assert refusal is Refusal.NOT_ALLOWED


def test_nothing_comes_back_from_the_end_at_the_rail() -> None:
    assert not [(was, now) for was, now in ALLOWED if was in (S.REVOKED, S.EXPIRED)]


@pytest.mark.parametrize(
    ("day", "status"),
    [
        (date(2026, 3, 9), S.ACTIVE),
        (date(2026, 3, 10), S.ACTIVE),
        (date(2026, 3, 11), S.EXPIRED),
        (date(2027, 1, 1), S.EXPIRED),
    ],
)
def test_a_mandate_expires_with_its_last_day_whatever_its_row_says(day: date, status: S) -> None:
    mandate = a_mandate(expires_on=date(2026, 3, 10))
    assert status_on(mandate, day) is status
    assert status_on(replace(mandate, status=S.REVOKED), day) is S.REVOKED
    assert status_on(a_mandate(), day) is S.ACTIVE
    on_that_day = a_file_of(mandate).mandate_on(day)
    assert (on_that_day is not None) == (status is S.ACTIVE)


# cancelling


def test_cancelling_ends_every_mandate_that_debits_or_could() -> None:
    active, signed = a_mandate(), a_mandate(mandate_id="m-2", status=S.SIGNED)
    suspended, revoked = a_mandate(mandate_id="m-3", status=S.SUSPENDED), a_mandate(mandate_id="m-4", status=S.REVOKED)
    moves = plan_cancel(a_file_of(active, signed, suspended, revoked), TODAY)
    assert not isinstance(moves, Refusal)
    assert [(m.row.mandate_id, m.was, m.row.status) for m in moves] == [
        ("m-1", S.ACTIVE, S.CANCELLED),
        ("m-2", S.SIGNED, S.CANCELLED),
        ("m-3", S.SUSPENDED, S.CANCELLED),
    ]


@pytest.mark.parametrize(
    ("mandates", "refusal"),
    [
        ((), Refusal.NO_MANDATE),
        ((a_mandate(status=S.CANCELLED),), Refusal.STANDS_SO),
        ((a_mandate(status=S.REVOKED),), Refusal.STANDS_SO),
        ((a_mandate(expires_on=date(2026, 3, 11)),), Refusal.STANDS_SO),
    ],
)
def test_there_is_nothing_to_cancel(mandates: tuple[Mandate, ...], refusal: Refusal) -> None:
    assert plan_cancel(a_file_of(*mandates), TODAY) is refusal


def test_a_mandate_of_a_repaid_loan_can_be_cancelled_and_not_enabled() -> None:
    assert isinstance(plan_cancel(a_file_of(a_mandate(), status=LoanStatus.SETTLED), TODAY), tuple)
    closed = a_file_of(a_mandate(status=S.CANCELLED), status=LoanStatus.SETTLED)
    assert plan_enable(closed, TODAY, NO_FAILURES, (), RAILS) is Refusal.LOAN_CLOSED


# enabling


def test_a_cancelled_mandate_is_authorised_anew_in_its_row() -> None:
    cancelled = a_mandate(status=S.CANCELLED)
    assert plan_enable(a_file_of(cancelled), TODAY, NO_FAILURES, (), RAILS) == Move(a_mandate(), S.CANCELLED)


def test_the_newest_of_several_is_the_one_that_is_authorised_anew() -> None:
    older = a_mandate(mandate_id="m-9", status=S.CANCELLED, signed_on=date(2025, 1, 1))
    newer = a_mandate(mandate_id="m-2", status=S.CANCELLED, signed_on=date(2026, 1, 1))
    move = plan_enable(a_file_of(older, newer), TODAY, NO_FAILURES, (), RAILS)
    assert isinstance(move, Move)
    assert move.row.mandate_id == "m-2"


@pytest.mark.parametrize(
    ("mandates", "refusal"),
    [
        ((), Refusal.NO_MANDATE),
        ((a_mandate(),), Refusal.STANDS_SO),
        ((a_mandate(status=S.SIGNED),), Refusal.AWAITS_RAIL),
        ((a_mandate(status=S.SUSPENDED),), Refusal.UNDER_REVIEW),
        ((a_mandate(status=S.SUSPENDED, expires_on=date(2026, 3, 11)),), Refusal.UNDER_REVIEW),
        ((a_mandate(status=S.CANCELLED), a_mandate(mandate_id="m-2", status=S.SUSPENDED)), Refusal.UNDER_REVIEW),
    ],
)
def test_enabling_is_refused_with_its_reason(mandates: tuple[Mandate, ...], refusal: Refusal) -> None:
    assert plan_enable(a_file_of(*mandates), TODAY, NO_FAILURES, (), RAILS) is refusal


def ended(was: S, now: S, minutes: int = 0, mandate_id: str = "m-1") -> AuditEntry:
    when = NOW + timedelta(minutes=minutes)
    detail = {f"was.{mandate_id}": was.value, f"now.{mandate_id}": now.value}
    return AuditEntry("l-1", str(minutes), when, "borrower", "mandate.cancel", "why", detail)


@pytest.mark.parametrize("end", [S.CANCELLED, S.REVOKED, S.EXPIRED])
def test_ending_a_suspended_mandate_is_no_way_around_the_person_who_has_to_look(end: S) -> None:
    file = a_file_of(a_mandate(status=end))
    assert plan_enable(file, TODAY, NO_FAILURES, [ended(S.SUSPENDED, end)], RAILS) is Refusal.UNDER_REVIEW
    twice = [ended(S.SUSPENDED, S.CANCELLED), ended(S.CANCELLED, end, minutes=1)]
    assert plan_enable(file, TODAY, NO_FAILURES, twice, RAILS) is Refusal.UNDER_REVIEW
    lifted_and_ended = [ended(S.SUSPENDED, S.ACTIVE), ended(S.ACTIVE, end, minutes=1)]
    assert isinstance(plan_enable(file, TODAY, NO_FAILURES, lifted_and_ended, RAILS), Move)
    another = [ended(S.SUSPENDED, end, mandate_id="m-2")]
    assert isinstance(plan_enable(file, TODAY, NO_FAILURES, another, RAILS), Move)


@pytest.mark.parametrize(
    "mandate", [a_mandate(status=S.REVOKED), a_mandate(status=S.EXPIRED), a_mandate(expires_on=date(2026, 3, 11))]
)
def test_after_the_end_at_the_rail_a_new_authorisation_awaits_the_rail(mandate: Mandate) -> None:
    move = plan_enable(a_file_of(mandate), TODAY, NO_FAILURES, (), RAILS)
    assert isinstance(move, Move)
    assert move.was is None
    assert move.row == a_mandate(mandate_id="m-1.2", signed_on=TODAY, status=S.SIGNED)


def test_the_next_authorisations_id_is_derived_and_free() -> None:
    assert renewed_id("m-1", ["m-1"]) == "m-1.2"
    assert renewed_id("m-1", ["m-1", "m-1.3"]) == "m-1.4"
    longest = renewed_id("m" * 64, ["m" * 64])
    assert (len(longest), longest[-2:]) == (64, ".2")


STOPPED = DebitCard("b-1", failures=2, stopped_at=at("2026-03-11 12:00"), rev=3)
SEEN = Evidence("v1", "h", at("2026-03-11 12:00"), "app")


@pytest.mark.parametrize(
    ("mandate", "stopped"),
    [
        (a_mandate(), True),
        (a_mandate(signed_on=date(2026, 3, 11)), True),
        (a_mandate(signed_on=date(2026, 3, 12)), False),
        (a_mandate(evidence=SEEN), True),
        (a_mandate(evidence=replace(SEEN, seen_at=SEEN.seen_at + timedelta(seconds=1))), False),
        (a_mandate(since=NOW), True),  # a suspension that was lifted is no new authorisation
    ],
)
def test_only_a_newer_authorisation_debits_after_failures_in_a_row(mandate: Mandate, stopped: bool) -> None:
    assert is_stopped(mandate, STOPPED, None) is stopped
    assert not is_stopped(mandate, NO_FAILURES, 2)
    expected = Move(mandate, S.ACTIVE) if stopped else Refusal.STANDS_SO
    assert plan_enable(a_file_of(mandate), TODAY, STOPPED, (), RAILS) == expected


@pytest.mark.parametrize(
    ("failures", "limit", "stopped"), [(2, 3, False), (3, 3, True), (3, 2, True), (3, None, False)]
)
def test_a_limit_that_was_lowered_to_what_is_counted_stops_although_nobody_wrote_it(
    failures: int, limit: int | None, stopped: bool
) -> None:
    counted, signed_today = DebitCard("b-1", failures=failures), a_mandate(signed_on=TODAY)
    assert is_stopped(signed_today, counted, limit) is stopped
    rails = {"stub": a_rail(failures_in_row=limit)}
    expected = Move(signed_today, S.ACTIVE) if stopped else Refusal.STANDS_SO
    assert plan_enable(a_file_of(signed_today), TODAY, counted, (), rails) == expected


def test_an_imported_mandate_was_authorised_when_its_day_began() -> None:
    assert authorised_at(a_mandate()) == datetime(2025, 12, 10, tzinfo=UTC)
    assert authorised_at(a_mandate(evidence=SEEN)) == SEEN.seen_at


def an_attempt(state: AttemptState, seq: int = 1, **changes: object) -> Attempt:
    row = Attempt("l-1", seq, (1,), Money(101_500, "CNY"), "m-1", "stub", "a", "2026-03-10T08:00", NOW, "v", state)
    return replace(row, **changes)  # type: ignore[arg-type]  # keyword overrides of a builder


def test_a_debit_without_a_definite_answer_cannot_be_stopped() -> None:
    claimed, unknown = an_attempt(AttemptState.CLAIMED), an_attempt(AttemptState.UNKNOWN, 2)
    settled, refund = an_attempt(AttemptState.SETTLED, 3), an_attempt(AttemptState.CLAIMED, 4, refunds=3)
    assert open_claims([claimed, unknown, settled, refund]) == (claimed, unknown)


def test_what_a_new_authorisation_wakes_is_open_unpaid_and_not_blocked() -> None:
    rows = (
        an_instalment(number=1, paid_minor=101_500),
        an_instalment(number=2, state=InstalmentState.CLAIMED),
        an_instalment(number=3, blocked=True),
        an_instalment(number=4, due_on=date(2026, 5, 10)),
        an_instalment(number=5, due_on=date(2026, 4, 10)),
    )
    assert [i.number for i in to_wake(LoanFile(a_loan(), rows))] == [5, 4]


def test_cancelling_is_a_signal_that_the_scorecard_counts_within_a_time() -> None:
    entries = [
        replace(ended(S.ACTIVE, S.CANCELLED), at=NOW - timedelta(days=30)),
        replace(ended(S.ACTIVE, S.CANCELLED), at=NOW - timedelta(days=29)),
        replace(ended(S.ACTIVE, S.CANCELLED), at=NOW),
        replace(ended(S.ACTIVE, S.CANCELLED), at=NOW + timedelta(days=1)),
        replace(ended(S.ACTIVE, S.REVOKED), what="mandate.rail.revoked"),
        replace(ended(S.CANCELLED, S.ACTIVE), what="mandate.enable"),
    ]
    assert cancellations(entries, NOW, timedelta(days=30)) == 2


# one-time codes


def a_code(digits: str = "123456", before: OneTimeCode | None = None) -> OneTimeCode:
    return issued("l-1", "cancel", digits, before, POLICY, NOW)


def test_a_code_is_kept_as_a_digest_that_only_its_digits_make() -> None:
    code = a_code()
    assert "123456" not in repr(code)
    assert digest_of_guess(code, "123456") == code.digest
    assert digest_of_guess(code, "123457") != code.digest


@pytest.mark.parametrize(
    ("loan_id", "purpose", "rev"), [("l-2", "cancel", 1), ("l-1", "enable", 1), ("l-1", "cancel", 2)]
)
def test_the_same_digits_make_another_digest_elsewhere(loan_id: str, purpose: str, rev: int) -> None:
    assert digest(loan_id, purpose, rev, "123456") != a_code().digest


def test_wrong_tries_leave_the_right_code_right() -> None:
    tried = after_wrong_try(after_wrong_try(a_code()))
    assert (tried.tries, tried.rev) == (2, 3)
    assert digest_of_guess(tried, "123456") == tried.digest


@pytest.mark.parametrize(
    ("after", "refusal"),
    [
        (timedelta(0), None),
        (timedelta(minutes=5) - timedelta(microseconds=1), None),
        (timedelta(minutes=5), Refusal.CODE_EXPIRED),
        (timedelta(days=1), Refusal.CODE_EXPIRED),
    ],
)
def test_a_code_lives_for_five_minutes(after: timedelta, refusal: Refusal | None) -> None:
    assert standing_refusal(a_code(), POLICY, NOW + after) is refusal


@pytest.mark.parametrize(
    ("tries", "refusal"), [(0, None), (2, None), (3, Refusal.CODE_LOCKED), (4, Refusal.CODE_LOCKED)]
)
def test_a_code_is_locked_after_three_wrong_tries(tries: int, refusal: Refusal | None) -> None:
    assert standing_refusal(replace(a_code(), tries=tries), POLICY, NOW) is refusal


def test_a_code_is_used_once() -> None:
    done = used(a_code())
    assert (done.digest, done.rev) == (USED, 2)
    assert standing_refusal(done, POLICY, NOW) is Refusal.CODE_USED
    assert standing_refusal(None, POLICY, NOW) is Refusal.NO_CODE


def test_a_new_code_takes_the_place_of_the_one_before_with_tries_of_its_own() -> None:
    tried = after_wrong_try(a_code("111111"))
    fresh = a_code("222222", before=tried)
    assert (fresh.tries, fresh.rev) == (0, tried.rev + 1)
    assert digest_of_guess(fresh, "222222") == fresh.digest
    assert digest_of_guess(fresh, "111111") != fresh.digest


def test_the_policy_says_how_long_a_code_lives_and_how_often_it_may_be_wrong() -> None:
    policy = replace(POLICY, code_life=timedelta(minutes=1), code_tries=1)
    assert standing_refusal(issued("l-1", "x", "1", None, policy, NOW), policy, NOW + timedelta(minutes=1))
    assert standing_refusal(after_wrong_try(a_code()), policy, NOW) is Refusal.CODE_LOCKED


def test_codes_are_counted_over_a_moving_hour() -> None:
    ages = [timedelta(minutes=60), timedelta(minutes=59, seconds=59), timedelta(0)]
    entries = [AuditEntry("CODES#b-1", str(age), NOW - age, "borrower", "code.cancel", "r") for age in ages]
    assert sent_within_the_hour(entries, NOW) == 2


@pytest.mark.parametrize("codes", [RandomCodes(), CountingCodes()])
def test_fresh_codes_are_six_digits_and_seldom_the_same(codes: Codes) -> None:
    made = {codes.fresh() for _ in range(200)}
    assert all(len(code) == 6 and code.isascii() and code.isdigit() for code in made)
    assert len(made) > 190


# what the borrower reads

COMING = an_instalment(number=2, due_on=date(2026, 4, 10))
BOTH = LoanFile(a_loan(), (an_instalment(paid_minor=500), COMING), (a_mandate(),))
CLAIM = an_attempt(AttemptState.UNKNOWN, 7, numbers=(2, 3), amount=Money(203_000, "CNY"))

GOLDEN = {
    ("zh-CN", "cancel"): """\
您将关闭借呗的自动扣款。确认后立即生效，我们不再从您的账户扣款，请您自行按时还款。
目前未还共2,025.00元（2期），最近一期到期日为4月10日。
目前有1,010.00元已经逾期，正在按合同计收逾期利息。
未按时还清的款项，将按合同计收逾期利息，并可能报送征信机构，影响您的信用记录。
已经发起、无法撤回的扣款：2,030.00元，对应第2, 3期，编号l-1:P000007。
以后您可以随时重新开启。咨询电话400-000-0101。""",
    ("en", "cancel"): """\
You are about to turn off automatic payments for Jiebei. It takes effect at once: we collect nothing more, and you pay \
each amount yourself by its due day.
You owe CNY 2,025.00 in 2 payments; the next one is due on 10 April.
CNY 1,010.00 is overdue already, and interest for late payment is being charged on it as your agreement says.
What is paid late costs interest for late payment, as your agreement says, and may be reported to the credit bureau, \
where it stays on your record.
Already started, and beyond recall: CNY 2,030.00 for payment 2, 3, reference l-1:P000007.
You can turn them on again at any time. Questions? 400-000-0101""",
    ("zh-CN", "enable"): """\
您将为借呗开启自动扣款：自各期到期日起，我们按您的授权从您签约的账户扣取当期应还金额；每次扣款前会先通知您金额和日期。
目前未还共2,025.00元（2期），最近一期到期日为4月10日。
目前有1,010.00元已经逾期，开启后将在通知您之后尽快扣取。
您可以随时关闭，关闭立即生效。咨询电话400-000-0101。""",
    ("en", "enable"): """\
You are about to turn on automatic payments for Jiebei. From each due day on we collect what is due from the account \
you signed for, and we tell you the amount and the day beforehand.
You owe CNY 2,025.00 in 2 payments; the next one is due on 10 April.
CNY 1,010.00 is overdue already. We collect it soon after this, once we have told you.
You can turn them off at any time, at once. Questions? 400-000-0101""",
}


@pytest.mark.parametrize(("locale", "purpose"), GOLDEN)
def test_the_notice_reads_as_it_was_approved(locale: str, purpose: str) -> None:
    notice = risk_notice(Purpose(purpose), BOTH, [CLAIM], a_borrower(locale=locale), POLICY, TODAY)
    assert notice.text == GOLDEN[locale, purpose]
    assert notice.version == POLICY.version
    assert [(c.reference, c.amount.minor, c.numbers) for c in notice.claimed] == (
        [("l-1:P000007", 203_000, (2, 3))] if purpose == "cancel" else []
    )


def lines(*instalments: Instalment, claims: tuple[Attempt, ...] = ()) -> list[str]:
    file = LoanFile(a_loan(), instalments, ())
    return risk_notice(Purpose.CANCEL, file, claims, a_borrower(), POLICY, TODAY).text.split("\n")


def test_a_notice_says_only_what_there_is() -> None:
    paid = an_instalment(paid_minor=101_500)
    assert [line[:4] for line in lines(paid)] == ["您将关闭", "未按时还", "以后您可"]
    assert [line[:4] for line in lines(COMING)] == ["您将关闭", "目前未还", "未按时还", "以后您可"]
    assert [line[:4] for line in lines(an_instalment())] == ["您将关闭", "目前有1", "未按时还", "以后您可"]
    due_today = lines(an_instalment(due_on=TODAY))
    assert [line[:4] for line in due_today] == ["您将关闭", "目前未还", "未按时还", "以后您可"]  # and not late
    assert "3月12日" in due_today[1]
    assert len([line for line in lines(paid, claims=(CLAIM, CLAIM)) if "无法撤回" in line]) == 2


def test_whatever_changes_in_the_loan_changes_the_hash() -> None:
    zh = a_borrower()
    notices = [
        risk_notice(Purpose.CANCEL, BOTH, [], zh, POLICY, TODAY),
        risk_notice(Purpose.CANCEL, BOTH, [CLAIM], zh, POLICY, TODAY),
        risk_notice(Purpose.CANCEL, BOTH, [replace(CLAIM, seq=8)], zh, POLICY, TODAY),
        risk_notice(Purpose.CANCEL, LoanFile(a_loan(), (COMING,)), [], zh, POLICY, TODAY),
        risk_notice(Purpose.CANCEL, BOTH, [], zh, POLICY, date(2026, 3, 10)),
        risk_notice(Purpose.ENABLE, BOTH, [], zh, POLICY, TODAY),
        risk_notice(Purpose.CANCEL, BOTH, [], a_borrower(locale="en"), POLICY, TODAY),
    ]
    assert len({n.text_hash for n in notices}) == len(notices)
    assert all(len(n.text_hash) == 64 for n in notices)


def test_the_message_with_a_code_says_what_the_code_does() -> None:
    assert code_message(Purpose.CANCEL, "012345", a_borrower(), POLICY) == (
        "【借呗】验证码012345，5分钟内有效。您正在关闭借呗的自动扣款。请勿把验证码告诉任何人；如非本人操作，请致电400-000-0101。"
    )
    assert code_message(Purpose.ENABLE, "012345", a_borrower(locale="en"), POLICY) == (
        "【Jiebei】012345 is your code to turn on automatic payments for Jiebei. It is valid for 5 minutes."
        " Tell it to nobody. Not you? Call 400-000-0101."
    )


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_every_locale_has_every_text_and_no_other(locale: str) -> None:
    assert set(POLICY.mandate_texts[locale]) == MANDATE_TEXTS


@pytest.mark.parametrize(
    ("leaf", "value", "problem"),
    [
        (
            "mandate_text.en.cancel",
            "Dear {name}",
            "mandate_text.en.cancel: 'Dear {name}' is not a text about a mandate",
        ),
        ("mandate_text.en.cancel", None, "mandate_text.en.cancel is missing"),
        ("mandate.codes_per_hour", -1, "mandate.codes_per_hour: -1 is not"),
    ],
)
def test_packs_that_lack_a_text_or_hold_a_wrong_one_are_refused(leaf: str, value: object, problem: str) -> None:
    packs = []
    for pack in read_packs():
        leaves = {path: one for path, one in pack.leaves.items() if path != leaf or value is not None}
        if leaf in leaves:
            leaves[leaf] = replace(leaves[leaf], value=value)
        packs.append(replace(pack, leaves=leaves))
    with pytest.raises(PolicyError, match=problem):
        assemble(packs, "jiebei", TODAY)


def test_no_text_may_be_missing_in_every_locale_at_once() -> None:
    packs = [
        replace(p, leaves={k: v for k, v in p.leaves.items() if not k.endswith(".cancel_risk")}) for p in read_packs()
    ]
    with pytest.raises(PolicyError, match=r"mandate_text\.en\.cancel_risk is missing"):
        assemble(packs, "jiebei", TODAY)


def test_the_texts_cover_the_locales_of_the_messages() -> None:
    packs = [
        replace(p, leaves={k: v for k, v in p.leaves.items() if not k.startswith("mandate_text.zh-CN")})
        for p in read_packs()
    ]
    with pytest.raises(PolicyError, match="mandate_text and wording must cover the same locales"):
        assemble(packs, "jiebei", TODAY)
