"""Turns automatic deduction on and off: by the borrower with a one-time code, by the word of a rail, by the lender.

Safe to run twice: every change requires the loan's gate as it was read and raises it, a code is used up in the
transaction that it allows, and what stands so already is refused. A code is claimed before it is sent and never sent
again: where its message is lost, the borrower asks for another one, which replaces it.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AuditEntry,
    Borrower,
    DebitCard,
    Evidence,
    LoanFile,
    MandateStatus,
    OneTimeCode,
)
from shared.domain.calendar import business_date
from shared.domain.changes import (
    Change,
    Insert,
    SaveCode,
)
from shared.domain.contact_rules import MessageClass
from shared.domain.errors import BookError, PolicyError
from shared.domain.mandate_requests import (
    Answer,
    AskChange,
    Asked,
    Changed,
    ConfirmChange,
    LenderChange,
    MandateRequest,
    Refused,
    ShowMandates,
    Standing,
)
from shared.domain.mandates import (
    CHANGED,
    Actor,
    Move,
    Purpose,
    Refusal,
    cancellations,
    open_claims,
    plan_cancel,
    plan_enable,
    refusal_of,
    status_on,
)
from shared.domain.one_time_codes import (
    after_wrong_try,
    digest_of_guess,
    issued,
    sent_within_the_hour,
    standing_refusal,
    used,
)
from shared.domain.policy import Policy
from shared.domain.risk_notice import RiskNotice, code_message, risk_notice
from shared.domain.text_parts import count_parts
from shared.domain.wording import locale_for
from shared.ports.book import Book
from shared.ports.messages import DEFINITELY_NOT_SENT, Outgoing, Provider
from shared.ports.world import Clock, Codes, PolicyShelf, SendResult, Sent
from shared.workflows.facts import policy_or_none
from shared.workflows.writing_mandates import Note, fresh_start, holds, write_changes

_MOST_RACES = 10
LATELY = timedelta(days=90)
"""How far back a cancelling is a signal for the risk scorecard. Own design."""

_LENDERS_WORD = {MandateStatus.ACTIVE: "resume", MandateStatus.SUSPENDED: "suspend"}


@dataclass(frozen=True, slots=True)
class _Facts:
    file: LoanFile
    borrower: Borrower
    policy: Policy
    claims: tuple[Attempt, ...]
    history: Sequence[AuditEntry]
    debits: DebitCard
    now: datetime

    def plan(self, purpose: Purpose) -> tuple[Move, ...] | Refusal:
        today = business_date(self.now, self.policy.business_zone)
        if purpose is Purpose.CANCEL:
            return plan_cancel(self.file, today)
        move = plan_enable(self.file, today, self.debits, self.history)
        return move if isinstance(move, Refusal) else (move,)

    def notice(self, purpose: Purpose) -> RiskNotice:
        today = business_date(self.now, self.policy.business_zone)
        return risk_notice(purpose, self.file, self.claims, self.borrower, self.policy, today)


@dataclass(frozen=True, slots=True)
class MandateChanges:
    """The ports of changing mandates."""

    book: Book
    sms: Provider
    codes: Codes
    shelf: PolicyShelf
    clock: Clock

    def carry_out(self, request: MandateRequest) -> Answer:
        """What somebody asks for in one of the four ways."""
        match request:
            case AskChange():
                return self.ask(request.loan_id, request.purpose)
            case ConfirmChange():
                return self.confirm(
                    request.loan_id, request.purpose, request.digits, request.acknowledged, request.channel
                )
            case LenderChange():
                return self.lender_says(
                    request.loan_id, request.mandate_id, request.status, request.actor, request.reason
                )
            case ShowMandates():
                return self.show(request.loan_id)
            case _:
                assert_never(request)

    def show(self, loan_id: str) -> Standing | Refused:
        """How a loan's mandates stand, and how they came to."""
        facts = self._facts(loan_id)
        if isinstance(facts, Refusal):
            return Refused(facts)
        today = business_date(facts.now, facts.policy.business_zone)
        history = sorted((e for e in facts.history if e.what.startswith(CHANGED)), key=lambda e: (e.at, e.revision))
        return Standing(
            tuple((m, status_on(m, today)) for m in facts.file.mandates),
            tuple(history),
            cancellations(history, facts.now, LATELY),
        )

    def ask(self, loan_id: str, purpose: Purpose) -> Asked | Refused:
        """What the borrower has to read first; sends him the code with which he confirms it.

        The message goes at any hour: he waits for it. Where it certainly did not go, its code is of no use and counts
        against the hour all the same.
        """
        for _ in range(_MOST_RACES):
            facts = self._facts(loan_id)
            if isinstance(facts, Refusal):
                return Refused(facts)
            moves = facts.plan(purpose)
            if isinstance(moves, Refusal):
                return Refused(moves)
            phone = facts.borrower.phone
            if phone is None:
                return Refused(Refusal.NO_ADDRESS)
            digits = self.codes.fresh()
            claimed = self._claim_code(facts, purpose, digits)
            if claimed is Refusal.RACED:
                continue
            if isinstance(claimed, Refusal):
                return Refused(claimed)
            code, key = claimed
            sent = Sent(SendResult.RETRY_LATER)
            if self.clock.now() < code.expires_at:
                sent = self.sms.send(_outgoing(facts, purpose, digits, phone, key, code.expires_at))
            if sent.result in DEFINITELY_NOT_SENT:
                return Refused(Refusal.NOT_SENT)
            return Asked(facts.notice(purpose), code.expires_at)
        return Refused(Refusal.RACED)

    def confirm(
        self, loan_id: str, purpose: Purpose, digits: str, acknowledged: str, channel: str
    ) -> Changed | Refused:
        """Makes the change, where the code is right and `acknowledged` is the hash of the notice as it reads now.

        A debit that was claimed since stands in the new notice: it has to be read before. Whoever claims one after
        this lost: the gate is another one.
        """
        for _ in range(_MOST_RACES):
            facts = self._facts(loan_id)
            if isinstance(facts, Refusal):
                return Refused(facts)
            moves = facts.plan(purpose)
            if isinstance(moves, Refusal):
                return Refused(moves)
            code = self.book.code(loan_id, purpose)
            refusal = standing_refusal(code, facts.policy, facts.now)
            if code is None or refusal:
                return Refused(refusal or Refusal.NO_CODE)
            notice = facts.notice(purpose)
            if notice.text_hash != acknowledged:
                return Refused(Refusal.NOTICE_CHANGED, notice)
            if not hmac.compare_digest(digest_of_guess(code, digits), code.digest):
                wrong = after_wrong_try(code)
                if self.book.commit([SaveCode(wrong)]):
                    left = facts.policy.code_tries - wrong.tries
                    return Refused(Refusal.CODE_WRONG if left > 0 else Refusal.CODE_LOCKED, tries_left=left)
                continue
            evidence = Evidence(notice.version, notice.text_hash, facts.now, channel)
            if changed := self._confirmed(facts, purpose, moves, code, evidence):
                return changed
        return Refused(Refusal.RACED)

    def rail_says(self, loan_id: str, mandate_id: str, status: MandateStatus, at: datetime) -> Changed | Refused:
        """What the rail did with a mandate at an instant of its own: confirmed, revoked or expired.

        Told twice, or late, it changes once; STANDS_SO says that it was known. A word of the end is never too late:
        what ended at the rail debits no more, whatever was changed here since.
        """
        note = Note(f"rail.{status}", Actor.RAIL, "the rail said so", {"said_at": keys.instant(at)})
        return self._told(loan_id, mandate_id, status, Actor.RAIL, note)

    def lender_says(
        self, loan_id: str, mandate_id: str, status: MandateStatus, actor: str, reason: str
    ) -> Changed | Refused:
        """Suspends a mandate, or lifts its suspension: `actor` is the person who answers for it."""
        note = Note(_LENDERS_WORD.get(status, status), actor, reason)
        return self._told(loan_id, mandate_id, status, Actor.LENDER, note)

    def _facts(self, loan_id: str) -> _Facts | Refusal:
        """The file is read first: a debit that is claimed after that fails the change, one before it is listed."""
        now = self.clock.now()
        file = self.book.loan_file(loan_id)
        if file is None:
            return Refusal.NO_LOAN
        try:
            policy = self.shelf.policy(file.loan.product, now)
        except PolicyError:
            return Refusal.POLICY_MISSING
        borrower = self.book.borrower_file(file.loan.borrower_id)
        if borrower is None:
            raise BookError(f"loan {loan_id} has no borrower")
        return _Facts(
            file,
            borrower.borrower,
            policy,
            open_claims(self.book.attempts(loan_id)),
            self.book.audit(loan_id),
            self.book.debit_card(file.loan.borrower_id),
            now,
        )

    def _claim_code(self, facts: _Facts, purpose: Purpose, digits: str) -> tuple[OneTimeCode, str] | Refusal:
        """Takes the borrower's next number of a sent code and stores the digest; two at once take one number, once.

        Gives the key of the code's message, too.
        """
        loan = facts.file.loan
        subject = keys.codes_subject(loan.borrower_id)
        sent = self.book.audit(subject)
        if sent_within_the_hour(sent, facts.now) >= facts.policy.codes_per_hour:
            return Refusal.TOO_MANY_CODES
        code = issued(loan.loan_id, purpose, digits, self.book.code(loan.loan_id, purpose), facts.policy, facts.now)
        number = keys.code_number(len(sent) + 1)
        entry = AuditEntry(
            subject,
            number,
            facts.now,
            Actor.BORROWER,
            f"code.{purpose}",
            "asked for",
            {"loan_id": loan.loan_id},
        )
        if not self.book.commit([SaveCode(code), Insert(entry)]):
            return Refusal.RACED
        return code, keys.code_hint(loan.borrower_id, number)

    def _confirmed(
        self, facts: _Facts, purpose: Purpose, moves: tuple[Move, ...], code: OneTimeCode, evidence: Evidence
    ) -> Changed | None:
        """Writes the borrower's change; None where somebody else wrote first."""
        note = Note(
            purpose,
            Actor.BORROWER,
            "confirmed with a one-time code",
            {
                "text_version": evidence.text_version,
                "text_hash": evidence.text_hash,
                "seen_at": keys.instant(evidence.seen_at),
                "channel": evidence.channel,
                "claimed": " ".join(keys.intent_key(a.loan_id, a.seq) for a in facts.claims),
            },
        )
        moves = tuple(replace(move, row=replace(move.row, evidence=evidence)) for move in moves)
        more: list[Change] = [SaveCode(used(code))]
        if purpose is Purpose.CANCEL:
            more += holds(facts.file)
        else:
            more += fresh_start(moves[0].row, facts.debits, facts.policy)
        return write_changes(self.book, facts.file, moves, note, more, facts.now)

    def _told(
        self, loan_id: str, mandate_id: str, status: MandateStatus, actor: Actor, note: Note
    ) -> Changed | Refused:
        for _ in range(_MOST_RACES):
            now = self.clock.now()
            file = self.book.loan_file(loan_id)
            if file is None:
                return Refused(Refusal.NO_LOAN)
            mandate = next((m for m in file.mandates if m.mandate_id == mandate_id), None)
            if mandate is None:
                return Refused(Refusal.NO_MANDATE)
            if refusal := refusal_of(mandate.status, status, actor):
                return Refused(refusal)
            move = Move(replace(mandate, status=status), mandate.status)
            more: list[Change] = []
            if actor is Actor.RAIL:
                policy = policy_or_none(self.shelf, file.loan.product, now)
                more += fresh_start(move.row, self.book.debit_card(file.loan.borrower_id), policy)
            if changed := write_changes(self.book, file, (move,), note, more, now):
                return changed
        return Refused(Refusal.RACED)


def _outgoing(facts: _Facts, purpose: Purpose, digits: str, phone: str, key: str, until: datetime) -> Outgoing:
    """The message with the code: a receipt of what the borrower asked for, of no use once the code is."""
    text = code_message(purpose, digits, facts.borrower, facts.policy)
    language = locale_for(facts.borrower.locale, facts.policy)
    return Outgoing(key, phone, text, until, MessageClass.RECEIPT, language, parts=count_parts(text).parts)
