"""What became of a request, as counts and as JSON. The answer holds the notice, which the caller shows; no log does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from shared.domain import keys
from shared.domain.book import AuditEntry, Mandate, MandateStatus
from shared.domain.funding import source_text
from shared.domain.mandate_requests import (
    Answer,
    AskChange,
    Asked,
    Changed,
    ConfirmChange,
    MandateRequest,
    Refused,
    Standing,
)
from shared.domain.risk_notice import RiskNotice


@dataclass(frozen=True, slots=True)
class Done:
    request: MandateRequest
    result: Answer

    @property
    def counts(self) -> Mapping[str, int]:
        """One: `mandate.cancel.changed`, `mandate.enable.CODE_WRONG`, `mandate.shown`."""
        match self.request:
            case AskChange(purpose=what) | ConfirmChange(purpose=what):
                subject = f"mandate.{what}"
            case _:
                subject = "mandate"
        match self.result:
            case Refused(reason):
                return {f"{subject}.{reason.name}": 1}
            case Asked():
                return {f"{subject}.asked": 1}
            case Changed():
                return {f"{subject}.changed": 1}
            case Standing():
                return {f"{subject}.shown": 1}
            case _:
                assert_never(self.result)

    @property
    def failures(self) -> Mapping[str, int]:
        """None: what fails here fails as a whole."""
        return {}

    @property
    def answer(self) -> dict[str, Any]:
        match self.result:
            case Refused(reason, notice, tries_left, source):
                more: dict[str, Any] = {"notice": _notice(notice)} if notice else {}
                more |= {"tries_left": tries_left} if tries_left is not None else {}
                more |= {"source": source_text(source)} if source else {}
                return {"refused": {"reason": reason.name, "sentence": reason.value, **more}}
            case Asked(notice, expires_at):
                return {"asked": {"notice": _notice(notice), "code_expires_at": keys.instant(expires_at)}}
            case Changed(mandates, at):
                said = [{"mandate_id": mandate_id, "status": status.value} for mandate_id, status in mandates]
                return {"changed": {"mandates": said, "at": keys.instant(at)}}
            case Standing(mandates, history, lately):
                return {
                    "standing": {
                        "mandates": [_mandate(mandate, status) for mandate, status in mandates],
                        "cancelled_lately": lately,
                        "history": [_entry(entry) for entry in history],
                    }
                }
            case _:
                assert_never(self.result)


def _notice(notice: RiskNotice) -> dict[str, Any]:
    return {
        "text": notice.text,
        "hash": notice.text_hash,
        "version": notice.version,
        "claimed": [
            {
                "reference": debit.reference,
                "amount": debit.amount.decimal(),
                "currency": debit.amount.currency,
                "numbers": list(debit.numbers),
            }
            for debit in notice.claimed
        ],
    }


def _mandate(mandate: Mandate, status: MandateStatus) -> dict[str, Any]:
    return {
        "mandate_id": mandate.mandate_id,
        "rail": mandate.rail,
        "status": status.value,
        "signed_on": mandate.signed_on.isoformat(),
        "since": keys.instant(mandate.since) if mandate.since else None,
        "expires_on": mandate.expires_on.isoformat() if mandate.expires_on else None,
        "funding": [{"kind": source.kind.value, "dead": source.is_dead} for source in mandate.funding],
    }


def _entry(entry: AuditEntry) -> dict[str, Any]:
    return {
        "at": keys.instant(entry.at),
        "what": entry.what,
        "actor": entry.actor,
        "reason": entry.reason,
        "detail": dict(entry.detail),
    }
