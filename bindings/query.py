"""A query of a state store: what an app asks for over Dapr's API, and what it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from bindings.contract import Item


class Compare(StrEnum):
    """How a field is compared; those of size are for numbers."""

    EQ = "EQ"
    NEQ = "NEQ"
    GT = "GT"
    GTE = "GTE"
    LT = "LT"
    LTE = "LTE"
    IN = "IN"


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of one field of a JSON value: `person.city` is a field of a field. For IN `value` is a list."""

    compare: Compare
    field: str
    value: Any


@dataclass(frozen=True, slots=True)
class AllOf:
    filters: Sequence[Filter]


@dataclass(frozen=True, slots=True)
class AnyOf:
    filters: Sequence[Filter]


Filter: TypeAlias = Condition | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Query:
    """Which values an app looks for. `token` is that of the page before; the keys begin with `prefix`."""

    filter: Filter | None = None
    sort: Sequence[tuple[str, bool]] = ()  # fields, the first one first, and whether the largest comes first
    limit: int = 0  # 0: all
    token: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    items: Sequence[tuple[str, Item]]
    token: str = ""  # empty: there are no more
