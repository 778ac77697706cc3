"""What the queue of repayments carries, handed to whoever books it: money, rows and files of a bank, a rail's word.

Safe to run twice, as each of them is.
"""

from dataclasses import dataclass
from typing import assert_never

from shared.domain.bank_file import BankFileNews, BankRows
from shared.domain.mandate_requests import RailWord
from shared.domain.repayment import Arrived, GatewayReport, GivenAgain, Repayment, TakenBack
from shared.ports.stub import EventQueue
from shared.ports.webhooks import BankFiles
from shared.workflows.passes import Summary
from shared.workflows.rail_news import RailNews
from shared.workflows.read_bank_files import BankFileReader
from shared.workflows.record_repayments import Repayments

type News = Arrived | BankFileNews | BankRows | RailWord


@dataclass(frozen=True, slots=True)
class RepaymentsIntake:
    """Everything that the queue of repayments carries."""

    repayments: Repayments
    files: BankFiles
    queue: EventQueue

    def work(self, news: News, run: str, summary: Summary | None = None) -> Summary:
        """What became of one message."""
        summary = summary or Summary()
        match news:
            case Repayment() | GatewayReport() | TakenBack() | GivenAgain():
                return self.repayments.work([news], run, summary)
            case BankFileNews(files):
                return self._reader.read(files, summary)
            case BankRows():
                return self._reader.book(news, run, summary)
            case RailWord():
                summary.counts.update(RailNews(self.repayments.book, self.repayments.clock).work(news).counts)
                return summary
            case _:
                assert_never(news)

    @property
    def _reader(self) -> BankFileReader:
        return BankFileReader(self.repayments, self.files, self.queue)
