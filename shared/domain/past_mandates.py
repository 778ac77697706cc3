"""Mandates as they stood at an instant: by what is noted of each change, and by attempts whose answers ended one."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from shared.domain.book import Attempt, AttemptState, AuditEntry, Mandate, MandateStatus, Outcome
from shared.domain.funding import funding_before
from shared.domain.mandates import ANSWERED, CHANGED
from shared.domain.outcomes import RULES

_NEW = "none"
"""What the audit says that a mandate was before it was signed."""


def mandates_before(
    now: Iterable[Mandate], audit: Iterable[AuditEntry], attempts: Iterable[Attempt], at: datetime
) -> tuple[Mandate, ...]:
    """The mandates that were there before an instant, each in its status of then, with its accounts of then."""
    noted = sorted((e for e in audit if e.what.startswith(CHANGED)), key=lambda e: (e.at, e.revision))
    answers = [a for a in attempts if a.state is AttemptState.SETTLED and a.settled_at and a.settled_at >= at]
    found = (_rewound(mandate, noted, answers, at) for mandate in now)
    return tuple(mandate for mandate in found if mandate is not None)


def _rewound(mandate: Mandate, changes: list[AuditEntry], answers: list[Attempt], at: datetime) -> Mandate | None:
    own = [a for a in answers if a.mandate_id == mandate.mandate_id]
    ever = [e for e in changes if f"was.{mandate.mandate_id}" in e.detail]
    noted = [e for e in ever if e.at >= at]
    change = next(iter(noted), None)
    was = change.detail[f"was.{mandate.mandate_id}"] if change else mandate.status
    if was == _NEW:
        return None
    ends = [a for a in own if a.outcome and RULES[a.outcome].ends_mandate == was]
    is_first = any(change is None or (a.settled_at and a.settled_at < change.at) for a in ends)
    mandate = replace(mandate, status=MandateStatus.ACTIVE if is_first else MandateStatus(was))
    funded = next((e for e in noted if funding_before(e)), None)
    before = [a for a in own if funded is None or (a.settled_at and a.settled_at < funded.at)]
    died = {a.account_ref for a in before if a.outcome is Outcome.ACCOUNT_DEAD}
    sources = funding_before(funded) if funded else mandate.funding
    funding = tuple(replace(s, is_dead=s.is_dead and s.account_ref not in died) for s in sources)
    since = mandate.since
    if since is not None and since >= at:
        since = max((e.at for e in ever if e.at < at and _began(e, mandate)), default=None)
    return replace(mandate, funding=funding, since=since)


def _began(entry: AuditEntry, mandate: Mandate) -> bool:
    """It set since when the mandate is as it is: an answer that called one of its accounts dead did not."""
    was, now = (entry.detail.get(f"{side}.{mandate.mandate_id}") for side in ("was", "now"))
    return entry.what != f"{CHANGED}{ANSWERED}" or was != now
