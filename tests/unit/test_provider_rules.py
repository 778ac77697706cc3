"""Providers: what their packs say, and what becomes of a channel whose provider has none, or serves others."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from shared.adapters.policy_files import PolicyFiles, read_packs
from shared.domain.book import Line
from shared.domain.contact import plan_contact
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.decision import Defer, Reason
from shared.domain.errors import PolicyError
from shared.domain.packs import Kind, Leaf, Pack
from shared.domain.policy import Policy
from shared.domain.policy_assembly import assemble
from shared.domain.provider_rules import read_provider
from shared.domain.weeks import week_of
from shared.ports.messages import Sender
from shared.ports.world import SendResult
from tests.unit.builders import a_borrower, an_instalment, at
from tests.unit.town import SANDBOX, Town

DAY = date(2026, 3, 10)
PACKS = {pack.id: pack for pack in read_packs()}
REMINDER, MARKETING = MessageClass.SERVICE_REMINDER, MessageClass.MARKETING
DAYTIME = {"classes": ["marketing"], "channels": ["sms"], "weekdays": "all", "from": "08:00", "to": "21:00"}
SIGNED = {"classes": "all", "channels": ["sms"], "phrases": ["{signature}"]}
ONCE = {"channels": ["sms"], "classes": "all", "counts": "sent", "scope": "address", "max": 1, "days": 30}


def with_leaves(pack: Pack, **leaves: object) -> Pack:
    """The pack with leaves changed; double underscores stand for dots."""
    changed = {name.replace("__", "."): Leaf(value, Kind.PROVIDER, "test") for name, value in leaves.items()}
    return replace(pack, leaves={**pack.leaves, **changed})


def packs(*changed: Pack, without: str = "") -> list[Pack]:
    return [p for p in (PACKS | {p.id: p for p in changed}).values() if p.id != without]


def wired(**names: str) -> Pack:
    """The lender's pack with other providers."""
    return with_leaves(PACKS["lender"], **{f"provider__{channel}": name for channel, name in names.items()})


def policy(*changed: Pack, without: str = "", country: str = "CN") -> Policy:
    return assemble(packs(*changed, without=without), "jiebei", DAY).within(country)


@pytest.mark.parametrize("pack", [p for p in PACKS.values() if p.type == "provider"], ids=lambda p: p.id)
def test_every_pack_that_ships_can_be_read(pack: Pack) -> None:
    rules = read_provider(pack)
    assert rules.name == pack.id
    assert rules.bucket.burst <= rules.parts_per_second


@pytest.mark.parametrize(("name", "serves_china"), [("sns", False), ("eum", False), ("http", True), (SANDBOX, True)])
def test_amazon_serves_no_number_of_the_mainland_as_it_ships(name: str, serves_china: bool) -> None:
    rules = read_provider(PACKS[name])
    assert (rules.serves("CN"), rules.serves("US")) == (serves_china, True)


@pytest.mark.parametrize(
    ("countries", "but", "country", "serves"),
    [
        ("all", [], "CN", True),
        ("all", ["CN"], "CN", False),
        (["CN", "US"], [], "CN", True),
        (["US"], [], "CN", False),
        (["CN"], ["CN"], "CN", False),
    ],
)
def test_a_country_is_served_where_it_is_named_and_not_excepted(
    countries: object, but: list[str], country: str, serves: bool
) -> None:
    pack = with_leaves(PACKS["sns"], provider__countries=countries, provider__not_countries=but)
    assert read_provider(pack).serves(country) == serves


def test_the_price_of_a_message_is_that_of_its_parts() -> None:
    rules = read_provider(PACKS["sns"])
    assert rules.max_price(3) == Decimal("0.60")
    assert read_provider(PACKS["http"]).max_price(3) is None


@pytest.mark.parametrize(
    ("leaf", "value"),
    [
        ("provider.channel", "fax"),
        ("provider.countries", []),
        ("provider.countries", ["XX"]),
        ("provider.not_countries", ["CN", "CN"]),
        ("provider.parts_per_second", 0),
        ("provider.burst", -1),
        ("provider.max_parts", "all"),
        *(("provider.max_part_price", value) for value in ("0", "-1", "cheap", "NaN", 0.2)),
        ("provider.colour", "red"),
        ("holds.complaint", {"stops": ["contact"], "days": "none"}),
        ("contact.recipients", ["spouse"]),
        ("contact.windows.marketing", {**DAYTIME, "channels": ["push"]}),
        ("text.required.signature", {**SIGNED, "channels": ["push", "voice"]}),
    ],
)
def test_a_malformed_pack_names_itself_and_the_leaf(leaf: str, value: object) -> None:
    with pytest.raises(PolicyError, match=rf"^sns: {leaf}"):
        read_provider(with_leaves(PACKS["sns"], **{leaf: value}))


