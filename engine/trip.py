"""When a circuit breaker opens: after so many failures in a row, or as Dapr's `trip` expression says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from engine.errors import DefinitionError


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
    """A trip of a CEL expression (https://github.com/google/cel-spec); raises `DefinitionError`."""
    try:
        import celpy
        from celpy.celparser import CELParseError
        from celpy.evaluation import CELEvalError
    except ImportError as error:
        hint = "pip install 'jackfield[dapr]'"
        raise DefinitionError("`trip` is a CEL expression and needs the package 'cel-python'", hint=hint) from error
    limit = sys.getrecursionlimit()
    environment = celpy.Environment(annotations={name: celpy.celtypes.IntType for name in _NAMES})
    sys.setrecursionlimit(limit)  # which it has raised for the whole process
    try:
        program = environment.program(environment.compile(expression))
        program.evaluate(_activation(Tally(), celpy.celtypes.IntType))
    except (CELParseError, CELEvalError) as error:
        hint = f"it may use {', '.join(_NAMES)}, like consecutiveFailures >= 5"
        raise DefinitionError(f"{expression!r} is no CEL expression that can be evaluated here", hint=hint) from error
    return lambda tally: bool(program.evaluate(_activation(tally, celpy.celtypes.IntType)))


def _activation(tally: Tally, number: Callable[[int], Any]) -> dict[str, Any]:
    return {name: number(getattr(tally, attribute)) for name, attribute in _NAMES.items()}
