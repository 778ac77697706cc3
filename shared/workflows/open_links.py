"""Short links in messages, opened by whoever holds the phone.

Safe to run twice: the first click is kept. A link shows what is owed when it is opened, and never who owes it. A
messenger's preview opens links too: a click says that the message arrived, and little of a person.
"""

from dataclasses import dataclass
from datetime import date, datetime

from shared.domain import keys
from shared.domain.answers import answer_text
from shared.domain.book import Borrower, NoticeRecord, NoticeState
from shared.domain.calendar import business_date
from shared.domain.errors import BookError, PolicyError
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.short_link import LinkRefusal
from shared.domain.wording import language_of, locale_for, written_amount, written_date
from shared.ports.book import Book
from shared.ports.links import LinkRows, Links
from shared.ports.messages import Receipt, What
from shared.ports.world import Clock, PolicyShelf
from shared.workflows.deliveries import changes_of, heard
from shared.workflows.facts import policy_or_none
from shared.workflows.passes import Summary

_MOST_RACES = 3
BY_LINK = "link"
"""The provider that a click is said by: ourselves."""


@dataclass(frozen=True, slots=True)
class LinkPage:
    """What a link shows, in words: no name, no number, no account."""

    language: str  # of all that follows: zh-CN, en
    title: str
    lines: tuple[str, ...]
    how: str
    help: str


@dataclass(frozen=True, slots=True)
class LinkDoor:
    """The ports of opening links."""

    book: Book
    links: Links
    rows: LinkRows
    shelf: PolicyShelf
    clock: Clock

    def open(self, code: str) -> tuple[LinkPage | None, Summary]:
        """The page behind a code; None for one that is forged, over or unknown: who asks is not told which."""
        summary, now = Summary(), self.clock.now()
        link = self.links.opened(code, now)
        if isinstance(link, LinkRefusal):
            summary.counts[f"link.refused.{link.name}"] += 1
            return None, summary
        hint = self.rows.notice_of(link.name)
        record = self._clicked(hint, now) if hint else None
        file = self.book.borrower_file(record.borrower_id) if record else None
        page = self._page(record, file.borrower, now) if record and file else None
        summary.counts["link.opened" if page else "link.of-nobody"] += 1
        return page, summary

    def _clicked(self, hint: str, now: datetime) -> NoticeRecord | None:
        """The notice, with its first click written down: who opens its link has got it."""
        for _ in range(_MOST_RACES):
            record = self.book.notice(*keys.parse_notice_hint(hint))
            if record is None or record.state is NoticeState.RELEASED:
                return None
            after = heard(record, Receipt(BY_LINK, What.CLICKED, now, "link", key=hint))
            if record.clicked_at or self.book.commit(changes_of(record, after)):
                return after
        raise BookError("a notice changes all the time")

    def _page(self, record: NoticeRecord, borrower: Borrower, now: datetime) -> LinkPage | None:
        """What is owed by now of what the message was about."""
        owed: list[tuple[date, Money]] = []
        policy: Policy | None = None
        for loan_id, number in dict.fromkeys(keys.parse_tier_key(tier) for tier in record.covers):
            file = self.book.loan_file(loan_id)
            if file is None:
                continue
            policy = policy or policy_or_none(self.shelf, file.loan.product, now, borrower.country)
            instalment = file.instalment(number)
            if instalment and not instalment.is_paid:
                owed.append((instalment.due_on, instalment.outstanding))
        if policy is None:
            if record.covers:
                raise PolicyError("no valid policy for what a link is about")
            return None
        locale = locale_for(borrower.locale, policy)
        today = business_date(now, policy.business_zone)
        lines = tuple(_line(day, amount, today, locale, policy) for day, amount in sorted(owed, key=lambda one: one[0]))
        return LinkPage(
            locale,
            answer_text("page_title", locale, policy),
            lines or (answer_text("page_paid", locale, policy),),
            answer_text("page_how", locale, policy),
            answer_text("page_help", locale, policy),
        )


def _line(day: date, amount: Money, today: date, locale: str, policy: Policy) -> str:
    language = language_of(locale)
    name = "page_overdue" if day < today else "page_due"
    return answer_text(name, locale, policy, amount=written_amount(amount, language), date=written_date(day, language))