OTHERS: Mapping[str, object] = {
    "provider.channel": "voice",
    "provider.countries": ["GB"],
    "provider.not_countries": ["US"],
    "provider.parts_per_second": 2,
    "provider.burst": 3,
    "provider.max_parts": 4,
    "provider.max_part_price": "0.05",
    "text.required.signature": {"classes": "all", "channels": ["sms"], "phrases": ["another"]},
}


def says(pack: Pack) -> list[object]:
    """What a provider's rules answer when messages are planned, paced and priced; or why they are none."""
    try:
        rules = read_provider(pack)
    except PolicyError as error:
        return [str(error)]
    served = [rules.serves(country) for country in ("CN", "US", "GB", "FR")]
    return [rules.channel, *served, rules.bucket, rules.max_parts, rules.max_price(3), rules.contact.required]


@pytest.mark.parametrize(
    ("name", "path"), [(pack.id, path) for pack in PACKS.values() if pack.type == "provider" for path in pack.leaves]
)
def test_a_changed_leaf_changes_what_a_provider_takes(name: str, path: str) -> None:
    pack = PACKS[name]
    leaf = replace(pack.leaves[path], value=OTHERS[path] if path != "provider.channel" or name != "voice" else "sms")
    assert says(replace(pack, leaves={**pack.leaves, path: leaf})) != says(pack)


def test_a_lender_s_pack_that_names_a_provider_of_another_channel_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"^provider\.sms: ses carries email"):
        policy(wired(sms="ses"))


# What a provider states joins the country's rules on its channel, and there alone.


def test_a_window_of_a_provider_closes_its_channel_to_the_class_that_it_names_and_nothing_else() -> None:
    before = policy()
    after = policy(with_leaves(PACKS[SANDBOX], contact__windows__promotion={**DAYTIME, "to": "12:00"}))
    assert after.contact.week(MARKETING, Channel.SMS) == week_of(range(1, 8), time(8), time(12))
    for message_class, channel in ((m, c) for m in MessageClass for c in Channel if (m, c) != (MARKETING, Channel.SMS)):
        assert after.contact.week(message_class, channel) == before.contact.week(message_class, channel)


def test_caps_and_phrases_of_a_provider_hold_on_its_channel_only() -> None:
    everywhere: dict[str, Any] = {"channels": "all"}
    pack = with_leaves(
        PACKS[SANDBOX], contact__caps__flood=ONCE | everywhere, text__required__signature=SIGNED | everywhere
    )
    rules = policy(pack).contact
    assert [cap.id for cap in rules.caps_for(REMINDER, Channel.SMS) if cap.pack == "sandbox-1"] == [
        "contact.caps.flood"
    ]
    assert not [cap for cap in rules.caps_for(REMINDER, Channel.PUSH) if cap.pack == "sandbox-1"]
    assert [p.channels for p in rules.required if p.pack == "sandbox-1"] == [frozenset({Channel.SMS})]


def test_only_the_chosen_provider_has_a_say() -> None:
    assert "http-1" not in policy().version
    chosen = policy(wired(sms="http"))
    assert chosen.version.endswith("+http-1")
    assert [p.pack for p in chosen.contact.required if p.id == "text.required.signature"] == ["http-1"]


# Which channels are left.


@pytest.mark.parametrize(
    ("names", "without", "country", "channels", "lost"),
    [
        ({}, "", "CN", (Channel.SMS,), ()),
        ({"push": "push", "email": "ses"}, "", "US", (Channel.SMS, Channel.PUSH, Channel.EMAIL), ()),
        ({"push": "push", "email": "ses"}, "", "CN", (Channel.SMS, Channel.EMAIL), ()),  # push leaves CN out
        ({"sms": "sns"}, "", "CN", (), ()),
        ({"sms": "none"}, "", "CN", (), ()),
        ({"email": "ses"}, SANDBOX, "CN", (Channel.EMAIL,), (Channel.SMS,)),
        ({"sms": "nobody"}, "", "CN", (), (Channel.SMS,)),
    ],
)
def test_a_channel_without_a_provider_for_the_country_is_left_out(
    names: Mapping[str, str],
    without: str,
    country: str,
    channels: tuple[Channel, ...],
    lost: tuple[Channel, ...],
) -> None:
    found = policy(wired(**names), without=without, country=country)
    assert found.channels[REMINDER] == channels
    assert found.lost[REMINDER] == lost


