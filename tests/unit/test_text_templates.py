"""Which templates and additions a pack may hold."""

from collections.abc import Callable

import pytest

from shared.adapters.jinja_texts import fill
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.text_templates import TEMPLATE_FIELDS, Template, addition, template


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "{{ name }}",
        "{{ name }}{{ amount }}",
        "{% if list %}({{ list }}){% endif %}",
        '{% if country == "GB" %}a{% elif country == "US" %}b{% else %}c{% endif %}',
        "{% if list %}{% if reference %}x{% endif %}{% endif %}",
    ],
)
def test_a_template_of_known_fields_and_closed_ifs_is_read_and_can_be_filled(value: str) -> None:
    assert template(value) == Template(value)
    fill(value, dict.fromkeys(TEMPLATE_FIELDS, ""))


@pytest.mark.parametrize(
    "value",
    [
        "",
        7,
        "{name}",
        "{{ phone }}",
        "{{name}}",
        "{{ name",
        "name }}",
        "{{ name.x }}",
        "{{ name|upper }}",
        "{{ name() }}",
        "{{ 7 * 7 }}",
        "{% if name %}",
        "{% endif %}",
        "{% else %}",
        "{% endif %}{% if name %}",
        "{% else %}{% if name %}{% endif %}",
        "{% if phone %}{% endif %}",
        "{% if name == name %}{% endif %}",
        "{% for c in name %}{% endfor %}",
        "{% set name = 1 %}",
        "{# a comment #}",
        "{{ ''.__class__ }}",
        {"title": "t"},
        {"title": "t", "text": "x", "more": "y"},
        {"title": "", "text": "x"},
        {"title": "{{ phone }}", "text": "x"},
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        template(value)


def test_a_title_is_a_template_too() -> None:
    assert template({"title": "{{ product }}", "text": "x"}) == Template("x", "{{ product }}")


def an_addition(**changes: object) -> dict[str, object]:
    return {"countries": ["US"], "classes": ["collection"], "channels": ["sms"], "text": "x"} | changes


@pytest.mark.parametrize(
    ("country", "of", "channel", "applies"),
    [
        ("US", MessageClass.COLLECTION, Channel.SMS, True),
        ("GB", MessageClass.COLLECTION, Channel.SMS, False),
        ("US", MessageClass.RECEIPT, Channel.SMS, False),
        ("US", MessageClass.COLLECTION, Channel.EMAIL, False),
    ],
)
def test_an_addition_follows_its_countries_classes_and_channels(
    country: str, of: MessageClass, channel: Channel, applies: bool
) -> None:
    assert addition(an_addition()).applies_to(country, of, channel) == applies
    assert addition(an_addition(countries="all", classes="all", channels="all")).applies_to(country, of, channel)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: one.pop("text"),
        lambda one: one.update(more=1),
        lambda one: one.update(countries=[]),
        lambda one: one.update(countries=["UK"]),
        lambda one: one.update(classes=["collections"]),
        lambda one: one.update(channels=["fax"]),
        lambda one: one.update(text="{{ phone }}"),
    ],
)
def test_a_malformed_addition_is_refused(spoil: Callable[[dict[str, object]], object]) -> None:
    value = an_addition()
    spoil(value)
    with pytest.raises((ValueError, TypeError)):
        addition(value)
