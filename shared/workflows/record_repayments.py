"""Books money once, whichever way the news of it came: by webhook, bank file or hand; and what is taken back again.

Safe to run twice: a transfer is marked as booked in the transaction that books it, wherever it was booked; a debit of
ours settles its attempt once; what takes a payment back takes its place among all that do, so that two of them collide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from shared.domain import keys
from shared.domain.book import Attempt, AttemptState, AuditEntry, EntryKind, LedgerEntry, LoanFile, Outcome
from shared.domain.changes import Insert
from shared.domain.errors import BookError
from shared.domain.money import Money
from shared.domain.repayment import (
    GATEWAY,
    Arrived,
    Channel,
    GatewayReport,
    GivenAgain,
    Misfit,
    Repayment,
    TakenBack,
    reference_of,
    source_of,
)
from shared.ports.book import Book
from shared.ports.world import Clock, PolicyShelf, WorkQueue
from shared.workflows.booking import MOST_INSTALMENTS, MOST_RACES, book_on_loan, lender_today, mark, suspend
from shared.workflows.coming_again import ComingAgain
from shared.workflows.passes import Summary
from shared.workflows.settling import Settling
from shared.workflows.taking_back import TakingBack
from shared.workflows.verdicts import CHARGED_BACK, KNOWN, Verdict, unmatched
from shared.workflows.waking import Touched

_FAILED = "failed"
"""By which the end of a refund that went and failed is known: it fails once."""


@dataclass(frozen=True, slots=True)
class Repayments:
    """The ports of booking."""

    book: Book
    shelf: PolicyShelf
    clock: Clock
    queue: WorkQueue

    def work(self, arrived: Sequence[Arrived], run: str, summary: Summary | None = None) -> Summary:
        """Books what arrived. What matches no loan, attempt or payment is kept in suspense with its reason."""
        summary = summary or Summary()
        self.judge(arrived, run, summary)
        return summary

    def judge(self, arrived: Sequence[Arrived], run: str, summary: Summary) -> list[Verdict]:
        """As `work`; returns what became of each."""
        touched, verdicts = Touched(), list[Verdict]()
        for one in arrived:
            match one:
                case Repayment():
                    verdict = self._repayment(one, touched)
                case GatewayReport():
                    verdict = self._report(one, summary, touched)
                case TakenBack():
                    verdict = self._take_back(one, summary, touched)
                case GivenAgain():
                    verdict = self._give_again(one, summary, touched)
                case _:
                    assert_never(one)
            summary.counts[f"repayment.{verdict.became}"] += 1
            if _is_dispute(one) and verdict.became not in (KNOWN.became, CHARGED_BACK):
                summary.counts[f"repayment.{CHARGED_BACK}"] += 1  # it pages, wherever the money stands by now
            if verdict.misfit:
                summary.counts[f"quarantine.{verdict.misfit.name}"] += 1
            if verdict.became in ("unmatched", "conflict"):
                self._note(one, verdict)
            verdicts.append(verdict)
        touched.tell(self.queue, run)
        return verdicts

    def _note(self, one: Arrived, verdict: Verdict) -> None:
        """Puts news that contradicts our books into the audit, once: who is paged finds there which payment it is."""
        misfit, reference = verdict.misfit or Misfit.TWO_STORIES, reference_of(one)
        detail = {"reference": reference, "amount_minor": str(one.amount.minor), "currency": one.amount.currency}
        revision = keys.money_revision(reference, misfit.name, one.amount.minor)
        said = verdict.problem or misfit.value
        what, now = f"{verdict.became}.{misfit.name}", self.clock.now()
        entry = AuditEntry(keys.MONEY_NEWS, revision, now, source_of(reference), what, said, detail)
        self.book.commit([Insert(entry)])

    # money that came

    def _repayment(self, repayment: Repayment, touched: Touched) -> Verdict:
        entry = LedgerEntry(
            repayment.loan_id, repayment.source, repayment.external_id, repayment.amount, repayment.paid_on
        )
        for _ in range(MOST_RACES):
            if known := self._known(entry):
                return known
            file = self.book.loan_file(repayment.loan_id) if repayment.loan_id else None
            if file is None:
                named = f": {repayment.loan_id}" if repayment.loan_id else ""
                verdict = suspend(self.book, entry, Misfit.NO_SUCH_LOAN, Misfit.NO_SUCH_LOAN.value + named)
            elif file.loan.currency != repayment.amount.currency:
                said = f"loan {repayment.loan_id} is in {file.loan.currency}"
                verdict = suspend(self.book, entry, Misfit.OTHER_CURRENCY, said)
            else:
                verdict = self._book(entry, file, repayment.numbers, touched)
            if verdict:
                return verdict
        raise BookError(f"repayment {repayment.external_id} could not be booked")

    def _book(self, entry: LedgerEntry, file: LoanFile, chosen: tuple[int, ...], touched: Touched) -> Verdict | None:
        booked = book_on_loan(entry, file, self.shelf, self.clock.now(), chosen)
        if booked.touched > MOST_INSTALMENTS:
            said = f"pays more than {MOST_INSTALMENTS} instalments of loan {entry.loan_id} at once"
            return suspend(self.book, entry, Misfit.TOO_MANY_INSTALMENTS, said)
        if not self.book.commit([*booked.changes, mark(entry)]):
            return None
        touched.note(file.loan.borrower_id, file.loan.loan_id, Outcome.PAID)
        self._taking_back(touched).take_what_waits(entry.external_id)
        return Verdict("booked")

    def _known(self, entry: LedgerEntry) -> Verdict | None:
        """What to say of money whose reference was booked before; None for a new one."""
        found = self.book.money(entry.source, entry.external_id)
        if found is None:
            return None
        booked = self.book.entry(found.loan_id, entry.source, entry.external_id)
        if booked is None:
            raise BookError(f"{entry.source} {entry.external_id} is marked as booked and is not on the ledger")
        if booked.amount != entry.amount:
            return unmatched(Misfit.OTHER_AMOUNT)
        if found.loan_id == keys.SUSPENSE:
            return Verdict("known", problem=booked.detail)
        if entry.loan_id not in ("", found.loan_id):
            return unmatched(Misfit.OTHER_LOAN)
        return KNOWN

    # what the gateway says of our attempts

    def _report(self, report: GatewayReport, summary: Summary, touched: Touched) -> Verdict:
        if source_of(report.key) != GATEWAY:
            return self._unmatched(report, Misfit.NO_KEY_OF_OURS)
        loan_id, seq = keys.parse_intent_key(report.key)
        attempt = self.book.attempt(loan_id, seq)
        if attempt is None:
            return self._unmatched(report, Misfit.NO_SUCH_ATTEMPT)
        if attempt.refunds is not None and report.came_in:
            return self._unmatched(report, Misfit.REFUND_CAME_BACK, part="IN")
        if misfit := _amount_misfit(attempt, report.amount):
            said = _asked(attempt)
            if attempt.refunds is not None:
                return self._unmatched(report, misfit, said, part="OUT")
            return self._other_amount(attempt, report, misfit, summary)
        if not report.outcome.is_terminal:
            return Verdict("pending")
        if attempt.refunds is not None and attempt.outcome is Outcome.PAID and report.outcome.is_failure:
            failed = GivenAgain(EntryKind.REFUND, report.key, report.amount, _FAILED, Channel.WEBHOOK)
            return self._coming_again(touched).give_again(failed)
        verdict = self._settle(attempt, report.outcome, report.gateway_ref, summary, touched)
        if report.outcome is Outcome.PAID:
            self._taking_back(touched).take_what_waits(report.key)
        return verdict

    def _settle(
        self, attempt: Attempt, outcome: Outcome, gateway_ref: str | None, summary: Summary, touched: Touched
    ) -> Verdict:
        became = Settling(self.book, self.shelf, self.clock, summary).settle(attempt, outcome, gateway_ref)
        file = self.book.loan_file(attempt.loan_id)
        if file and became == "settled":
            touched.note(file.loan.borrower_id, attempt.loan_id, outcome)
        return Verdict(became, problem=Misfit.TWO_STORIES.value if became == "conflict" else None)

    def _other_amount(self, attempt: Attempt, report: GatewayReport, misfit: Misfit, summary: Summary) -> Verdict:
        """Another amount or currency than the attempt's: money all the same, and evidence against a further debit."""
        said = _asked(attempt)
        if report.outcome is not Outcome.PAID or report.amount.minor <= 0:
            return Verdict("unmatched", misfit, said)
        match Settling(self.book, self.shelf, self.clock, summary).keep_other(attempt, report.amount, said):
            case "known":
                return Verdict("known", problem=misfit.value)
            case "other":
                return unmatched(Misfit.OTHER_AMOUNT)
            case "booked":
                return Verdict("unmatched", misfit, said)
            case became:
                return Verdict(became, misfit, said)

    def _unmatched(
        self, report: GatewayReport, misfit: Misfit, said: str | None = None, part: str | None = None
    ) -> Verdict:
        """A report of money is kept; one of no money is counted, and is nothing to keep. `part`: under a refund's key,
        which way the money went; a place of its own, because the key itself is that of the refund's own entry."""
        if report.outcome is not Outcome.PAID:
            return Verdict("unmatched", misfit, said or misfit.value)
        today = lender_today(self.shelf, self.clock.now())
        entry = LedgerEntry(keys.SUSPENSE, GATEWAY, report.key, report.amount, today)
        if part:
            entry = replace(entry, external_id=f"{report.key}:{part}")
        if part == "OUT":
            entry = replace(entry, amount=Money(-report.amount.minor, report.amount.currency), kind=EntryKind.REFUND)
        kept = self.book.entry(keys.SUSPENSE, GATEWAY, entry.external_id)
        if kept and kept.amount != entry.amount:
            return unmatched(Misfit.OTHER_AMOUNT)
        put = None if kept else self.book.commit([Insert(replace(entry, detail=said or misfit.value))])
        return Verdict("suspense", misfit, said or misfit.value) if put else Verdict("known", problem=misfit.value)

    # money that left again, and what of it came once more

    def _take_back(self, back: TakenBack, summary: Summary, touched: Touched) -> Verdict:
        """Money that left under a refund's own key is the refund itself: evidence that it went."""
        refund = self._refund(back.reference)
        if refund is None:
            verdict = self._taking_back(touched).take(back)
            if back.outcome and verdict is not KNOWN:
                summary.note_settled(back.outcome)
            return verdict
        if misfit := _amount_misfit(refund, back.amount):
            went = GatewayReport(back.reference, Outcome.PAID, back.amount, None)
            return self._unmatched(went, misfit, _asked(refund), part="OUT")
        return self._settle(refund, Outcome.PAID, refund.gateway_ref, summary, touched)

    def _give_again(self, news: GivenAgain, summary: Summary, touched: Touched) -> Verdict:
        """A refund of ours that failed before it was settled is settled so; later, its money comes again."""
        refund = self._refund(news.reference)
        if news.kind is EntryKind.REFUND and refund and refund.state is not AttemptState.SETTLED:
            verdict = self._settle(refund, Outcome.CONFIG, refund.gateway_ref, summary, touched)
            if verdict.became == "settled":
                return verdict
        return self._coming_again(touched).give_again(news)

    def _refund(self, reference: str) -> Attempt | None:
        """The refund of ours whose key this is."""
        if source_of(reference) != GATEWAY:
            return None
        found = self.book.attempt(*keys.parse_intent_key(reference))
        return found if found and found.refunds is not None else None

    def _taking_back(self, touched: Touched) -> TakingBack:
        return TakingBack(self.book, self.shelf, self.clock, touched)

    def _coming_again(self, touched: Touched) -> ComingAgain:
        return ComingAgain(self.book, self.shelf, self.clock, touched)


def _is_dispute(one: Arrived) -> bool:
    return isinstance(one, TakenBack) and one.kind is EntryKind.CHARGEBACK


def _asked(attempt: Attempt) -> str:
    return f"the attempt was for {attempt.amount.decimal()} {attempt.amount.currency}"


def _amount_misfit(attempt: Attempt, amount: Money) -> Misfit | None:
    if amount.currency != attempt.amount.currency:
        return Misfit.ATTEMPT_CURRENCY
    if amount.minor > attempt.amount.minor:
        return Misfit.ABOVE_ATTEMPT
    return Misfit.BELOW_ATTEMPT if amount.minor < attempt.amount.minor else None
