"""CEL, the expressions of Dapr's documents (https://github.com/google/cel-spec): trips of breakers, rules of routes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from engine.errors import DefinitionError, Permanent

Program: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""Evaluates on values as JSON has them, by the names of its variables; raises `Permanent` when it cannot."""


def compile_cel(expression: str, what: str, hint: str) -> Program:
    """`what` it is, and `hint` how to write it, for a person. Raises `DefinitionError`."""
    try:
        import celpy
        from celpy.adapter import json_to_cel
        from celpy.celparser import CELParseError
        from celpy.evaluation import CELEvalError
    except ImportError as error:
        message = f"{what} is a CEL expression and needs the package 'cel-python'"
        raise DefinitionError(message, hint="pip install 'jackfield[dapr]'") from error
    limit = sys.getrecursionlimit()
    environment = celpy.Environment()
    sys.setrecursionlimit(limit)  # which it has raised for the whole process
    try:
        program = environment.program(environment.compile(expression))
    except CELParseError as error:
        raise DefinitionError(f"{expression!r} is no CEL expression", hint=hint) from error

    def evaluate(values: Mapping[str, Any]) -> Any:
        try:
            result = program.evaluate({name: json_to_cel(value) for name, value in values.items()})
        except (CELEvalError, RecursionError) as error:
            raise Permanent(f"{what} {expression!r} cannot be evaluated: {error.args[0]}") from error
        return bool(result) if isinstance(result, celpy.celtypes.BoolType) else result

    return evaluate
