"""A definition: one document, and what it is as far as it is understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from engine.definitions import language, shape
from engine.definitions.diagnostic import Diagnostic, Severity
from engine.definitions.document import Document
from engine.definitions.kinds import Kind, kind_of
from engine.definitions.model import DaprModel, Model
from engine.definitions.model_errors import model_errors


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """`diagnostics` are what can be said of the document alone; `model` is None where there is an error in it.

    `kind` and `name` are empty when they are not known.
    """

    document: Document
    kind: str
    name: str
    model: Model | None
    diagnostics: Sequence[Diagnostic]

    @property
    def spec(self) -> dict[str, Any]:
        """What the document says, right or wrong."""
        spec = self.document.get(("spec",))
        return spec if isinstance(spec, dict) else {}


def understand(document: Document) -> Definition:
    """Finds all that is wrong with a document alone: its YAML, its shape, its expressions."""
    kind, wrong_head = kind_of(document)
    diagnostics = [*document.diagnostics, *wrong_head]
    if kind is None:
        return Definition(document, "", "", None, list(document.diagnostics) or diagnostics)
    of_value = shape.validate_document(_with_version(document, kind), kind.name)
    if kind.name == "Pipeline":
        of_value += language.check(document)
    elif kind.name == "App":
        of_value += language.check_settled(document)
    # What is no YAML was built as something else; what that looks like is of no interest.
    no_yaml = {diagnostic.span.line for diagnostic in document.diagnostics}
    diagnostics += [diagnostic for diagnostic in of_value if diagnostic.span.line not in no_yaml]
    if not kind.applied:
        message = f"{kind.name} documents are read, but this version does not apply them yet"
        diagnostics.append(document.warning("W201", message, ("kind",)))
    elif kind.only and isinstance(spec := document.get(("spec",)), dict) and spec.keys() - {kind.only}:
        message = f"of {kind.name} documents this version applies `spec.{kind.only}` and nothing else"
        diagnostics.append(document.warning("W201", message, ("kind",)))
    model = None
    if not any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        model, wrong = _model(document, kind)
        diagnostics += wrong
    return Definition(document, kind.name, _name(document), model, diagnostics)


def _with_version(document: Document, kind: Kind) -> Document:
    """The document as if its apiVersion were right: `kind_of` tells when it is not."""
    return replace(document, value={**document.value, "apiVersion": kind.api_versions[0]})


def _model(document: Document, kind: Kind) -> tuple[Model | None, list[Diagnostic]]:
    value = shape.without_empty(document.value) if issubclass(kind.model, DaprModel) else document.value
    try:
        return kind.model.model_validate(value), []
    except ValidationError as error:
        return None, model_errors(document, error)


def _name(document: Document) -> str:
    name = document.get(("metadata", "name"))
    return name if isinstance(name, str) else ""
