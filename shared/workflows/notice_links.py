"""Makes the short link of a message, before its claim.

Safe to run twice: its name is derived from the notice's key. A claim that is lost afterwards leaves a link that nobody
was sent, to no notice or to the one that won.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import keys
from shared.domain.errors import StoreError
from shared.domain.policy import Policy
from shared.domain.short_link import link_for
from shared.ports.links import LinkRows, Links


@dataclass(frozen=True, slots=True)
class NoticeLinks:
    """What makes links; `address` is what stands before the code: `https://k.example/`."""

    links: Links
    rows: LinkRows
    address: str

    def link(self, borrower_id: str, notice_key: str, policy: Policy, now: datetime) -> str | None:
        """A link for a notice that is about to be claimed; None where policy has none, where another notice has its
        name, and where the secret cannot be read or the row not written: the message goes without it.

        One conditional put: one write unit.
        """
        if not policy.link_days:
            return None
        hint = keys.notice_hint(borrower_id, notice_key)
        link = link_for(hint, now + timedelta(days=policy.link_days))
        try:
            code = self.links.code(link)
            return self.address + code if self.rows.put(link.name, hint, link.expires_at) else None
        except StoreError:
            return None
