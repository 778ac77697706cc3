"""The rule books under which lives are lived: the packs as they ship, and the same with some leaves of ours.

An overlay is `{(pack, path): value}`; each side lays it over what it read by itself. `without` are packs left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

type Overlay = Mapping[tuple[str, str], object]


@dataclass(frozen=True, slots=True)
class Setting:
    overlay: Overlay = field(default_factory=dict)
    without: frozenset[str] = frozenset()


_OPEN: Overlay = {
    ("lender", "provider.push"): "push",
    ("lender", "provider.voice"): "voice",
    ("lender", "provider.email"): "ses",
    ("voice", "provider.not_countries"): [],
    ("push", "provider.not_countries"): [],
}
_SENT = ("service-reminder", "pre-debit-notice", "collection", "legal-notice", "receipt")


def _order(*channels: str) -> Overlay:
    return {("lender", f"contact.channels.{one}"): list(channels) for one in _SENT}


_TIGHT: Overlay = {
    ("lender", "contact.windows.office"): {
        "classes": "all",
        "channels": "all",
        "weekdays": [1, 2, 3, 4, 5],
        "from": "10:15",
        "to": "17:45",
    },
    ("lender", "contact.windows.saturday"): {
        "classes": ["receipt", "collection"],
        "channels": ["sms", "push"],
        "weekdays": [6],
        "from": "11:00",
        "to": "13:30",
    },
    ("lender", "contact.caps.rare"): {
        "channels": "all",
        "classes": "all",
        "counts": "attempt",
        "scope": "borrower",
        "max": 2,
        "hours": 72,
    },
    ("sandbox", "contact.windows.carrier"): {
        "classes": ["collection"],
        "channels": ["sms"],
        "weekdays": "all",
        "from": "12:00",
        "to": "20:00",
    },
    ("sandbox", "contact.caps.carrier"): {
        "channels": ["sms"],
        "classes": ["receipt"],
        "counts": "sent",
        "scope": "address",
        "max": 1,
        "hours": 30,
    },
}

SETTINGS: Mapping[str, Setting] = {
    "shipped": Setting(),
    "all": Setting({**_OPEN, **_order("sms", "push", "email", "voice")}),
    "calls": Setting({**_OPEN, **_order("voice", "sms", "email", "push")}),
    "mail": Setting({**_OPEN, **_order("push", "email", "voice", "sms")}),
    "tight": Setting({**_OPEN, **_order("sms", "voice", "email"), **_TIGHT}),
    "few": Setting({("lender", "provider.sms"): "eum"}),
    "lost": Setting({**_OPEN, ("lender", "provider.sms"): "http", **_order("sms", "email")}, frozenset({"http"})),
}
"""By name: as shipped, every channel wired, calls first, texts last, a stricter lender and carrier, a carrier that does
not serve China, a carrier whose pack is missing."""
