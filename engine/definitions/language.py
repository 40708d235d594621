"""What the pipeline language asks beyond its shape: expressions, templates, `env`, and calls in batches.

It looks at the document and not at the model, so that a mistake elsewhere in the document hides none of this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from jinja2 import nodes

from engine.cloudevents import validate
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document
from engine.definitions.parsed import Parsed, Path, parsed, templates
from engine.environment import belongs_to_engine
from engine.errors import Permanent
from engine.expression_errors import ExpressionError
from engine.suggest import close_match

_TEMPLATE = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_ENV_USE = re.compile(  # or a text in quotes, which may look like one
    r"(?<![\w.])env(?:\.(?!get\b)(\w+)|\[\s*['\"]([^'\"]*)['\"]\s*\])|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""
)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OF_ONE_EVENT = frozenset({"event", "data", "metadata"})
_VALID_EVENT = {"specversion": "1.0", "id": "x", "source": "/x", "type": "x"}


def check(document: Document) -> list[Diagnostic]:
    """All that is wrong in the language of one pipeline document."""
    spec = _mapping(document.get(("spec",)))
    listed = spec.get("env", [])
    diagnostics = list(_check_env_names(document, listed))
    known = frozenset(name for name in listed if isinstance(name, str)) if isinstance(listed, list) else None
    for path, text, bare in _expressions(spec):
        diagnostics += _check_expression(document, path, text, bare, known)
    diagnostics += _check_attributes(document, spec)
    diagnostics += _check_requests(document, spec)
    diagnostics += _check_order(document, spec)
    diagnostics += _check_parking(document, _mapping(spec.get("delivery")))
    diagnostics += check_settled(document)
    return diagnostics


def _expressions(spec: Mapping[str, Any]) -> Iterator[tuple[Path, str, bool]]:
    """Every text that is an expression or a template: its path, itself, and whether it is written without braces."""
    yield from _all_templates(spec.get("event"), ("spec", "event"))
    for index, step in _items(spec, "steps"):
        path: Path = ("spec", "steps", index)
        for field in ("filter", "split"):
            if isinstance(step.get(field), str):
                yield (*path, field), step[field], True
        yield from _all_templates(step.get("transform"), (*path, "transform"))
        call = _mapping(step.get("call"))
        for field in ("path", "headers"):
            yield from _all_templates(call.get(field), (*path, "call", field))
    delivery = _mapping(spec.get("delivery"))
    for path, text in (
        (("spec", "delivery", "orderBy"), delivery.get("orderBy")),
        (("spec", "delivery", "deduplicate", "key"), _mapping(delivery.get("deduplicate")).get("key")),
    ):
        if isinstance(text, str):
            yield path, text, True
    where = _mapping(delivery.get("deadLetter"))
    yield from _all_templates(where.get("metadata"), ("spec", "delivery", "deadLetter", "metadata"))
    for index, output in _items(spec, "outputs"):
        path = ("spec", "outputs", index)
        if isinstance(output.get("when"), str):
            yield (*path, "when"), output["when"], True
        for field in ("data", "metadata"):
            yield from _all_templates(output.get(field), (*path, field))


def _all_templates(value: Any, path: Path) -> Iterator[tuple[Path, str, bool]]:
    return ((place, text, False) for place, text in templates(value, path))


def _check_expression(
    document: Document, path: Path, text: str, bare: bool, listed: frozenset[str] | None
) -> Iterator[Diagnostic]:
    found = parsed(text, bare)
    if isinstance(found, ExpressionError):
        span = document.text_span(path, found.offset, found.length)
        yield document.source.error("E401", str(found), span, found.hint)
    elif found is not None and "env" in found.names and listed is not None:
        for variable in _variables(text, bare):
            name = variable[1] or variable[2]
            if name not in listed:
                span = document.text_span(path, variable.start(), len(variable[0]))
                message = f"the environment variable {name!r} is not listed in `spec.env`"
                hint = close_match(name, listed) or f"add it there: `env: [{', '.join([*sorted(listed), name])}]`"
                yield document.source.error("E402", message, span, hint)


def check_text(document: Document, path: Path, text: str, bare: bool) -> Iterator[Diagnostic]:
    """What is wrong with an expression (`bare`) or a template that is written outside of a pipeline."""
    return _check_expression(document, path, text, bare, None)


def _variables(text: str, bare: bool) -> Iterator[re.Match[str]]:
    """The environment variables that an expression names."""
    parts = [(0, len(text))] if bare else [part.span() for part in _TEMPLATE.finditer(text)]
    return (found for part in parts for found in _ENV_USE.finditer(text, *part) if found[1] or found[2])


def _check_env_names(document: Document, listed: Any) -> Iterator[Diagnostic]:
    for index, name in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(name, str) and belongs_to_engine(name):
            message = f"the environment variable {name} belongs to the engine, and is not given to expressions"
            yield document.error("E505", message, ("spec", "env", index), "name another variable")
        elif isinstance(name, str) and not _ENV_NAME.fullmatch(name):
            message = f"{name!r} is not the name of an environment variable"
            yield document.error("E403", message, ("spec", "env", index), "letters, digits and `_`, no digit first")


def _check_attributes(document: Document, spec: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """The attributes that no event can have, whatever the templates give."""
    event = _mapping(spec.get("event"))
    for name, value in event.items():
        if name != "extensions" and isinstance(value, str) and not _is_template(value):
            yield from _check_attribute(document, ("spec", "event", name), value)
    for name, value in _mapping(event.get("extensions")).items():
        path: Path = ("spec", "event", "extensions", name)
        wrong_name = list(_check_attribute(document, path, "x", key=True))
        yield from wrong_name or _check_attribute(document, path, "x" if _is_template(value) else value)


def _check_attribute(document: Document, path: Path, value: Any, *, key: bool = False) -> Iterator[Diagnostic]:
    try:
        validate({**_VALID_EVENT, str(path[-1]): value})
    except Permanent as error:
        yield document.error("E404", str(error), path, key=key)


def _is_template(value: Any) -> bool:
    return isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#"))


def _check_requests(document: Document, spec: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for index, step in _items(spec, "steps"):
        call = _mapping(step.get("call"))
        path: Path = ("spec", "steps", index, "call")
        for name in _mapping(call.get("headers")):
            if not _HEADER_NAME.fullmatch(name):
                message, hint = f"{name!r} cannot be the name of a header", "letters, digits and `-`"
                yield document.error("E408", message, (*path, "headers", name), hint, key=True)
        mode = call.get("mode")
        if call.get("batch") is not None and mode in ("binary", "structured"):
            message = f"`batch` sends many events in one request, and mode {mode} can hold only one"
            yield document.error("E405", message, (*path, "mode"), "leave out `mode`, or write `mode: batch`")
        elif call.get("batch") is not None or mode == "batch":
            yield from _check_request_of_batch(document, call, path)


def _check_request_of_batch(document: Document, call: Mapping[str, Any], path: Path) -> Iterator[Diagnostic]:
    for field in ("path", "headers"):
        for place, text in templates(call.get(field), (*path, field)):
            found = parsed(text, False)
            names = found.tree.find_all(nodes.Name) if isinstance(found, Parsed) else ()
            name = next((name for name in names if name.name in _OF_ONE_EVENT), None)
            if name is not None:
                span = document.text_span(place, name.lineno, len(name.name))
                message = f"{name.name!r} differs from event to event, and this request is one for many of them"
                hint = "leave out `batch`, or use only `env` and `now` here"
                yield document.source.error("E406", message, span, hint)


def _check_order(document: Document, spec: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """A warning where a split puts side by side what `orderBy` keeps in order."""
    delivery = _mapping(spec.get("delivery"))
    kinds = [kind for _, step in _items(spec, "steps") for kind in step]
    if delivery.get("orderBy") is None or delivery.get("concurrency") == 1 or "split" not in kinds:
        return
    if spec.get("outputs") or "call" in kinds[kinds.index("split") :]:
        message = "the events that `split` makes of one message are delivered in no order"
        hint = "put them into a queue, and read that with `orderBy`; or write `concurrency: 1`"
        split: Path = next(
            ("spec", "steps", index, "split") for index, step in _items(spec, "steps") if "split" in step
        )
        told = document.warning("W404", message, ("spec", "delivery", "orderBy"), hint)
        yield replace(told, related=document.span(split), related_message="the `split` is here")


def _check_parking(document: Document, delivery: Mapping[str, Any]) -> Iterator[Diagnostic]:
    path: Path = ("spec", "delivery", "onDeadLetter")
    if delivery.get("onDeadLetter") != "park":
        return
    if "orderBy" not in delivery:
        message, hint = "only events with a key can be parked", "say with `orderBy` which events belong together"
        yield document.error("E420", message, path, hint)
    if isinstance(delivery.get("deadLetter"), dict):
        message = "a parked key is released from the engine's store, and the dead letters of this pipeline go elsewhere"
        yield document.error("E420", message, path, "leave out `deadLetter`, or write `onDeadLetter: continue`")


def check_settled(document: Document) -> Iterator[Diagnostic]:
    """An error for each template in a text that is settled before there is an event."""
    spec = _mapping(document.get(("spec",)))
    places: list[Path] = [("spec", "url")]
    places += [("spec", "steps", index, "call", "app", "url") for index, _ in _items(spec, "steps")]
    places += [("spec", "outputs", index, "operation") for index, _ in _items(spec, "outputs")]
    places.append(("spec", "delivery", "deadLetter", "operation"))
    for path in places:
        text = document.get(path)
        if isinstance(text, str) and "{{" in text:
            yield template_error(document, path, text)


def template_error(document: Document, path: Path, text: str) -> Diagnostic:
    span = document.text_span(path, text.index("{{"), 2)
    hint = "write the value itself; in a Component, `envRef` and `secretKeyRef` take it from elsewhere"
    return document.source.error("E407", "a template is not evaluated here", span, hint)


def _items(spec: Mapping[str, Any], field: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    items = spec.get(field)
    return ((index, _mapping(item)) for index, item in enumerate(items if isinstance(items, list) else ()))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
