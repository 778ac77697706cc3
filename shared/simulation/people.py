"""What borrowers, operators and banks do to a lender, as jobs that can run beside its workers."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from shared.domain import keys, switches
from shared.domain.book import (
    Attempt,
    AttemptState,
    AuditEntry,
    EntryKind,
    Instalment,
    MandateStatus,
    Outcome,
)
from shared.domain.errors import InputError, PolicyError
from shared.domain.hold_orders import HoldAdd, HoldEnd
from shared.domain.mandate_requests import Asked
from shared.domain.mandates import Purpose
from shared.domain.money import Money
from shared.domain.operations import Order, Verb
from shared.domain.pay_order import PayOrder
from shared.domain.repayment import Channel, GatewayReport, GivenAgain, TakenBack
from shared.simulation.actors import Job
from shared.simulation.gateway import GatewayModel
from shared.simulation.lender import CODE, PROVIDERS, Lender
from shared.workflows.change_mandates import MandateChanges
from shared.workflows.operate import Operations
from shared.workflows.passes import Summary
from shared.workflows.pay_now import PayNow
from shared.workflows.rail_news import RailNews
from shared.workflows.resolve_suspense import Suspense
from shared.workflows.set_holds import Holds

_WRONG_CODE = "000000"
_WHY_TAKEN_BACK = (
    *(Outcome.INSUFFICIENT,) * 5,
    *(None,) * 3,
    Outcome.MANDATE_DEAD,
    Outcome.ACCOUNT_DEAD,
    Outcome.RISK,
)
"""What the payer's bank says of a reversal."""


