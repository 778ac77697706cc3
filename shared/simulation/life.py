"""What people do to a lender, day by day: some of it at the very moment at which its workers are at the same loan."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from shared.domain import keys
from shared.domain.book import BorrowerFile, Line
from shared.domain.mandates import Purpose
from shared.domain.money import Money
from shared.domain.operations import Verb
from shared.domain.repayment import arrived
from shared.ports.messages import Inbound
from shared.simulation.actors import Job
from shared.simulation.bank import Line as BankLine
from shared.simulation.faults import Plan
from shared.simulation.lender import PROVIDERS, Lender
from shared.simulation.news import Invoke, Later, News
from shared.simulation.people import People
from shared.simulation.portfolio import Holding

_WORDS = ("STOP", "stop", "Stop!", "退订", "ＴＤ", "T", "START", "start", "订阅", "HELP", "谢谢")
_ODDS = {Line.DEBIT: 0.35, Line.STAGE: 0.06, Line.CONTACT: 0.05}
"""How often a worker meets others at the same loans."""


@dataclass(slots=True)
class Life:
    """`later` calls something after a time; `invoke` runs a job, alone or in a race."""

    lender: Lender
    people: People
    news: News
    plan: Plan
    chance: Random
    holdings: Sequence[Holding]
    products: Sequence[str]
    rails: Sequence[str]
    later: Later
    invoke: Invoke
    _numbers: int = 0

    def day(self, after: timedelta, *, is_last: bool) -> None:
        """Schedules what happens on one day, which begins `after` from now; on the last ones nobody does anything."""
        self.later(after + timedelta(hours=10), self.news.bank_file)
        self.later(after + timedelta(hours=11), self._review)
        if is_last:
            return
        some = self.chance.choice((0, 1, 1, 2))
        rare: Sequence[tuple[float, Callable[[], None]]] = (
            *((1.0, self._somebody) for _ in range(some)),
            (0.06, self._change_mandate),  # few: hashing the codes takes longer than all the rest of a day
            (0.08, lambda: self.people.takes_back(self.news.taken_back)),
            (0.06, lambda: self.people.gives_again(self.news.given_again)),
            (0.2, self._hold),
            (0.12, self._word),
        )
        for odds, act in rare:
            if self.chance.random() < odds:
                self.later(after + timedelta(minutes=self.chance.randint(0, 1439)), act)

    def rivals(self, line: Line, hints: Sequence[str]) -> list[Job]:
        """Who else is at work at this very moment, mostly on the same loans."""
        if not self.plan.armed or self.chance.random() > _ODDS[line]:
            return []
        found = [self.lender.work(line, self.chance.sample(hints, len(hints)))]
        hint = self.chance.choice(hints)
        if line is Line.CONTACT:
            file = self.lender.store.borrower_file(hint)
            return found + (self._beside_messages(file) if file and file.card.loan_ids else [])
        loan_id = keys.parse_debit_key(hint)[0] if line is Line.DEBIT else hint
        others = self.chance.sample(
            (
                self.lender.reconcile,
                lambda: self._by_hand(loan_id),
                lambda: self.lender.work(Line.STAGE, [loan_id]),
                lambda: self.lender.work(line, hints),
                lambda: self.people.pays_now(loan_id),
                lambda: self.people.pays_now(loan_id),
                lambda: self.people.changes_mandate_by_hand(loan_id),
                lambda: self.people.changes_mandate_by_hand(loan_id),
                lambda: self._operation(loan_id),
                *(lambda: self._sets_hold(loan_id),) * 2,
                *(self._switch_off,) * 2,
            ),
            self.chance.choice((0, 1, 1, 2)),
        )
        return found + [other() for other in others]

    def _beside_messages(self, file: BorrowerFile) -> list[Job]:
        """What must win against a message that is being claimed: money, a hold, a word of the borrower, a switch."""
        loan_id = self.chance.choice(file.card.loan_ids)
        others = self.chance.sample(
            (
                lambda: self._by_hand(loan_id),
                lambda: self.people.pays_now(loan_id),
                lambda: self._sets_hold(loan_id),
                lambda: self.lender.hear("a borrower's word", [self._inbound(file)], must_arrive=True),
                lambda: self.lender.work(Line.CONTACT, [file.borrower.borrower_id]),
                self._switch_off,
            ),
            self.chance.choice((1, 1, 2)),
        )
        return [other() for other in others]

    # what somebody does

    def _somebody(self) -> None:
        """A borrower, an operator or a bank does something."""
        loan_id = self.chance.choice(self.holdings).loan.loan_id
        job = self.chance.choice(
            (
                lambda: self._by_hand(loan_id),
                lambda: self._by_hand(loan_id),
                lambda: self.people.pays_now(loan_id),
                lambda: self.people.pays_now(loan_id),
                lambda: self.people.changes_mandate_by_hand(loan_id),
                lambda: self.people.changes_mandate_by_hand(loan_id),
                lambda: self._operation(loan_id),
                self._switch_off,
            )
        )()
        rivals: list[Job] = []
        if self.plan.armed and self.chance.random() < 0.3:
            rivals = [self.people.pays_now(loan_id), self.lender.reconcile()]
            file = self.lender.store.loan_file(loan_id)
            if file and file.unpaid:
                hint = keys.debit_key(loan_id, file.unpaid[0].number)
                rivals.append(self.lender.work(Line.DEBIT, [hint]))
        self.invoke(job, rivals)

    def _by_hand(self, loan_id: str) -> Job:
        """A transfer for a loan: a part, the very amount, or too much."""
        file = self.lender.store.loan_file(loan_id)
        owed = [i.outstanding_minor for i in file.unpaid] if file else []
        minor = self.chance.choice((500, owed[0] if owed else 100, sum(owed) or 100, sum(owed) + 7_000))
        reference = f"t-{self._number()}"
        money = arrived(reference, loan_id, Money(minor, "CNY"), self.lender.clock.at.date())
        if self.chance.random() < 0.3:  # the file tells of it too
            self.news.comes_in_a_file(BankLine(reference, Money(minor, "CNY"), loan_id), self.chance.randint(0, 3))
        return self.lender.book_money(f"transfer {loan_id}", [money])

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _operation(self, loan_id: str) -> Job:
        """An operator at work on one of the loan's attempts."""
        attempts = self.lender.store.attempts(loan_id)
        if not attempts:
            return self.lender.reconcile()
        attempt = self.chance.choice(attempts)
        verb = self.chance.choice((Verb.RECHECK, Verb.RECHARGE, Verb.RECHARGE, Verb.REFUND, Verb.REOPEN))
        return self.people.operates(verb, attempt)

    def _switch_off(self) -> Job:
        """Something is switched off, and on again some hours after that."""
        name = self.people.switch_names(self.rails, self.products)
        on_again = timedelta(minutes=self.chance.choice((1, 45, 600)))
        off, on = self.people.turns_switch(name, on=False), self.people.turns_switch(name, on=True)

        def run() -> None:
            off.run()
            self.later(on_again, lambda: self.invoke(on, ()))

        return Job(off.name, run)

    def _change_mandate(self) -> None:
        """A borrower turns deduction off or on, perhaps while it is at work."""
        loan = self.chance.choice(self.holdings).loan.loan_id
        job = self.people.changes_mandate(loan, self.chance.choice((Purpose.CANCEL, Purpose.ENABLE)))
        self.invoke(job, [self.people.pays_now(loan)] if self.plan.armed and self.chance.random() < 0.5 else [])

    def _review(self) -> None:
        for job in self.people.reviews():
            self.invoke(job, ())

    # holds and words

    def _hold(self) -> None:
        loan_id = self.chance.choice(self.holdings).loan.loan_id
        self.invoke(self._sets_hold(loan_id), self._at_work(loan_id))

    def _sets_hold(self, loan_id: str) -> Job:
        def end_some_day(hold_id: str) -> None:
            wait = timedelta(minutes=self.chance.choice((1, 700, 4000, 20_000)))
            self.later(wait, lambda: self.invoke(self.people.ends_hold(loan_id, hold_id), self._at_work(loan_id)))

        return self.people.sets_hold(loan_id, end_some_day)

    def _at_work(self, loan_id: str) -> list[Job]:
        """The three lines at one loan, at this very moment."""
        file = self.lender.store.loan_file(loan_id)
        if file is None or not self.plan.armed or self.chance.random() > 0.5:
            return []
        found = [self.lender.work(Line.CONTACT, [file.loan.borrower_id]), self.lender.work(Line.STAGE, [loan_id])]
        if file.unpaid:
            found.append(self.lender.work(Line.DEBIT, [keys.debit_key(loan_id, i.number) for i in file.unpaid]))
        return found

    def _word(self) -> None:
        """A borrower writes to the number from which messages come."""
        holding = self.chance.choice(self.holdings)
        file = self.lender.store.borrower_file(holding.borrower.borrower_id)
        if file and file.borrower.phone:
            self.news.word(self._inbound(file), lambda: self._at_work(holding.loan.loan_id))

    def _inbound(self, file: BorrowerFile) -> Inbound:
        at: datetime = self.lender.clock.at
        name = next(iter(PROVIDERS.values()))
        phone, reference = file.borrower.phone or "+440", f"in-{self._number()}"
        return Inbound(name, phone, self.chance.choice(_WORDS), "10690000", at, reference)
