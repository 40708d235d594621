"""What a check has found so far, and which definitions are still good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic, Severity, Span


class Findings:
    def __init__(self, definitions: Iterable[Definition]) -> None:
        self._found = {definition: list(definition.diagnostics) for definition in definitions}

    def add(self, definition: Definition, diagnostics: Iterable[Diagnostic]) -> None:
        self._found[definition] += diagnostics

    def first_error(self, definition: Definition) -> Span | None:
        """Where the first error of a definition is; None for a good one."""
        errors = (d.span for d in self._found[definition] if d.severity is Severity.ERROR)
        return min(errors, default=None)

    def __iter__(self) -> Iterator[Diagnostic]:
        return (diagnostic for diagnostics in self._found.values() for diagnostic in diagnostics)