@dataclass(frozen=True, slots=True)
class People:
    """`chance` decides what they choose; each method gives one job."""

    lender: Lender
    model: GatewayModel
    chance: Random
    kinds: dict[str, EntryKind] = field(default_factory=dict)
    """What took money back, by the gateway's event."""

    # borrowers

    def pays_now(self, loan_id: str) -> Job:
        """Some or all of a loan's instalments, or a part of them."""
        file = self.lender.store.loan_file(loan_id)
        unpaid = [i.number for i in file.unpaid] if file else []
        several = tuple(sorted(self.chance.sample(unpaid, self.chance.randint(1, len(unpaid))))) if unpaid else (1,)
        numbers = self.chance.choice((None, tuple(unpaid[:1]) or (1,), several))
        amount = Money(self.chance.choice((700, 50_000)), "CNY") if self.chance.random() < 0.2 else None
        worker = self.lender.worker(PayNow)

        def run() -> None:
            summary = Summary()
            worker.pay(PayOrder(loan_id, numbers, amount), "run", summary)
            self.lender.add(summary)

        return Job(f"pay now {loan_id}", run)

    def changes_mandate(self, loan_id: str, purpose: Purpose) -> Job:
        """Asks for a code, reads the notice, confirms; now and then with a wrong code first."""
        worker = self.lender.worker(MandateChanges)
        mistypes = self.chance.random() < 0.2

        def run() -> None:
            asked = worker.ask(loan_id, purpose)
            self._count(f"{purpose}.asked", asked)
            if not isinstance(asked, Asked):
                return
            if mistypes:
                worker.confirm(loan_id, purpose, _WRONG_CODE, asked.notice.text_hash, "page")
            done = worker.confirm(loan_id, purpose, CODE, asked.notice.text_hash, "page")
            self._count(f"{purpose}.confirmed", done)

        return Job(f"{purpose} mandate {loan_id}", run)

    # the lender's people

    def changes_mandate_by_hand(self, loan_id: str) -> Job:
        """Suspends or resumes a mandate; or the rail says that it ended."""
        worker, rail = self.lender.worker(MandateChanges), self.lender.worker(RailNews)
        file = self.lender.store.loan_file(loan_id)
        mandate = self.chance.choice(file.mandates) if file and file.mandates else None
        by_rail = self.chance.random() < 0.2

        def run() -> None:
            if mandate is None:
                return
            if by_rail:
                self._count("rail", rail.says(loan_id, mandate.mandate_id, MandateStatus.REVOKED, mandate_at))
                return
            is_active = mandate.status is MandateStatus.ACTIVE
            to = MandateStatus.SUSPENDED if is_active else MandateStatus.ACTIVE
            self._count("lender", worker.lender_says(loan_id, mandate.mandate_id, to, "op-1", "asked by phone"))

        mandate_at = self.lender.clock.at
        return Job(f"mandate by hand {loan_id}", run)

    def operates(self, verb: Verb, attempt: Attempt) -> Job:
        """One of the verbs on one attempt; `rerecord` from the gateway's own list."""
        key = keys.intent_key(attempt.loan_id, attempt.seq)
        worker = self.lender.worker(Operations)
        outcome: Outcome | None = None
        if verb is Verb.RERECORD:
            found = self.model.in_books(key)
            outcome = found.outcome if found else Outcome.VOID
        amount = None
        if verb is Verb.REFUND and self.chance.random() < 0.5:
            amount = Money(max(1, attempt.amount.minor // self.chance.choice((2, 3))), attempt.amount.currency)

        def run() -> None:
            if outcome is not None and not outcome.is_terminal:
                return
            evidence = "the gateway's list" if outcome else None
            order = Order(verb, (key,), "it is said so", amount=amount, outcome=outcome, evidence=evidence)
            with suppress(InputError):
                report = worker.order(order, "op-1", f"by-hand-{self.lender.clock.at.isoformat()}")
                self.lender.add(report.summary)

        return Job(f"{verb} {key}", run)

    def resolves(self, key: str, loan_id: str | None) -> Job:
        """Takes one piece of money out of suspense."""
        worker = self.lender.worker(Suspense)

        def run() -> None:
            with suppress(InputError):
                worker.resolve(key, loan_id, reason="it is theirs", actor="op-2")
                self.lender.counts["suspense.resolved"] += 1

        return Job(f"resolve {key}", run)

    def turns_switch(self, name: str, *, on: bool) -> Job:
        def run() -> None:
            board = self.lender.board.read()
            note = AuditEntry(
                "switches", f"{self.lender.clock.at.isoformat()} {name}", self.lender.clock.at, "op-1", name, "a test"
            )
            self.lender.board.write(board.turned(name, on=on), board, note)
            self.lender.counts[f"switch.{'on' if on else 'off'}"] += 1

        return Job(f"switch {name}", run)

    def switch_names(self, rails: Sequence[str], products: Sequence[str]) -> str:
        rail, product = self.chance.choice(rails), self.chance.choice(products)
        channel = self.chance.choice(list(PROVIDERS))
        names = (
            *(switches.DEBIT, switches.rail(rail), switches.product(product)),
            *(switches.SEND, switches.channel(channel), switches.provider(PROVIDERS[channel])),
        )
        return self.chance.choice(names)

    def sets_hold(self, loan_id: str, ended: Callable[[str], None]) -> Job:
        """A hold of one of the packs' codes, with an end or without; `ended` is told its id, to end it some day."""
        worker = self.lender.worker(Holds)
        code = self.chance.choice(("complaint", "dispute", "hardship", "bereavement", "incapacity"))
        until = self.chance.choice(
            (None, None, self.lender.clock.at.date() + timedelta(days=self.chance.randint(1, 9)))
        )
        order = HoldAdd(code, loan_id, None, until, "it is said so")

        def run() -> None:
            with suppress(InputError, PolicyError):  # closed, or no pack of today
                for one in worker.add(order, "op-3"):
                    self.lender.counts[f"hold.{one.word}"] += 1
                    ended(one.hold_id)

        return Job(f"hold {loan_id}", run)

    def ends_hold(self, loan_id: str, hold_id: str) -> Job:
        worker = self.lender.worker(Holds)

        def run() -> None:
            with suppress(InputError):
                self.lender.counts[f"hold.{worker.end(HoldEnd(loan_id, hold_id, 'it is over'), 'op-3').word}"] += 1

        return Job(f"end hold {loan_id}", run)

    def reviews(self) -> list[Job]:
        """What stands in front of a person: stuck and long unanswered attempts, and money in suspense."""
        jobs = []
        for attempt in list(self.lender.store.scan(Attempt)):
            if not isinstance(attempt, Attempt) or attempt.state is AttemptState.SETTLED:
                continue
            waits = self.lender.clock.at - attempt.born_at
            if (attempt.stuck or waits > timedelta(days=1)) and self.chance.random() < 0.7:
                verb = Verb.RECHECK if self.chance.random() < 0.3 else Verb.RERECORD
                jobs.append(self.operates(verb, attempt))
        jobs += [
            self.operates(Verb.REOPEN, attempt)
            for attempt in self._of_closed_instalments()
            if self.chance.random() < 0.3
        ]
        looked_at = [one for one in self.lender.unfaulted(Suspense).open() if self.chance.random() < 0.4]
        return jobs + [self._about(one.entry.external_id, one.entry.source, one.left) for one in looked_at]

    def _of_closed_instalments(self) -> list[Attempt]:
        """One attempt on each instalment that is closed to debits: the one of the dispute or the late money, or not."""
        found = []
        for row in list(self.lender.store.scan(Instalment)):
            if isinstance(row, Instalment) and row.blocked:
                tried = [a for a in self.lender.store.attempts(row.loan_id) if row.number in a.numbers]
                found += [self.chance.choice(tried)] if tried else []
        return found

    def _about(self, external_id: str, source: str, left: Money) -> Job:
        key, loan_id = keys.ledger_entity(source, external_id), external_id.partition(":")[0]
        if left.minor < 0 or self.lender.store.loan_file(loan_id) is None:
            return self.resolves(key, None)
        if self.chance.random() < 0.3:
            _, seq = keys.parse_intent_key(":".join(external_id.split(":")[:2]))  # of its news too
            attempt = self.lender.store.attempt(loan_id, seq)
            if attempt:
                return self.operates(Verb.REFUND, attempt)
        return self.resolves(key, loan_id)

    # the payer's bank

    def takes_back(self, deliver: Callable[[TakenBack, str, bool], None]) -> None:
        """The payer's bank takes money of a charge back; told of by one channel, or by two."""
        charged: dict[str, int] = {}
        for charge in self.model.charges:
            charged[charge.key] = charged.get(charge.key, 0) + charge.amount.minor
        left = [(key, minor) for key, minor in charged.items() if minor > 0 and not self.model.is_refunded(key)]
        if not left:
            return
        key, most = self.chance.choice(left)
        minor = self.chance.choice((most, most, max(1, most // 2)))
        amount = Money(minor, "CNY")
        kind = EntryKind.CHARGEBACK if self.chance.random() < 0.15 else EntryKind.REVERSAL
        why = self.chance.choice(_WHY_TAKEN_BACK) if kind is EntryKind.REVERSAL else None
        event = self.model.taken_back(key, amount)
        self.kinds[event] = kind
        in_a_file = kind is EntryKind.REVERSAL and self.chance.random() < 0.4
        deliver(TakenBack(kind, key, amount, None, event, Channel.WEBHOOK, why), event, in_a_file)

    def gives_again(self, deliver: Callable[[GivenAgain | GatewayReport, str], None]) -> None:
        """A dispute that the lender won, or a refund that failed after all: the money comes again."""
        won = [c for c in self.model.charges if c.amount.minor < 0 and c.ref not in self.model.came_again]
        if not won:
            return
        charge = self.chance.choice(won)
        amount, ref = Money(-charge.amount.minor, charge.amount.currency), self.model.given_again(charge)
        attempt = self.lender.store.attempt(*keys.parse_intent_key(charge.key))
        is_refund = attempt is not None and attempt.refunds is not None
        kind = EntryKind.REFUND if is_refund else self.kinds.get(charge.ref, EntryKind.REVERSAL)
        if is_refund and self.chance.random() < 0.5:
            deliver(GatewayReport(charge.key, Outcome.CONFIG, amount, charge.ref), ref)
        else:
            deliver(GivenAgain(kind, charge.key, amount, charge.ref, Channel.WEBHOOK), ref)

    def _count(self, what: str, came: object) -> None:
        reason = getattr(came, "reason", None)
        self.lender.counts[f"mandate.{what}.{reason.name if reason else 'done'}"] += 1
