"""The attributes of the declared tables: each kind of value as pynamodb reads it."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, cast

from pynamodb.attributes import Attribute

from shared.adapters.dynamodb.lines import read_lines


class DayAttribute(Attribute[date]):
    """A date as `2026-03-01`."""

    attr_type = "S"

    def serialize(self, value: date) -> str:
        return value.isoformat()

    def deserialize(self, value: str) -> date:
        return date.fromisoformat(value)


class InstantAttribute(Attribute[datetime]):
    """An aware UTC instant as `2026-03-01T00:00:00Z`."""

    attr_type = "S"

    def serialize(self, value: datetime) -> str:
        return value.isoformat().replace("+00:00", "Z")

    def deserialize(self, value: str) -> datetime:
        return datetime.fromisoformat(value)


class WholeAttribute(Attribute[int]):
    """A whole number; the library's own number may come out as a float, which no amount should meet."""

    attr_type = "N"

    def serialize(self, value: int) -> str:
        return str(value)

    def deserialize(self, value: str) -> int:
        return int(value)


class FlagAttribute(Attribute[bool]):
    """A flag that is either up or absent."""

    attr_type = "BOOL"

    def serialize(self, value: bool) -> bool:
        return value

    def deserialize(self, value: bool) -> bool:
        return value


class TextsAttribute(Attribute[tuple[str, ...]]):
    attr_type = "L"

    def serialize(self, value: tuple[str, ...]) -> list[dict[str, str]]:
        return [{"S": text} for text in value]

    def deserialize(self, value: list[dict[str, str]]) -> tuple[str, ...]:
        return tuple(text["S"] for text in value)


class WholesAttribute(Attribute[tuple[int, ...]]):
    attr_type = "L"

    def serialize(self, value: tuple[int, ...]) -> list[dict[str, str]]:
        return [{"N": str(number)} for number in value]

    def deserialize(self, value: list[dict[str, str]]) -> tuple[int, ...]:
        return tuple(int(number["N"]) for number in value)


class SplitAttribute(Attribute[tuple[tuple[int, int], ...]]):
    """What money paid: pairs of an instalment's number and minor units."""

    attr_type = "L"

    def serialize(self, value: tuple[tuple[int, int], ...]) -> list[dict[str, list[dict[str, str]]]]:
        return [{"L": [{"N": str(number)}, {"N": str(minor)}]} for number, minor in value]

    def deserialize(self, value: list[dict[str, list[dict[str, str]]]]) -> tuple[tuple[int, int], ...]:
        return tuple((int(number["N"]), int(minor["N"])) for number, minor in (part["L"] for part in value))


class PartsAttribute(Attribute[tuple[tuple[int, str, int], ...]]):
    """What money paid, by component: an instalment's number, the component's name and minor units."""

    attr_type = "L"

    def serialize(self, value: tuple[tuple[int, str, int], ...]) -> list[dict[str, list[dict[str, str]]]]:
        return [{"L": [{"N": str(number)}, {"S": part}, {"N": str(minor)}]} for number, part, minor in value]

    def deserialize(self, value: list[dict[str, list[dict[str, str]]]]) -> tuple[tuple[int, str, int], ...]:
        parts = (part["L"] for part in value)
        return tuple((int(number["N"]), name["S"], int(minor["N"])) for number, name, minor in parts)


class WordsAttribute(Attribute[dict[str, str]]):
    """A map of texts."""

    attr_type = "M"

    def serialize(self, value: dict[str, str]) -> dict[str, dict[str, str]]:
        return {name: {"S": text} for name, text in value.items()}

    def deserialize(self, value: dict[str, dict[str, str]]) -> dict[str, str]:
        return {name: text["S"] for name, text in value.items()}


class LinesAttribute(Attribute[tuple[tuple[str, ...], ...]]):
    """A list of small values, each as the words of its line; see `shared.adapters.dynamodb.lines`."""

    attr_type = "L"

    def serialize(self, value: tuple[tuple[str, ...], ...]) -> list[Any]:
        return [{"S": " ".join(words)} for words in value]

    def deserialize(self, value: list[Any]) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(words) for words in read_lines({"L": value}))


class ToldAttribute(LinesAttribute):
    """What was told; of a row of the first version, which had a map of maps, the same words."""

    def get_value(self, value: dict[str, Any]) -> Any:
        if "M" not in value:
            return super().get_value(value)
        names = ("tier", "on", "announced_on", "announced_minor")
        told = {
            key: [next(iter(of["M"][name].values())) for name in names if name in of["M"]]
            for key, of in value["M"].items()
        }
        return [{"S": " ".join((key, *words))} for key, words in told.items()]


def maybe[T](kind: Callable[..., Attribute[T]]) -> Attribute[T | None]:
    """An attribute that a row may lack; the library types it as if it were always there."""
    return cast("Attribute[T | None]", kind(null=True))
