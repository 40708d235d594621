"""What can be explained, and the pages of it: made from models, manifests and codes, and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from bindings.manifest import ComponentType
from bindings.metadata import BindingMetadata
from engine import expressions
from engine.cli.page import Block, Code, Field, Fields, Heading, Page, Terms, Text, prose
from engine.definitions.codes import CODES
from engine.definitions.examples import EXAMPLES
from engine.definitions.json_schema import Schema
from engine.definitions.kinds import KINDS
from engine.definitions.schemas import schema_of
from engine.definitions.wording import on_one_line, type_of_field
from engine.registry import component_type, component_types

NAMES = {
    "event": "The CloudEvents attributes: `event.id`, `event.type`, `event.source`, `event.subject`, `event.time`, "
    "and extensions.",
    "data": "The data of the event, parsed: what its JSON holds, or a text.",
    "metadata": "What the binding says of the message; `jackfield explain TYPE` has its keys.",
    "env": "The environment variables that `spec.env` lists.",
    "now": "The time, in UTC: `now.isoformat()`, `now.strftime('%Y-%m-%d')`.",
}
"""The names in every expression (`engine.grammar.NAMES`) and what they are."""


def topics() -> Mapping[str, Callable[[], Page]]:
    """The page of each name, made when it is called for."""
    return {
        **{name.lower(): partial(page_of_kind, name) for name in KINDS},
        **{name: partial(page_of_type, name) for name in sorted(component_types())},
        **{code: partial(page_of_code, code) for code in sorted(CODES)},
    }


def fields() -> Mapping[str, Callable[[], Page]]:
    """The page of each field of a definition, by its name alone."""
    places: dict[str, list[tuple[str, Field]]] = {}
    for topic in (*KINDS, *sorted(component_types())):
        for field in _fields(schema_of(topic)):
            places.setdefault(field.name.rpartition(".")[2].removesuffix("[]"), []).append((topic, field))
    return {name: partial(page_of_field, name, found) for name, found in places.items()}


def page_of_field(name: str, places: Sequence[tuple[str, Field]]) -> Page:
    """Every place that the field has, and the fields within it."""
    blocks: list[Block] = []
    for topic, field in places:
        within = [
            part for part in _fields(schema_of(topic)) if part.name.startswith((f"{field.name}.", f"{field.name}[]."))
        ]
        blocks += [Heading(f"In {topic}"), Fields([field, *within])]
    return Page(f"the field {name}", blocks)


def contents() -> Page:
    """The page that names all others."""
    kinds = [(name.lower(), schema_of(name)["description"]) for name in KINDS]
    types = [(name, component_type(name).summary) for name in sorted(component_types())]
    codes = [(code, CODES[code][0]) for code in sorted(CODES)]
    return Page(
        "jackfield explain NAME",
        [
            *(Heading("Kinds of documents"), Terms(kinds)),
            *(Heading("Component types"), Terms(types)),
            *(Heading("Codes of errors and warnings"), Terms(codes)),
            Text("A field of a definition has a page as well: `jackfield explain retry`."),
        ],
    )


def page_of_kind(name: str) -> Page:
    schema = schema_of(name)
    blocks: list[Block] = [Text(schema["description"])]
    if not KINDS[name].applied:
        blocks.append(Text("Documents of this kind are read and checked, but this version does not apply them yet."))
    blocks += _sections(schema)
    if name == "Pipeline":
        blocks += [Heading("Expressions"), *prose(expressions.__doc__ or ""), Terms(list(NAMES.items()))]
    return Page(name, [*blocks, Heading("Example"), Code(EXAMPLES[name])])


def page_of_type(name: str) -> Page:
    manifest = component_type(name)
    blocks: list[Block] = [Text(manifest.summary), Text(_uses(manifest))]
    if manifest.extra:
        blocks.append(Text(f"It needs a client library: `pip install 'jackfield[{manifest.extra}]'`."))
    blocks += [Heading("Metadata"), Fields(sorted(_fields(schema_of(name), _requirements(manifest)), key=_importance))]
    for heading, terms in (
        ("Operations", manifest.operations),
        ("Metadata of a received message", manifest.input_metadata),
        ("Metadata of an operation", manifest.output_metadata),
    ):
        if terms:
            blocks += [Heading(heading), Terms(list(terms.items()))]
    return Page(name, [*blocks, Heading("Example"), Code(manifest.example)])


def page_of_code(code: str) -> Page:
    title, explanation = CODES[code]
    return Page(f"{code}: {title}", list(prose(explanation)))


def _sections(schema: Schema) -> Iterator[Block]:
    """The fields of a document: its head, then `spec`, then each part of `spec` that has fields of its own."""
    spec: Schema = schema["properties"]["spec"]
    parts = {name: field for name, field in spec.get("properties", {}).items() if any(_within(field))}
    yield Heading("The document")
    yield Fields(list(_fields(_without(schema, {"spec"}))))
    simple = list(_fields(_without(spec, parts.keys())))
    if simple:
        yield Heading("spec")
        yield Fields(simple)
    for name, field in parts.items():
        parts_within = list(_within(field))
        yield Heading(f"spec.{name}{parts_within[0][0]}")
        for _, part in parts_within:
            about = (field.get("description", ""), part.get("description", ""))
            yield from (Text(text) for text in dict.fromkeys(about) if text)
            yield Fields(list(_fields(part)))


def _without(schema: Schema, names: Iterable[str]) -> Schema:
    left = {name: field for name, field in schema.get("properties", {}).items() if name not in names}
    return {**schema, "properties": left}


def _fields(schema: Schema, required: Mapping[str, str] | None = None, prefix: str = "") -> Iterator[Field]:
    """The fields of a mapping, each followed by those within it."""
    needs = required or dict.fromkeys(schema.get("required", ()), "required")
    for name, field in schema.get("properties", {}).items():
        default = on_one_line(field["default"]) if "default" in field else ""
        example = on_one_line(field["examples"][0]) if "examples" in field else ""
        yield Field(
            name=prefix + name,
            type=type_of_field(field),
            required=needs.get(name, ""),
            default=default,
            description=field.get("description", ""),
            example="" if example in (default, field.get("const")) else example,
        )
        for mark, part in _within(field):
            yield from _fields(part, prefix=f"{prefix}{name}{mark}.")


def _within(field: Schema, mark: str = "") -> Iterator[tuple[str, Schema]]:
    """The mappings that a field can be, or can hold as items (`[]`) or by any name (`.*`)."""
    for part in (field, *field.get("anyOf", ())):
        if "properties" in part:
            yield mark, part
        if "items" in part:
            yield from _within(part["items"], f"{mark}[]")
        if isinstance(part.get("additionalProperties"), dict):
            yield from _within(part["additionalProperties"], f"{mark}.*")


def _importance(field: Field) -> tuple[bool, bool]:
    """What must be written comes first, and what all bindings have, last."""
    return not field.required, field.name in BindingMetadata.model_fields


def _requirements(manifest: ComponentType) -> Mapping[str, str]:
    always = schema_of(manifest.name).get("required", ())
    return {
        **dict.fromkeys(manifest.output_requires, "required as output"),
        **dict.fromkeys(manifest.input_requires, "required as input"),
        **dict.fromkeys(always, "required"),
    }


def _uses(manifest: ComponentType) -> str:
    uses = {
        "an input": manifest.input,
        "an output": manifest.output,
        "a secret store": manifest.secret_store,
        "a state store": manifest.state_store,
        "a pub/sub": manifest.pubsub,
        "a configuration store": manifest.configuration_store,
        "a lock": manifest.lock,
    }
    parts = [f"It is {' and '.join(name for name, factory in uses.items() if factory)}."]
    if manifest.input:
        parts.append("Several pipelines can share it." if manifest.shared_input else "One pipeline can read it.")
    if manifest.output:
        parts.append(f"The default operation is `{manifest.default_operation}`.")
    return " ".join(parts)
