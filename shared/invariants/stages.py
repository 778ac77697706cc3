"""Stages: what due dates, the ledger and the date say, against what the loan's rows say."""

from collections.abc import Iterator
from datetime import date, timedelta

from shared.invariants.rows import EscalationRow, LoanRow, NoticeRow, Snapshot
from shared.invariants.rules import STAGES, Rules
from shared.invariants.terms import Breach, Terms

_WITHOUT_PACKS = timedelta(hours=1)
"""How long a line waits that found no valid packs, before it looks again."""


def stages_follow(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """A loan's stage is never above its days past due, nor below them once the notice for the next stage was told.

    While the loan's stage step is due the stage line has not looked yet, and nothing is said; nor is it in the first
    hour after days without valid packs, at the end of which the line looks again. A hold that stops escalation keeps
    the stage from rising.
    """
    for loan in book.loans:
        rules = terms.rules_of(loan)
        if rules is None or terms.rules.at(loan.product, terms.moment - _WITHOUT_PACKS - terms.skew) is None:
            continue
        if not loan.opened:
            continue
        if loan.status == "settled":
            if loan.entered:
                yield Breach("stages-follow", loan.loan_id, f"settled, and still in {loan.stage}")
        elif not terms.is_waiting(loan.place) and (problem := _problem(loan, rules, book, terms)):
            yield Breach("stages-follow", loan.loan_id, problem)


def _problem(loan: LoanRow, rules: Rules, book: Snapshot, terms: Terms) -> str | None:
    unpaid, today = book.unpaid(loan.loan_id), rules.date_of(terms.moment)
    dpd = rules.dpd(unpaid[0].due_on, today) if unpaid else 0
    stage, bucket = STAGES.index(loan.stage), STAGES.index(rules.bucket(dpd))
    if stage > bucket:
        return f"in {loan.stage} at {dpd} days past due, which is {STAGES[bucket]}"
    held = any("escalation" in hold.stops and (hold.until is None or today <= hold.until) for hold in loan.holds)
    if stage < bucket and not held and not unpaid[0].blocked:  # in front of a person, who wakes the line
        needed = rules.notice_from_dpd[STAGES[stage + 1]]
        told = book.overdue_in_episode.get((unpaid[0].key, unpaid[0].episode), [])
        looked = terms.moment - rules.notice_wait
        if any(tier >= needed and terms.rules.end_of(n.business_date) < looked for tier, n in told):
            return f"in {loan.stage} at {dpd} days past due, told, and nothing will look at it"
    return None


def escalations_stand(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """The escalations in force are those that the loan's row names, in order, each entered at its days past due."""
    for loan in book.loans:
        rows = book.escalations_of.get(loan.loan_id, [])
        in_force = {row.key for row in rows if row.left_on is None}
        if in_force != set(loan.entered):
            named, stand = ", ".join(loan.entered) or "none", ", ".join(sorted(in_force)) or "none"
            yield Breach("escalations-stand", loan.loan_id, f"the loan names {named}, in force are {stand}")
        ranks = [STAGES.index(key.rpartition("#")[2]) for key in loan.entered]
        if ranks != sorted(set(ranks)):
            yield Breach("escalations-stand", loan.loan_id, f"stages out of order: {', '.join(loan.entered)}")
        for row in rows:
            rules = terms.rules.on(loan.product, row.entered_on)
            if rules and (problem := _escalation_problem(row, rules, book)):
                yield Breach("escalations-stand", f"{row.loan_id} {row.key}", problem)


def _escalation_problem(row: EscalationRow, rules: Rules, book: Snapshot) -> str | None:
    if row.left_on is not None and row.left_on < row.entered_on:
        return f"entered on {row.entered_on}, left on {row.left_on}"
    if row.stage != row.key.rpartition("#")[2]:
        return f"its key names another stage than {row.stage}"
    oldest = book.instalment.get((row.loan_id, row.number))
    if oldest is None:
        return f"for instalment {row.number}, which does not exist"
    dpd = rules.dpd(oldest.due_on, row.entered_on)
    if oldest.episode == 0 and dpd != row.dpd:
        return f"entered at {row.dpd} days past due, which were {dpd}"
    if row.dpd < rules.from_dpd[row.stage]:
        return f"{row.stage} entered at {row.dpd} days past due"
    return None


def stages_were_told(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """No stage was entered before its mandatory overdue notice."""
    for row in book.escalations:
        loan = book.loan.get(row.loan_id)
        rules = terms.rules.on(loan.product, row.entered_on) if loan else None
        oldest = book.instalment.get((row.loan_id, row.number))
        if rules is None or oldest is None:
            continue
        needed = rules.notice_from_dpd[row.stage]
        told = book.overdue_notices.get(oldest.key, [])
        if not any(tier >= needed and _told_on(n, rules, terms.skew) <= row.entered_on for tier, n in told):
            yield Breach("stages-were-told", f"{row.loan_id} {row.key}", f"without an overdue notice of day {needed}")


def _told_on(notice: NoticeRow, rules: Rules, skew: timedelta) -> date:
    """The notice's business date; the day before, where by another worker's clock it was claimed before midnight."""
    by_another = rules.date_of(notice.claimed_at) - rules.date_of(notice.claimed_at - skew)
    return notice.business_date - by_another
