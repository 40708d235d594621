"""An event after a call whose answer is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from engine.errors import EventError
from engine.event import Attribute, Event


class NeedsAnswer(EventError):
    """What is asked for depends on the answer of an app, which only a real call could tell."""

    def __init__(self) -> None:
        super().__init__("this depends on the app's answer")


class Unanswered(Event):
    """Its data is not known; its attributes are, unless the app answers with a CloudEvent, but for the type of the
    data. An expression that needs none of it can be evaluated.
    """

    __slots__ = ()

    def __init__(self, attributes: Mapping[str, Attribute]) -> None:
        known = {name: value for name, value in attributes.items() if name not in _Attributes.UNKNOWN}
        self.attributes = _Attributes(known)

    @property
    def data(self) -> NoReturn:  # type: ignore[override] # there it can be set
        raise NeedsAnswer

    @property
    def value(self) -> Any:
        raise NeedsAnswer

    @property
    def content_type(self) -> str:
        raise NeedsAnswer

    def replace(self, /, **attributes: Attribute) -> Event:
        return Unanswered({**self.attributes, **attributes})

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None


class _Attributes(dict[str, Attribute]):
    UNKNOWN = ("datacontenttype",)

    def __missing__(self, name: str) -> Attribute:
        if name in self.UNKNOWN:
            raise NeedsAnswer
        raise KeyError(name)
