"""A list of answers, of which the first that fits and is not used up is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from engine.errors import EventError
from engine.event import Event
from engine.expressions import Expression, Scope, compile_expression

_NO_METADATA: Mapping[str, str] = {}


class _Answer(Protocol):
    @property
    def when(self) -> str | None: ...
    @property
    def times(self) -> int | None: ...


A = TypeVar("A", bound=_Answer)


class Script(Generic[A]):
    """An answer without `when` is given once, but for the last, which stays; `times` says otherwise."""

    def __init__(self, answers: Sequence[A]) -> None:
        self._answers = answers
        last = len(answers) - 1
        self._left = [
            answer.times or (1 if answer.when is None and index < last else None)
            for index, answer in enumerate(answers)
        ]
        self._conditions = [compile_expression(one.when) if one.when is not None else None for one in answers]

    def choose(self, event: Event, env: Mapping[str, str], now: float) -> int | None:
        """The index of the answer to an event; None when the script has come to its end."""
        scope = Scope(event, _NO_METADATA, env, now)
        for index, condition in enumerate(self._conditions):
            if self._left[index] != 0 and (condition is None or _holds(condition, scope)):
                return index
        return None

    def use(self, index: int) -> A:
        left = self._left[index]
        if left is not None:
            self._left[index] = left - 1
        return self._answers[index]


def _holds(condition: Expression, scope: Scope) -> bool:
    try:
        return bool(condition.evaluate(scope))
    except EventError:  # the event has no such field: it is not the one that is meant
        return False
