"""Turning a switch: the board as it stood and as it shall stand, with who turned it and why."""

from dataclasses import dataclass

from shared.domain import keys
from shared.domain.book import AuditEntry
from shared.domain.errors import BookError, InputError
from shared.domain.switches import Switches, checked_name
from shared.ports.world import Clock, SwitchWriter

_MOST_RACES = 10


@dataclass(frozen=True, slots=True)
class SwitchTurning:
    """The ports of turning switches."""

    board: SwitchWriter
    clock: Clock

    def turn(self, name: str, *, on: bool, reason: str, actor: str) -> Switches:
        """The board with the switch turned, and noted under `keys.SWITCHES`; one that stands so already is noted too.

        Raises InputError for a name that is none, and what `Switches.turned` raises.
        """
        checked_name(name)
        if not reason.strip():
            raise InputError("turning a switch needs a reason")
        for number in range(_MOST_RACES):
            was, now = self.board.stored(), self.clock.now()
            turned = was.turned(name, on=on)
            what = f"switch.{'on' if on else 'off'}"
            detail = {"name": name, "was": _said(was), "is": _said(turned)}
            revision = keys.audit_revision(now, f"{what}:{name}:{number}")
            note = AuditEntry(keys.SWITCHES, revision, now, actor, what, reason, detail)
            if self.board.write(turned, was, note):
                return turned
        raise BookError("the switch board changes all the time")


def _said(switches: Switches) -> str:
    if not switches.on:
        return "everything off"
    return f"off: {' '.join(sorted(switches.off))}" if switches.off else "everything on"
