"""When a circuit breaker opens: after so many failures in a row, or as Dapr's `trip` expression says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from engine.cel import compile_cel
from engine.errors import DefinitionError, Permanent


@dataclass(slots=True)
class Tally:
    """What an endpoint's answers were since its breaker closed, or since the interval began."""

    requests: int = 0
    total_successes: int = 0
    total_failures: int = 0
    consecutive_successes: int = 0
    consecutive_failures: int = 0

    def success(self) -> None:
        self.requests += 1
        self.total_successes += 1
        self.consecutive_successes += 1
        self.consecutive_failures = 0

    def failure(self) -> None:
        self.requests += 1
        self.total_failures += 1
        self.consecutive_failures += 1
        self.consecutive_successes = 0


Trip: TypeAlias = Callable[[Tally], bool]

_NAMES = {
    "requests": "requests",
    "totalSuccesses": "total_successes",
    "totalFailures": "total_failures",
    "consecutiveSuccesses": "consecutive_successes",
    "consecutiveFailures": "consecutive_failures",
}


def after_failures(number: int) -> Trip:
    return lambda tally: tally.consecutive_failures >= number


def compile_trip(expression: str) -> Trip:
    """A trip of a CEL expression; raises `DefinitionError`."""
    hint = f"it may use {', '.join(_NAMES)}, like consecutiveFailures >= 5"
    program = compile_cel(expression, "`trip`", hint)
    try:
        program(_values(Tally()))
    except Permanent as error:
        raise DefinitionError(f"{expression!r} is no CEL expression that can be evaluated here", hint=hint) from error
    return lambda tally: bool(program(_values(tally)))


def _values(tally: Tally) -> Mapping[str, int]:
    return {name: getattr(tally, attribute) for name, attribute in _NAMES.items()}
