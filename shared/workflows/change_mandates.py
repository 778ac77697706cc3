"""Turns automatic deduction on and off: by the borrower with a one-time code, by the lender, who also names a mandate's
accounts anew. The rail's own word comes as a webhook (`shared.workflows.rail_news`).

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
    InstalmentState,
    LoanFile,
    MandateStatus,
    OneTimeCode,
)
from shared.domain.calendar import business_date
from shared.domain.changes import (
    Change,
    HoldInstalment,
    Insert,
    SaveCode,
)
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.errors import BookError, PolicyError
from shared.domain.funding import funding_detail
from shared.domain.mandate_requests import (
    Answer,
    AskChange,
    Asked,
    Changed,
    ConfirmChange,
    FundMandate,
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
    denied_source,
    open_claims,
    plan_cancel,
    plan_enable,
    plan_fund,
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
from shared.domain.provider_rules import ProviderRules
from shared.domain.risk_notice import RiskNotice, code_message, risk_notice
from shared.domain.text_parts import count_parts
from shared.domain.wording import locale_for
from shared.ports.book import Book
from shared.ports.messages import DEFINITELY_NOT_SENT, Outgoing, Sender
from shared.ports.world import Clock, Codes, PolicyShelf, SwitchBoard
from shared.workflows.writing_mandates import (
    MOST_INSTALMENTS,
    MOST_RACES,
    Note,
    Said,
    fresh_start,
    tell,
    write_changes,
)

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
        move = plan_enable(self.file, today, self.debits, self.history, self.policy.rails)
        return move if isinstance(move, Refusal) else (move,)

    def notice(self, purpose: Purpose) -> RiskNotice:
        today = business_date(self.now, self.policy.business_zone)
        return risk_notice(purpose, self.file, self.claims, self.borrower, self.policy, today)


@dataclass(frozen=True, slots=True)
class _Way:
    """The phone that a code goes to, and the rules of the provider that carries it."""

    phone: str
    rules: ProviderRules


@dataclass(frozen=True, slots=True)
class MandateChanges:
    """The ports of changing mandates."""

    book: Book
    sms: Sender
    codes: Codes
    shelf: PolicyShelf
    clock: Clock
    switches: SwitchBoard

    def carry_out(self, request: MandateRequest) -> Answer:
        """What somebody asks for in one of the five ways."""
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
            case FundMandate():
                return self.fund(request)
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
        against the hour all the same. Switches stop it like any message, and one that is off before the claim
        costs no code; only the pack's own provider carries it.
        """
        for _ in range(MOST_RACES):
            facts = self._facts(loan_id)
            if isinstance(facts, Refusal):
                return Refused(facts)
            way = self._way(facts, purpose)
            if isinstance(way, Refusal):
                return Refused(way)
            digits = self.codes.fresh()
            claimed = self._claim_code(facts, purpose, digits)
            if claimed is Refusal.RACED:
                continue
            if isinstance(claimed, Refusal):
                return Refused(claimed)
            code, key = claimed
            refusal = self._send(facts, _outgoing(facts, way, purpose, digits, key, code.expires_at))
            return Refused(refusal) if refusal else Asked(facts.notice(purpose), code.expires_at)
        return Refused(Refusal.RACED)

    def confirm(
        self, loan_id: str, purpose: Purpose, digits: str, acknowledged: str, channel: str
    ) -> Changed | Refused:
        """Makes the change, where the code is right and `acknowledged` is the hash of the notice as it reads now.

        A debit that was claimed since stands in the new notice: it has to be read before. Whoever claims one after
        this lost: the gate is another one.
        """
        for _ in range(MOST_RACES):
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

    def lender_says(
        self, loan_id: str, mandate_id: str, status: MandateStatus, actor: str, reason: str
    ) -> Changed | Refused:
        """Suspends a mandate, or lifts its suspension: `actor` is the person who answers for it."""
        note = Note(_LENDERS_WORD.get(status, status), actor, reason)
        return tell(self.book, self.clock, Said(loan_id, mandate_id, status, Actor.LENDER), note)

    def fund(self, request: FundMandate) -> Changed | Refused:
        """Names a mandate's accounts anew: the only way on where the rail called the accounts dead that it names.

        A debit that was claimed before goes to the account of its claim, or to none.
        """
        for _ in range(MOST_RACES):
            facts = self._facts(request.loan_id)
            if isinstance(facts, Refusal):
                return Refused(facts)
            mandate = next((m for m in facts.file.mandates if m.mandate_id == request.mandate_id), None)
            if mandate is None:
                return Refused(Refusal.NO_MANDATE)
            denied, today = facts.policy.funding_deny, business_date(facts.now, facts.policy.business_zone)
            move = plan_fund(mandate, request.sources, denied, today)
            if isinstance(move, Refusal):
                refused = denied_source(request.sources, denied) if move is Refusal.SOURCE_DENIED else None
                return Refused(move, source=refused)
            detail = funding_detail(mandate.sources, request.sources)
            note = Note("fund", request.actor, request.reason, detail)
            if changed := write_changes(self.book, facts.file, (move,), note, (), facts.now):
                return changed
        return Refused(Refusal.RACED)

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

    def _way(self, facts: _Facts, purpose: Purpose) -> _Way | Refusal:
        """How a code reaches the borrower; why it does not, or why what he asks for would be refused anyway."""
        if isinstance(moves := facts.plan(purpose), Refusal):
            return moves
        if facts.borrower.phone is None:
            return Refusal.NO_ADDRESS
        rules = facts.policy.providers.get(Channel.SMS)
        is_wired = self.sms.name == facts.policy.wired[Channel.SMS]
        if rules is None or not is_wired or not rules.serves(facts.borrower.country):
            return Refusal.NO_PROVIDER
        return Refusal.SWITCHED_OFF if self._is_off(facts) else _Way(facts.borrower.phone, rules)

    def _send(self, facts: _Facts, message: Outgoing) -> Refusal | None:
        """Sends a code that is claimed, once; why it certainly did not go."""
        if self._is_off(facts):
            return Refusal.SWITCHED_OFF
        if self.clock.now() >= message.until:
            return Refusal.NOT_SENT
        return Refusal.NOT_SENT if self.sms.provider.send(message).result in DEFINITELY_NOT_SENT else None

    def _is_off(self, facts: _Facts) -> bool:
        """By the board of this moment, before the claim too: a code that an older look let through would count."""
        return self.switches.read(fresh=True).stops_sending(Channel.SMS, self.sms.name, facts.file.loan.product)

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
            more += _holds(facts.file)
        else:
            more += fresh_start(moves[0].row, facts.debits, facts.policy)
        return write_changes(self.book, facts.file, moves, note, more, facts.now)


def _holds(file: LoanFile) -> list[Change]:
    """No debit is claimed between the reading and the change: a claim writes the instalments that it takes."""
    waiting = sorted((i for i in file.unpaid if i.state is InstalmentState.OPEN), key=lambda i: (i.due_on, i.number))
    return [HoldInstalment(i.loan_id, i.number, i.rev) for i in waiting[:MOST_INSTALMENTS]]


def _outgoing(facts: _Facts, way: _Way, purpose: Purpose, digits: str, key: str, until: datetime) -> Outgoing:
    """The message with the code: a receipt of what the borrower asked for, of no use once the code is."""
    text = code_message(purpose, digits, facts.borrower, facts.policy)
    language = locale_for(facts.borrower.locale, facts.policy)
    parts = count_parts(text).parts
    return Outgoing(
        key, way.phone, text, until, MessageClass.RECEIPT, language, max_price=way.rules.max_price(parts), parts=parts
    )
