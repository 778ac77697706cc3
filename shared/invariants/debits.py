"""Debits: who claimed what, under which mandate, after which notice, how often."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta

from shared.invariants.money import GATEWAY
from shared.invariants.rows import AttemptRow, InstalmentRow, MandateRow, Snapshot
from shared.invariants.rules import RailRules, Rules
from shared.invariants.terms import Breach, Terms

_ENDS_MANDATE = {"mandate-dead": "revoked", "account-dead": "suspended", "risk": "suspended"}
"""Answers of a rail after which a mandate debits no more, and what the mandate is then."""

_STAMPED = timedelta(minutes=5)
"""How long before it is written a row may have been stamped: workers read the clock once, and live no longer."""

_IN_A_ROW = frozenset({"insufficient", "limit"})
"""Answers that count as the borrower's failures in a row, over all loans."""


def claims_match(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """A claimed instalment has exactly one open attempt, and an open attempt's instalments are claimed."""
    held: dict[tuple[str, int], list[AttemptRow]] = defaultdict(list)
    for attempt in book.attempts:
        if attempt.is_open and attempt.refunds is None:
            for number in attempt.numbers:
                held[attempt.loan_id, number].append(attempt)
    for row in book.instalments:
        attempts = held.pop((row.loan_id, row.number), [])
        if row.state == "claimed" and len(attempts) != 1:
            yield Breach("claims-match", row.key, f"claimed, with {len(attempts)} open attempts")
        elif row.state != "claimed" and attempts:
            yield Breach("claims-match", row.key, f"{row.state}, and attempt {attempts[0].seq} on it is open")
    for (loan_id, number), attempts in held.items():
        yield Breach(
            "claims-match", attempts[0].key, f"is open on instalment {number} of {loan_id}, which does not exist"
        )


def amounts_were_owed(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """No attempt was for more than what was outstanding at its claim.

    What had been paid by then is what came with the import and through earlier attempts of the loan; a payment by hand
    may be dated before the claim and booked after it, so that it proves nothing, and neither does what came again. What
    an instalment gave back may have been there when the attempt was claimed.
    """
    for attempt in book.attempts:
        if attempt.refunds is not None:
            continue
        rows = [row for n in attempt.numbers if (row := book.instalment.get((attempt.loan_id, n)))]
        before = _paid_before(book, attempt)
        owed = sum(row.due_minor - before[row.number] for row in rows)
        if not 0 < attempt.amount_minor <= owed:
            yield Breach("amounts-were-owed", attempt.key, f"for {attempt.amount_minor}, when {owed} was outstanding")
        elif any(row.currency != attempt.currency for row in rows):
            yield Breach("amounts-were-owed", attempt.key, f"in {attempt.currency}, and the instalment is not")


def _paid_before(book: Snapshot, attempt: AttemptRow) -> Mapping[int, int]:
    paid: Counter[int] = Counter()
    for entry in book.entries_of.get(attempt.loan_id, []):
        if entry.kind == "reinstatement":
            continue
        earlier = book.attempt.get(entry.external_id) if entry.source == GATEWAY else None
        if entry.undoes and entry.kind != "resolution":
            earlier = book.attempt.get(entry.undoes.partition("#")[2])  # taken back by then, or later: who knows
        if entry.source == "import" or (earlier and earlier.seq < attempt.seq):
            for number, minor in entry.split:
                paid[number] += minor
    return paid


def budget_is_kept(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """An instalment is presented as often as its row says, at most as often as the rules and its rail allow over every
    owner, and by the schedule once in a slot from each account and for each amount."""
    presented: dict[tuple[str, int], list[AttemptRow]] = defaultdict(list)
    for attempt in book.attempts:
        if not attempt.is_void and attempt.refunds is None:
            for number in attempt.numbers:
                presented[attempt.loan_id, number].append(attempt)
    for row in book.instalments:
        attempts = presented[row.loan_id, row.number]
        for problem in _budget_problems(row, attempts, _most(book, row, attempts, terms)):
            yield Breach("budget-is-kept", row.key, problem)
        for problem in _rail_problems(row, [a for a in attempts if a.counts], terms):
            yield Breach("budget-is-kept", row.key, problem)


def _most(book: Snapshot, row: InstalmentRow, attempts: list[AttemptRow], terms: Terms) -> int | None:
    """How often the rules of the last attempt's day and rail allow; None where there are none."""
    loan = book.loan.get(row.loan_id)
    last = max(attempts, key=lambda attempt: attempt.seq, default=None)
    rules = terms.rules.on(loan.product, last.day) if loan and last else None
    if rules is None or last is None:
        return None
    rail = terms.rules.rail(last.rail, last.day)
    return rules.max_attempts if rail is None else min(rules.max_attempts, rail.max_attempts or rules.max_attempts)


def _budget_problems(row: InstalmentRow, attempts: list[AttemptRow], most: int | None) -> Iterator[str]:
    counted = [attempt for attempt in attempts if attempt.counts]
    if row.episode == 0 and row.attempts != len(counted):
        yield f"counts {row.attempts} attempts, {len(counted)} were made"
    if most is not None and (row.attempts > most or len(counted) > most * (row.episode + 1)):
        yield f"{len(counted)} attempts, {row.attempts} in this episode, {most} allowed"
    tries = Counter((a.slot, a.account_ref, a.amount_minor) for a in attempts if a.owner == "schedule")
    for (slot, _, _), times in tries.items():
        if times > row.episode + 1:
            yield f"{times} attempts in slot {slot}"


def _rail_problems(row: InstalmentRow, counted: list[AttemptRow], terms: Terms) -> Iterator[str]:
    """What the scheme of each attempt's rail forbids; a new episode is a new debit to it."""
    if row.episode > 0:
        return
    alone = [a for a in counted if len(a.numbers) == 1]  # an order over several speaks for none of them
    first = min((a.day for a in alone if a.day >= row.due_on), default=None)
    for (rail_name, day), times in Counter((a.rail, a.day) for a in counted).items():
        rail = terms.rules.rail(rail_name, day)
        if rail and rail.max_per_day is not None and times > rail.max_per_day:
            yield f"{times} attempts on {day}, {rail_name} takes {rail.max_per_day}"
    for attempt in alone:
        rail = terms.rules.rail(attempt.rail, attempt.day)
        if rail is None or first is None:
            continue
        if rail.attempts_within_days is not None and attempt.day > first + timedelta(days=rail.attempts_within_days):
            yield f"attempt {attempt.seq} is {(attempt.day - first).days} days after the first"
    yield from _other_amounts(counted, terms)


def _other_amounts(counted: list[AttemptRow], terms: Terms) -> Iterator[str]:
    """Other amounts than the one that failed, on rails that repeat no other; money that came starts a new debit."""
    failed: AttemptRow | None = None
    for attempt in counted:
        is_alone = len(attempt.numbers) == 1
        rail = terms.rules.rail(attempt.rail, attempt.day)
        if is_alone and failed and rail and rail.same_amount and failed.amount_minor != attempt.amount_minor:
            asked = f"{failed.amount_minor} failed, {attempt.amount_minor} was asked for"
            yield f"{attempt.rail} repeats one amount: {asked}"
        if attempt.outcome == "paid":
            failed = None
        elif is_alone:
            failed = attempt


def failures_stop(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """Where a rail's rule spans loans, nobody is debited after so many failures in a row before a newer authorisation,
    and his card holds a place for each debit that is open."""
    by_borrower: dict[str, list[AttemptRow]] = defaultdict(list)
    for attempt in book.attempts:
        loan = book.loan.get(attempt.loan_id)
        if loan and attempt.reserves:
            by_borrower[loan.borrower_id].append(attempt)
    for card in book.debit_cards:
        held = sum(attempt.is_open for attempt in by_borrower[card.borrower_id])
        if card.open != held:
            yield Breach("failures-stop", card.borrower_id, f"holds {card.open} places, {held} debits are open")
    for attempts in by_borrower.values():
        for attempt in attempts:
            rail = terms.rules.rail(attempt.rail, attempt.day)
            mandate = book.mandate.get((attempt.loan_id, attempt.mandate_id))
            if rail is None or rail.failures_in_row is None:
                continue
            stopped = _stopped_at(attempts, attempt, rail.failures_in_row, terms.skew)
            if stopped and (mandate is None or mandate.authorised_at <= stopped):
                problem = (
                    f"claimed after {rail.failures_in_row} failures in a row, the last at {stopped:%Y-%m-%dT%H:%M}"
                )
                yield Breach("failures-stop", attempt.key, problem)


def _stopped_at(attempts: list[AttemptRow], claimed: AttemptRow, most: int, skew: timedelta) -> datetime | None:
    """When the failures in a row that an attempt's claim came after last reached the limit.

    They count anew from there, and money after it lifts no stop. Where clocks leave open whether money came between
    the failures, it did.
    """
    answers = [(a.settled_at, a) for a in attempts if a.settled_at is not None]
    money = [at for at, a in answers if a.outcome == "paid"]
    failed = sorted(at for at, a in answers if a.outcome in _IN_A_ROW and _is_after(claimed, a, skew))
    row: list[datetime] = []
    stopped: datetime | None = None
    for at in failed:
        row = [*(since for since in row if not any(since - skew <= paid <= at + skew for paid in money)), at]
        if len(row) == most:
            row, stopped = [], at
    return stopped


def _is_after(claimed: AttemptRow, answered: AttemptRow, skew: timedelta) -> bool:
    """An attempt was claimed after another one's answer; on one loan their numbers tell, whatever the clocks say.

    A claim that comes after another one finds its answer, or the place that it holds until then.
    """
    if claimed.loan_id == answered.loan_id:
        return answered.seq < claimed.seq
    return answered.settled_at is not None and answered.settled_at + skew < claimed.claimed_at


def debit_hours_are_kept(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """What the schedule debits was claimed in its slot's hours, on the slot's day, not before the due date; and every
    debit while its rail takes any.

    One that was presented again under its own key keeps its slot, so that its last claim says nothing of the first.
    """
    for attempt in book.attempts:
        loan = book.loan.get(attempt.loan_id)
        rules = terms.rules.on(loan.product, attempt.day) if loan else None
        if rules is None or attempt.refunds is not None or attempt.is_void:
            continue
        rail = terms.rules.rail(attempt.rail, attempt.day)
        problem = _hours_problem(attempt, rules, book) if attempt.owner == "schedule" else None
        if problem is None and rail:
            problem = _rail_hours_problem(attempt, rail, book)
        if problem:
            yield Breach("debit-hours-are-kept", attempt.key, problem)


def _hours_problem(attempt: AttemptRow, rules: Rules, book: Snapshot) -> str | None:
    local = attempt.claimed_at.astimezone(rules.zone)
    slot = time.fromisoformat(attempt.slot[11:])
    if slot not in rules.slots:
        return f"slot {attempt.slot} is none"
    if any(
        attempt.day < row.due_on
        for n in attempt.numbers
        if (row := book.instalment.get((attempt.loan_id, n))) and row.episode == 0
    ):
        return f"slot {attempt.slot} is before the due date"
    if not rules.slots[0] <= local.time() < rules.debit_end:
        return f"claimed at {local:%H:%M} of the lender's time"
    if attempt.presented == 1 and (local.date() != attempt.day or local.time() < slot):
        return f"claimed at {local:%Y-%m-%dT%H:%M} for slot {attempt.slot}"
    return None


def _rail_hours_problem(attempt: AttemptRow, rail: RailRules, book: Snapshot) -> str | None:
    if not rail.is_open(attempt.claimed_at):
        return f"claimed at {attempt.claimed_at:%H:%M}Z, when {attempt.rail} takes none"
    if attempt.owner != "schedule":
        return None
    if attempt.presented == 1 and not rail.settles_on(attempt.day):
        return f"on {attempt.day}, when {attempt.rail} does not settle"
    rows = [row for n in attempt.numbers if (row := book.instalment.get((attempt.loan_id, n))) and row.episode == 0]
    for row in rows:
        if rail.days_after_due is not None and attempt.day > row.due_on + timedelta(days=rail.days_after_due):
            return f"{(attempt.day - row.due_on).days} days after the due date"
    return None


def claims_were_free(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """At its claim, every debit was at most what was outstanding, alone on its instalments, and under a mandate that
    was active."""
    for claim in book.claims or []:
        attempt = book.attempt.get(claim.key)
        if attempt is None or attempt.refunds is not None:
            continue
        if attempt.amount_minor > claim.outstanding_minor:
            problem = f"claimed {attempt.amount_minor}, when {claim.outstanding_minor} was outstanding"
            yield Breach("claims-were-free", claim.key, problem)
        if claim.open_others:
            yield Breach("claims-were-free", claim.key, f"claimed while {claim.open_others[0]} was open")
        if claim.mandate_status != "active" or claim.mandate_expired:
            stood = "had expired" if claim.mandate_expired else f"was {claim.mandate_status}"
            yield Breach("claims-were-free", claim.key, f"claimed when mandate {attempt.mandate_id} {stood}")


def requests_were_claimed(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """Every request on the wire had a claim of its own stored before it, and a key always means the same request."""
    sent: Counter[str] = Counter()
    meant: dict[str, tuple[object, ...]] = {}
    for request in book.requests or []:
        sent[request.key] += 1
        if request.presented is None:
            yield Breach("requests-were-claimed", request.key, "presented without an open claim")
        elif sent[request.key] > request.presented:
            problem = f"presented {sent[request.key]} times, claimed {request.presented} times"
            yield Breach("requests-were-claimed", request.key, problem)
        if meant.setdefault(request.key, request.parameters) != request.parameters:
            yield Breach("requests-were-claimed", request.key, "one key for two different requests")


def mandates_cover(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """Every attempt had a mandate of its loan, signed by then, for its account, that nothing had ended before."""
    for attempt in book.attempts:
        mandate = book.mandate.get((attempt.loan_id, attempt.mandate_id))
        if attempt.refunds is None and (problem := _mandate_problem(attempt, mandate, book, terms)):
            yield Breach("mandates-cover", attempt.key, problem)


def _mandate_problem(attempt: AttemptRow, mandate: MandateRow | None, book: Snapshot, terms: Terms) -> str | None:
    if mandate is None:
        return f"mandate {attempt.mandate_id} does not exist"
    accounts = [account.account_ref for account in mandate.accounts]
    may_differ = mandate.since is not None and mandate.since + _STAMPED >= attempt.claimed_at  # named anew since
    if mandate.rail != attempt.rail or not (may_differ or {attempt.account_ref, *attempt.funding} <= set(accounts)):
        return f"another rail or account than mandate {mandate.mandate_id}'s"
    if mandate.signed_on > attempt.day and (mandate.since is None or mandate.since <= attempt.claimed_at):
        return f"mandate {mandate.mandate_id} was signed on {mandate.signed_on}"
    if mandate.expires_on is not None and attempt.day > mandate.expires_on:
        return f"mandate {mandate.mandate_id} ended on {mandate.expires_on}"
    return _ended_before(attempt, mandate, book, terms)


def _ended_before(attempt: AttemptRow, mandate: MandateRow, book: Snapshot, terms: Terms) -> str | None:
    """What says that the mandate debited no more at the attempt's claim."""
    siblings = [a for a in book.attempts_of[attempt.loan_id] if a.mandate_id == mandate.mandate_id]
    for earlier in siblings:
        is_earlier = earlier.settled_at is not None and earlier.settled_at + terms.skew < attempt.claimed_at
        if is_earlier and _has_ended(mandate, earlier, attempt, terms.skew):
            return f"attempt {earlier.seq} had ended mandate {mandate.mandate_id} with {earlier.outcome}"
    if mandate.status == "active":
        return None
    if mandate.since is not None:
        if mandate.since + _STAMPED >= attempt.claimed_at:
            return None
        return f"mandate {mandate.mandate_id} was {mandate.status} since {mandate.since:%Y-%m-%dT%H:%M}"
    ended = {_ENDS_MANDATE[str(a.outcome)] for a in siblings if a.outcome in _ENDS_MANDATE}
    if mandate.status in ended:
        return None
    return f"mandate {mandate.mandate_id} is {mandate.status}, and no answer made it so"


def _has_ended(mandate: MandateRow, earlier: AttemptRow, attempt: AttemptRow, skew: timedelta) -> bool:
    """The earlier answer ended the mandate, or the very account, and nobody changed its status after that.

    Where clocks leave open whether an active one became so before the answer or after it, it was after.
    """
    if earlier.outcome not in _ENDS_MANDATE or earlier.settled_at is None:
        return False
    changed = mandate.since
    if changed is not None and mandate.status == "active":
        changed += skew
    return (changed is None or changed <= earlier.settled_at) and _is_about(mandate, earlier, attempt)


def _is_about(mandate: MandateRow, earlier: AttemptRow, attempt: AttemptRow) -> bool:
    """A dead account ends only itself, where the mandate names others."""
    if earlier.outcome != "account-dead" or len(mandate.accounts) == 1:
        return True
    return earlier.account_ref == attempt.account_ref


def debits_were_announced(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """Where rules ask for a pre-debit notice, one of at least the amount was claimed on an earlier business date."""
    for attempt in book.attempts:
        loan = book.loan.get(attempt.loan_id)
        rules = terms.rules.on(loan.product, attempt.day) if loan else None
        if rules is None or attempt.owner != "schedule" or attempt.refunds is not None:
            continue  # whoever asks for a debit himself needs no notice of it
        rail = terms.rules.rail(attempt.rail, attempt.day)
        if not (rules.notice_required or (rail and rail.notice_required)):
            continue
        lead = max(rules.notice_lead_days, rail.notice_lead_days if rail else 0)
        for number in attempt.numbers:
            row = book.instalment.get((attempt.loan_id, number))
            if row and not _is_announced(attempt, row, lead, book):
                yield Breach("debits-were-announced", attempt.key, f"no notice of it for instalment {number} in time")


def _is_announced(attempt: AttemptRow, row: InstalmentRow, lead_days: int, book: Snapshot) -> bool:
    latest = attempt.day - timedelta(days=lead_days)
    told = [
        notice
        for episode in range(row.episode + 1)
        for notice in book.notices_covering.get(f"PRE_DEBIT#{row.key}#{episode}", [])
    ]
    return any(n.business_date <= latest and n.amount_minor >= attempt.amount_minor for n in told)
