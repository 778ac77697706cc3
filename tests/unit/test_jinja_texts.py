"""The sandbox that fills templates: even a text that no pack could hold gets nowhere."""

import pytest

from shared.adapters.jinja_texts import fill
from shared.domain.errors import PolicyError

FIELDS = {"name": "Anna", "list": ""}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Dear {{ name }}", "Dear Anna"),
        ("a{% if list %}({{ list }}){% endif %}b", "ab"),
        ("<{{ name }}>", "<Anna>"),
        ("line\nline\n", "line\nline"),
    ],
)
def test_fields_stand_in_their_places(template: str, filled: str) -> None:
    assert fill(template, FIELDS) == filled


@pytest.mark.parametrize("name", ["{{ 7 * 7 }}", "{% if x %}", "<b>&", "{name}"])
def test_a_field_is_text_and_never_a_template_or_markup(name: str) -> None:
    assert fill("{{ name }}", {"name": name}) == name


@pytest.mark.parametrize(
    "template",
    [
        "{{ phone }}",
        "{{ name",
        "{% if name %}",
        "{{ name.__class__.__mro__ }}",
        "{{ ''.__class__ }}",
        "{{ name.x }}",
        "{% include 'x' %}",
        "{% import 'x' as x %}",
        "{{ range(10 ** 9) }}",
        "{{ 1 / 0 }}",
        "{{ name + 1 }}",
        "{{ name['x'] }}",
        "{{ [].append(1) }}",
    ],
)
def test_what_asks_for_more_is_a_policy_error(template: str) -> None:
    with pytest.raises(PolicyError):
        fill(template, FIELDS)


def test_the_error_does_not_hold_the_field() -> None:
    with pytest.raises(PolicyError) as caught:
        fill("{{ name | int(base=99) / 0 }}{{ name + 1 }}", {"name": "Geheim"})
    assert "Geheim" not in str(caught.value)