def test_a_pack_that_ended_is_none() -> None:
    ended = replace(PACKS[SANDBOX], valid_to=DAY - timedelta(days=1))
    assert policy(ended).channels[REMINDER] == ()
    assert policy(replace(ended, valid_to=DAY)).channels[REMINDER] == (Channel.SMS,)


# What the worker does with it.


def due_today(*changed: Pack, without: str = "", **borrower: Any) -> Town:
    town = Town(an_instalment(), account=None, borrower=a_borrower(**borrower))
    town.shelf = PolicyFiles(packs(*changed, without=without))
    town.clock.set(at("2026-03-10 12:00"))
    return town


def decided(town: Town) -> Reason:
    loan_card = town.book.borrower_file("b-1")
    assert loan_card is not None
    summary = town.work(Line.CONTACT, ["b-1"])
    return Reason[next(name for name in summary.counts if "." in name).partition(".")[2]]


@pytest.mark.parametrize(
    ("changed", "without"),
    [
        ([], SANDBOX),
        ([replace(PACKS[SANDBOX], valid_to=DAY - timedelta(days=1))], ""),
        ([with_leaves(PACKS[SANDBOX], provider__not_countries=["CN"])], ""),
        ([wired(sms="none")], ""),
        ([wired(sms="http")], ""),  # a pack is there, and the deployment has another provider
    ],
    ids=["missing", "ended", "not in the country", "not wired", "not deployed"],
)
def test_without_a_provider_nothing_goes_out_nothing_counts_as_told_and_somebody_hears(
    changed: list[Pack], without: str
) -> None:
    town = due_today(*changed, without=without)
    assert decided(town) is Reason.NO_PROVIDER
    assert (town.notices(), town.inbox.sent) == ([], [])


def test_once_the_pack_is_back_the_notice_goes_out() -> None:
    town = due_today(without=SANDBOX)
    decided(town)
    town.shelf = PolicyFiles(packs())
    town.clock.advance(timedelta(hours=6))
    town.pass_now()
    assert town.told() == [("2026-03-10", "DUE")]


def test_who_has_an_address_on_a_channel_that_is_left_is_told_there() -> None:
    town = due_today(wired(email="ses"), without=SANDBOX, email="zhang@example.com")
    town.more[Channel.EMAIL] = Sender("ses", town.inbox)
    assert decided(town) is Reason.DUE_TODAY
    assert [message.address for message in town.inbox.sent] == ["zhang@example.com"]


def test_a_message_carries_the_price_that_its_parts_may_cost() -> None:
    town = due_today()
    decided(town)
    (message,) = town.inbox.sent
    assert message.max_price == Decimal("0.20") * message.parts


class Counted:
    """A pace that lets a number of messages go, and remembers who slowed it down."""

    def __init__(self, left: int) -> None:
        self.left, self.slowed = left, list[str]()

    def take(self, provider: Any, parts: int, has_time: Any) -> bool:
        assert parts >= 1
        assert has_time()
        self.left -= 1
        return self.left >= 0

    def slow_down(self, provider: Any) -> None:
        self.slowed.append(provider.name)


def test_what_the_pace_leaves_no_time_for_is_not_claimed_and_the_other_hints_are_left_too() -> None:
    town = due_today()
    worker = replace(town.reminders(), pace=Counted(0))
    summary = worker.work(["b-1", "b-2"], "test")
    assert summary.counts["left"] == 2
    assert (town.notices(), town.inbox.sent) == ([], [])
    assert town.store.agenda(Line.CONTACT, "S000", town.clock.now(), 10).keys == ("b-1",)


@pytest.mark.parametrize(
    ("result", "slowed"),
    [(SendResult.RETRY_LATER, [SANDBOX]), (SendResult.SENT, []), (SendResult.UNKNOWN, []), (SendResult.REFUSED, [])],
)
def test_a_provider_that_throttles_is_slowed_down(result: SendResult, slowed: list[str]) -> None:
    town, pace = due_today(), Counted(9)
    town.inbox.script(result)
    replace(town.reminders(), pace=pace).work(["b-1"], "test")
    assert pace.slowed == slowed


def test_for_want_of_a_provider_it_is_looked_at_again() -> None:
    town = due_today(without=SANDBOX)
    file = town.book.borrower_file("b-1")
    assert file is not None
    loan = town.book.loan_file("l-1")
    assert loan is not None

    within = {"jiebei": policy(without=SANDBOX)}
    decision = plan_contact(file.borrower, file.card, [loan], within, town.clock.now())
    assert decision == Defer(town.clock.now() + timedelta(hours=6), Reason.NO_PROVIDER)
