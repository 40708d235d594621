"""What the expressions of one pipeline mean, step by step: what is known of the data is carried from one to the next.

`validate` says what the data are, `transform` makes new ones, `split` takes their items, and what an app answers is
not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from bindings.manifest import ComponentType
from engine.definitions.complaint import Complaint
from engine.definitions.conditions import Conditions
from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic, Severity
from engine.definitions.document import Document
from engine.definitions.inference import Inference, extent
from engine.definitions.parsed import Parsed, Path, parsed, templates
from engine.definitions.schema_types import type_of_schema
from engine.definitions.scope import known_names
from engine.definitions.value_type import (
    BOOLEAN,
    INTEGER,
    LIST,
    METHOD,
    NUMBERS,
    SCHEMA,
    TEXT,
    TIME,
    TRANSFORM,
    UNKNOWN,
    ValueType,
    of_fields,
    of_kinds,
    of_list,
    of_value,
)
from engine.expression_errors import ExpressionError

_ATTRIBUTE = frozenset({TEXT, INTEGER, BOOLEAN, TIME})
_KEY = NUMBERS | {TEXT, BOOLEAN, TIME}  # a time becomes a text


def check_meaning(
    pipeline: Definition, source: ComponentType | None, schema_at: Callable[[int], Any]
) -> Iterator[Diagnostic]:
    """`source`: the type of the input, if it is known; `schema_at`: the sound JSON Schema of a step, else None."""
    return _Reading(pipeline.document, pipeline.spec, source).check(schema_at)


class _Reading:
    """One pipeline, read from its input to its outputs."""

    def __init__(self, document: Document, spec: Mapping[str, Any], source: ComponentType | None) -> None:
        self._document = document
        self._spec = spec
        self._names = known_names(spec, source)
        self._data = UNKNOWN
        self._makers: dict[str, Path] = {}  # the step that says which fields there are
        self._found: list[Diagnostic] = []

    def check(self, schema_at: Callable[[int], Any]) -> Iterator[Diagnostic]:
        self._texts(("spec", "event"), _ATTRIBUTE, "an attribute is a text, a whole number, or true or false")
        self._expression(("spec", "delivery", "orderBy"), _KEY, "a key is a text or a number")
        self._expression(("spec", "delivery", "deduplicate", "key"), _KEY, "a key is a text or a number")
        steps = self._spec.get("steps")
        for index, step in enumerate(steps if isinstance(steps, list) else ()):
            if isinstance(step, dict):
                self._step(("spec", "steps", index), step, schema_at(index))
        outputs = self._spec.get("outputs")
        for index in range(len(outputs) if isinstance(outputs, list) else 0):
            path: Path = ("spec", "outputs", index)
            self._condition((*path, "when"), "this output is never done", "this output is always done")
            self._texts((*path, "data"))
            self._texts((*path, "metadata"), _KEY, "metadata are texts")
        yield from self._found

    def _step(self, path: Path, step: Mapping[str, Any], schema: Any) -> None:
        if "filter" in step:
            self._condition((*path, "filter"), "no event goes on from here", "every event goes on")
        elif "validate" in step:
            self._data &= type_of_schema(schema)
            self._makers[SCHEMA] = (*path, "validate")
        elif "transform" in step:
            self._data = self._tree((*path, "transform"), step["transform"])
            self._makers[TRANSFORM] = (*path, "transform")
        elif "split" in step:
            items = self._expression((*path, "split"), frozenset({LIST}), "split needs a list")
            self._data = items.item()
        elif "call" in step:
            self._texts((*path, "call", "path"), _KEY, "a path is a text")
            self._texts((*path, "call", "headers"), _KEY, "a header is a text")
            self._data = UNKNOWN

    def _condition(self, path: Path, never: str, always: str) -> None:
        text = self._document.get(path)
        found = parsed(text, True) if isinstance(text, str) else None
        if not isinstance(found, Parsed):
            return
        inference = self._inferred(path, found)
        if not self._fits(path, found, inference, frozenset({BOOLEAN}), "a condition is true or false"):
            return
        if inference.complaints:
            return
        judgement = Conditions(inference).judge(found.tree)
        if judgement is None:
            self._compare(path, found, inference)
            return
        start, end = extent(found.source, judgement.part)
        reason = f": {judgement.reason}" if judgement.reason else ""
        if judgement.truth:
            complaint = Complaint("W402", f"this is always true{reason}; {always}", start, end - start, judgement.hint)
        elif judgement.part is found.tree and not judgement.reason:
            complaint = Complaint("W402", f"this is always false; {never}", start, end - start)
        else:
            complaint = Complaint("E412", f"this is never true{reason}; {never}", start, end - start, judgement.hint)
        self._tell(path, complaint)

    def _compare(self, path: Path, found: Parsed, inference: Inference) -> None:
        """Tells of comparisons that cannot depend on the event, although the whole does."""
        for judgement in filter(None, map(Conditions(inference).of_comparison, found.comparisons)):
            start, end = extent(found.source, judgement.part)
            message = f"this comparison is always {str(judgement.truth).lower()}: {judgement.reason}"
            self._tell(path, Complaint("W402", message, start, end - start, judgement.hint))

    def _expression(self, path: Path, kinds: frozenset[str], rule: str) -> ValueType:
        text = self._document.get(path)
        found = parsed(text, True) if isinstance(text, str) else None
        return self._value(path, found, kinds, rule) if isinstance(found, Parsed) else UNKNOWN

    def _texts(self, path: Path, kinds: frozenset[str] | None = None, rule: str = "") -> None:
        for place, text in templates(self._document.get(path), path):
            found = parsed(text, False)
            if isinstance(found, Parsed):
                self._value(place, found, kinds, rule)

    def _tree(self, path: Path, value: Any) -> ValueType:
        """The type of a YAML value with templates in it."""
        if isinstance(value, dict):
            return of_fields({name: self._tree((*path, name), item) for name, item in value.items()}, TRANSFORM)
        if isinstance(value, list):
            return of_list(self._tree((*path, index), item) for index, item in enumerate(value))
        found = parsed(value, False) if isinstance(value, str) else None
        if isinstance(found, ExpressionError):
            return UNKNOWN
        return of_value(value) if found is None else self._value(path, found)

    def _value(self, path: Path, found: Parsed, kinds: frozenset[str] | None = None, rule: str = "") -> ValueType:
        inference = self._inferred(path, found)
        if not inference.complaints:
            self._compare(path, found, inference)
        if found.value is None:
            return of_kinds(TEXT)
        if kinds is not None:
            self._fits(path, found, inference, kinds, rule)
        value = inference.type_of(found.value)
        return of_kinds(TEXT) if value.kinds == {TIME} else value

    def _inferred(self, path: Path, found: Parsed) -> Inference:
        inference = Inference(found, {**self._names, "data": self._data})
        for complaint in inference.complaints:
            self._tell(path, complaint)
        return inference

    def _fits(self, path: Path, found: Parsed, inference: Inference, kinds: frozenset[str], rule: str) -> bool:
        if found.value is None:
            return True
        value = inference.type_of(found.value)
        if value.can_be(kinds) or inference.complaints:
            return True
        start, end = extent(found.source, found.value)
        hint = "compare it with something" if kinds == {BOOLEAN} else ""
        hint = "call it with ()" if value.kinds == {METHOD} else hint
        self._tell(path, Complaint("E410", f"{rule}, and this is {value}", start, end - start, hint))
        return False

    def _tell(self, path: Path, complaint: Complaint) -> None:
        span = self._document.text_span(path, complaint.offset, complaint.length)
        maker = self._makers.get(complaint.owner)
        told = self._document.source.error(
            complaint.code,
            complaint.message,
            span,
            complaint.hint,
            self._document.span(maker, key=True) if maker else None,
            "here it is said which fields there are",
        )
        self._found.append(replace(told, severity=Severity.WARNING) if complaint.code.startswith("W") else told)
