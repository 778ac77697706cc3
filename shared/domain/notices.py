"""A message of the contact line: what it tells and of which loans, and what the card says once it is on its way."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from shared.domain import keys
from shared.domain.bandit import Drawn
from shared.domain.book import ContactCard, LoanFile, Stage, Told
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.learning import Arm
from shared.domain.money import Money
from shared.domain.steps import Step
from shared.domain.tiers import NoticeKind, rank

_REMEMBERED = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Item:
    """What of a message is about one loan."""

    loan_id: str
    product: str
    amount: Money
    date: date


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: the steps that it tells, and what its text says. Its key is that of the first step."""

    kind: NoticeKind
    borrower_id: str
    covers: tuple[Step, ...]
    amount: Money
    date: date
    count: int  # of instalments (or loans) that the amount is made of
    product: str
    tone: Stage  # how firm: CURRENT up to the due date
    policy_version: str
    message_class: MessageClass
    channels: tuple[Channel, ...]  # open now, in the order in which they are tried
    ways: tuple[Channel, ...]  # those, and others that open later; none: nobody can be reached, which is recorded
    items: tuple[Item, ...] = ()  # by loan, the oldest first; together they are the amount
    again: int = field(default=0, compare=False)  # the how manieth repeat, each of which has a key of its own
    learned: Drawn[Arm] | None = field(default=None, compare=False)  # which arm won for it, where policy learns

    @property
    def key(self) -> str:
        return keys.repeated(self.covers[0].key, self.again)


def items_of(owed: Iterable[tuple[LoanFile, int, date]], currency: str) -> tuple[Item, ...]:
    by_loan: dict[tuple[str, str], list[tuple[int, date]]] = {}
    for file, minor, day in owed:
        by_loan.setdefault((file.loan.loan_id, file.loan.product), []).append((minor, day))
    items = (
        Item(*loan, Money(sum(minor for minor, _ in parts), currency), min(day for _, day in parts))
        for loan, parts in by_loan.items()
    )
    return tuple(sorted(items, key=lambda item: (item.date, item.loan_id)))


def told_after(card: ContactCard, notice: Notice, files: Iterable[LoanFile], today: date) -> ContactCard:
    """The card once the notice is on its way: its steps are told, and a loan told as settled is followed no longer.

    What was told a month ago about an instalment that is paid by now is forgotten, and not before: money that leaves a
    settled loan again opens it, and nothing is told a second time then.
    """
    told = dict(card.told)
    for step in notice.covers:
        old = told.get(step.told_key)
        tier = max(step.tier, old.tier, key=rank) if old else step.tier
        if step.kind is NoticeKind.PRE_DEBIT:
            told[step.told_key] = Told(tier, today, today, step.amount.minor)
        elif old is not None:
            told[step.told_key] = replace(old, tier=tier, on=today)
        else:
            told[step.told_key] = Told(tier, today)
    gone = {step.loan_id for step in notice.covers if step.kind is NoticeKind.SETTLED}
    unpaid = {keys.told_key(i.loan_id, i.number, i.episode) for f in files for i in f.unpaid}
    kept = {key: value for key, value in told.items() if key in unpaid or value.on >= today - _REMEMBERED}
    return replace(card, told=kept, loan_ids=tuple(i for i in card.loan_ids if i not in gone))
