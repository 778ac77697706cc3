"""Two replays of one history under different packs: which messages, debits and balances differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.domain import keys
from shared.domain.book import Stage
from shared.replay.files import Content, as_document, as_table
from shared.replay.record import AttemptLine, NoticeLine, Played

CHANGES, COMPARED = "changes.csv", "compare.json"
_COLUMNS = ("what", "subject", "key", "before", "after")


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One message or debit that is there under one set of packs only, or otherwise."""

    what: str  # message, debit
    subject: str  # a borrower or a loan
    key: str
    before: str  # empty: it was not there
    after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    changes: tuple[Change, ...]
    before: Played
    after: Played


def compare(before: Played, after: Played) -> Comparison:
    """What the second replay did otherwise than the first."""
    messages = _differences("message", _messages(before), _messages(after))
    debits = _differences("debit", _debits(before), _debits(after))
    return Comparison(tuple(sorted((*messages, *debits))), before, after)


def _differences(
    what: str, before: Mapping[tuple[str, str], str], after: Mapping[tuple[str, str], str]
) -> Iterator[Change]:
    for place in sorted(before.keys() | after.keys()):
        one, other = before.get(place, ""), after.get(place, "")
        if one != other:
            yield Change(what, *place, one, other)


def _messages(played: Played) -> dict[tuple[str, str], str]:
    """What went out; a line that tells of nobody reached is no message."""

    def told(line: NoticeLine) -> str:
        text = played.texts.get(keys.notice_hint(line.borrower_id, line.notice))
        said = f"{line.decided_at:%Y-%m-%dT%H:%MZ} {line.channel}"
        return f"{said} text {text}" if text else said

    return {(line.borrower_id, line.notice): told(line) for line in played.notices if line.decision == "act"}


def _debits(played: Played) -> dict[tuple[str, str], str]:
    def told(line: AttemptLine) -> str:
        numbers, amount = " ".join(map(str, line.numbers)), played.decimal(line.amount_minor)
        return f"{line.business_date} instalment {numbers} {amount} {line.outcome}"

    return {(line.loan_id, f"P{line.seq:06d}"): told(line) for line in played.attempts}


def files_of(found: Comparison, sums: Mapping[str, object]) -> dict[str, Content]:
    """Every change, and the sums of them, as the files of a comparison."""
    rows = ((c.what, c.subject, c.key, c.before, c.after) for c in found.changes)
    return {CHANGES: as_table(_COLUMNS, rows), COMPARED: as_document(sums)}


def sums_of(found: Comparison) -> dict[str, object]:
    """How many messages and debits changed, and the money; amounts as decimal strings."""
    amount = found.before.decimal
    sums: dict[str, object] = {
        "days_outside_pack_validity": {"before": found.before.days_outside, "after": found.after.days_outside}
    }
    for what in ("message", "debit"):
        mine = [change for change in found.changes if change.what == what]
        sums[f"{what}s"] = {
            "gone": sum(not change.after for change in mine),
            "new": sum(not change.before for change in mine),
            "otherwise": sum(bool(change.before and change.after) for change in mine),
            "of": len({change.subject for change in mine}),
        }
    one, other = (_debited(played) for played in (found.before, found.after))
    sums["debited"] = {"before": amount(one), "after": amount(other), "more": amount(other - one)}
    ends = [dict(_at_the_end(played)) for played in (found.before, found.after)]
    sums["outstanding_at_the_end"] = {
        stage.value: {"before": amount(ends[0].get(stage, 0)), "after": amount(ends[1].get(stage, 0))}
        for stage in Stage
    }
    return sums


def _debited(played: Played) -> int:
    return sum(line.amount_minor for line in played.attempts if line.outcome == "paid")


def _at_the_end(played: Played) -> Iterator[tuple[Stage, int]]:
    last = max((level.day for level in played.levels), default=None)
    return ((level.bucket, level.outstanding_minor) for level in played.levels if level.day == last)
