"""Wrong rule books are deployed, three in a day: nothing goes out, alarms ring, and the right one catches up."""

from collections import Counter
from datetime import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from drills.lab import BAD_DAY, PLAN, Lab, Outcome, Tell, asked_twice, instant, lab, live, must_hold_always, rang
from drills.packs import Mistake, checked, deploy, lines, written
from drills.seen import Seen
from shared.domain.book import MandateStatus

NAME = "wrong-pack"
_MISSING = Mistake("a leaf is missing", "lender.toml", "max_sends = {", "max_sents = {")
_EXPIRED = Mistake("expired the day before", "lender.toml", "valid_to = 2027-12-31", "valid_to = 2026-03-06")
_MALFORMED = Mistake(
    "a leaf that is none", "lender.toml", "link_days = { value = 0, kind", "link_days = { worth = 0, kind"
)
LOOSER = Mistake(
    "the lender allows more than the country",
    "lender.toml",
    "[contact.max_parts]",
    '[contact.windows]\nlate = { value = { classes = "all", channels = "all", weekdays = "all", from = "06:00",'
    ' to = "23:30" }, kind = "own design", sure = "design", source = "a mistake" }\n\n[contact.max_parts]',
)
DEPLOYED = {time(8): _MISSING, time(12): _EXPIRED, time(20): _MALFORMED}


def play(port: int | None, tell: Tell) -> Seen:
    seen = Seen(NAME)
    with TemporaryDirectory() as scratch, lab(port, tell) as (stack, book):
        right = written(Path(scratch) / "right")
        evening: dict[str, Any] = {"functions": 0}
        found = {"the packs that ship": checked(right)}
        for clock, mistake in DEPLOYED.items():
            folder = written(Path(scratch) / mistake.pack.replace(".toml", f"-{clock:%H}"), mistake)
            found[mistake.name] = checked(folder)
            stack.at(BAD_DAY, clock, _deployed(stack, folder, evening))
        found[LOOSER.name] = checked(written(Path(scratch) / "looser", LOOSER))

        def is_wrong() -> None:
            evening.update(after=stack.metrics(), status=stack.status(), texts=len(stack.inbox()))
            evening["charges"] = len(stack.charges())

        stack.evenings[BAD_DAY] = is_wrong
        stack.at(BAD_DAY + 1, time(8), _deployed(stack, right, {}))
        ended = live(stack, book, tell)
        seen.numbers |= lines(found)
        _judge(seen, stack, ended, evening)
        refused = [name for name, (code, _) in found.items() if code == 0]
        seen.must_be("policy check passes the packs that ship and none of the others", refused, ["the packs that ship"])
        must_hold_always(seen, stack, ended)
    return seen


def _deployed(stack: Lab, folder: Path, evening: dict[str, Any]) -> Any:
    def begin() -> None:
        evening.setdefault("before", stack.metrics())
        evening.setdefault("texts_before", len(stack.inbox()))
        evening.setdefault("charges_before", len(stack.charges()))
        evening["functions"] = deploy(stack, folder)

    return begin


def _judge(seen: Seen, stack: Lab, ended: Outcome, evening: dict[str, Any]) -> None:
    bad, records = PLAN.day(BAD_DAY), ended.records
    counted = evening["after"] - evening["before"]
    missing = {service: n for (service, name), n in sorted(counted.items()) if name == "defer.POLICY_MISSING"}
    by_hand = sum(e.source == "transfer" and e.booked_on == bad for e in records.entries)
    debits = Counter(a.slot[:10] for a in records.attempts)
    messages = Counter(n.business_date for n in records.notices)
    due = {line: one["due"] for line, one in evening["status"]["lines"].items()}
    seen.numbers |= {
        "functions with the wrong packs": evening["functions"],
        "messages that left on the bad day": evening["texts"] - evening["texts_before"],
        "debits at the gateway on the bad day": evening["charges"] - evening["charges_before"],
        "deferred with POLICY_MISSING": ", ".join(f"{service} {n}" for service, n in missing.items()),
        "alarms on the bad day": rang(stack, evening["before"], evening["after"]),
        "scheduled runs that failed on their packs": stack.failed_runs,
        "status in the evening, rows due": ", ".join(f"{line} {n}" for line, n in due.items()),
        "payments by hand, booked on the bad day all the same": by_hand,
        "messages on the days from before to after": _around(messages),
        "debits on the days from before to after": _around(Counter({d: debits[str(d)] for d in _days()})),
    }
    seen.must_be("no message left on the bad day", evening["texts"] - evening["texts_before"], 0)
    seen.must_be("the gateway was asked for nothing", evening["charges"] - evening["charges_before"], 0)
    seen.must("no message was claimed", [n.notice_key for n in records.notices if n.business_date == bad])
    seen.must("no debit was claimed", [a.loan_id for a in records.attempts if a.slot.startswith(str(bad))])
    seen.must("no stage was entered", [e.loan_id for e in records.escalations if e.entered_on == bad])
    rings = rang(stack, evening["before"], evening["after"])
    wanted = [f"duebell-{f}-policy-missing" for f in ("send_reminders", "attempt_deductions", "record_escalations")]
    seen.must("the alarm of each line rings", [alarm for alarm in wanted if alarm not in rings])
    seen.must("what fell due on the bad day was debited or paid in the end", _forgotten(ended))
    seen.must("on the morning after nobody is asked twice for an instalment", asked_twice(ended, PLAN.day(BAD_DAY + 1)))


def _days() -> list[Any]:
    return [PLAN.day(number) for number in range(BAD_DAY - 1, BAD_DAY + 3)]


def _around(counts: Counter[Any]) -> str:
    return ", ".join(str(counts[day]) for day in _days())


def _forgotten(ended: Outcome) -> list[str]:
    """Instalments of the bad day under an active mandate that are neither paid nor were tried after it."""
    bad, back = PLAN.day(BAD_DAY), instant(BAD_DAY + 1, time(0))
    active = {m.loan_id for m in ended.records.mandates if m.status is MandateStatus.ACTIVE}
    tried = {(a.loan_id, n) for a in ended.records.attempts if a.born_at >= back for n in a.numbers}
    return [
        f"{i.loan_id}#{i.number}"
        for i in ended.records.instalments
        if i.due_on == bad and i.loan_id in active and not i.is_paid and (i.loan_id, i.number) not in tried
    ]
