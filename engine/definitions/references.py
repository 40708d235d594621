"""What definitions refer to by name: components in a direction, apps, and secret stores."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from bindings.manifest import ComponentType
from engine.definitions.bindings import Binding
from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document
from engine.definitions.findings import Findings
from engine.definitions.metadata import Path
from engine.definitions.names import Names
from engine.definitions.uses import AppUse, ComponentUse
from engine.suggest import close_match, slip_of


class References:
    """Checks references against the names of the folder, and what is known to be wrong with them."""

    def __init__(self, names: Names, findings: Findings, bindings: Mapping[Definition, Binding]) -> None:
        self._names = names
        self._findings = findings
        self._bindings = bindings
        self._inputs: dict[str, ComponentUse] = {}

    def check_component(self, use: ComponentUse) -> Iterator[Diagnostic]:
        """The name, the direction and the operation of a use of a component."""
        name = str(use.binding)
        component = self._names.of_kind("Component").get(name)
        if component is None:
            yield self._names.unknown("Component", name, use.document, use.path)
            return
        yield from self._broken(component, use.document, use.path)
        binding = self._bindings.get(component)
        if binding is not None:
            yield from check_use(use, binding)
            yield from self._check_shared(name, use, binding.manifest)
        elif self._findings.first_error(component) is None:
            type_name = component.spec.get("type")
            yield use.document.error("E305", f"{type_name} cannot be an {use.direction}: it is no binding", use.path)

    def check_app(self, use: AppUse) -> Iterator[Diagnostic]:
        app = self._names.of_kind("App").get(use.name)
        if app is None:
            yield self._names.unknown("App", use.name, use.document, use.path)
        else:
            yield from self._broken(app, use.document, use.path)

    def check_pipeline(self, document: Document, path: Path) -> Iterator[Diagnostic]:
        """The pipeline that a test names."""
        name = document.get(path)
        if not isinstance(name, str):
            return
        pipeline = self._names.of_kind("Pipeline").get(name)
        if pipeline is None:
            yield self._names.unknown("Pipeline", name, document, path)
        else:
            yield from self._broken(pipeline, document, path)

    def check_pubsub(self, document: Document) -> Iterator[Diagnostic]:
        """The pub/sub component of a Subscription."""
        path = ("spec", "pubsubname")
        name = document.get(path)
        component = self._names.of_kind("Component").get(name) if isinstance(name, str) else None
        if component is None:
            if isinstance(name, str):
                yield self._names.unknown("Component", name, document, path)
            return
        yield from self._broken(component, document, path)
        binding = self._bindings.get(component)
        if binding is not None and binding.manifest.pubsub is None:
            yield document.error("E305", f"{binding.manifest.name} is no pub/sub", path)
        elif binding is None and self._findings.first_error(component) is None:
            message = f"{component.spec.get('type')} components are not applied yet, so it gets nothing"
            yield document.warning("W201", message, path)

    def check_secret_store(self, document: Document, path: Path, references: Sequence[Path]) -> Iterator[Diagnostic]:
        """The store at `path`, which the secrets at `references` are read from."""
        name = document.get(path)
        if name is None:
            stores = [d.name for d, binding in self._bindings.items() if binding.manifest.secret_store is not None]
            where = "to the `spec`" if path[0] == "spec" else "beside `spec`"
            hint = f"add `auth: {{secretStore: {stores[0] if stores else 'NAME'}}}` {where}"
            for reference in references:
                yield document.error("E501", "no secret store is named for this secret", reference, hint, key=True)
            return
        if not isinstance(name, str):
            return
        component = self._names.of_kind("Component").get(name)
        if component is None:
            yield self._names.unknown("Component", name, document, path)
            return
        yield from self._broken(component, document, path)
        binding = self._bindings.get(component)
        if binding is None or binding.manifest.secret_store is None:
            yield document.error("E501", f"{name!r} is {component.spec.get('type')}, and no secret store", path)

    def check_name_in_place(self, use: ComponentUse, manifest: ComponentType) -> Iterator[Diagnostic]:
        """The name that a binding written in place gets: what it keeps in the store, or its webhook, goes by it."""
        component = self._names.of_kind("Component").get(use.name)
        if component is not None and component.spec.get("type") == manifest.name:
            yield use.document.error(
                "E307",
                f"written in place here it is called {use.name!r}, and a component of that type has this name",
                use.path,
                "give the component another name",
                related=component.document.span(("metadata", "name")),
                related_message="the component is here",
            )

    def _broken(self, definition: Definition, document: Document, path: Path) -> Iterator[Diagnostic]:
        place = self._findings.first_error(definition)
        if place is not None:
            message = f"the {definition.kind.lower()} {definition.name!r} has an error"
            yield document.error("E303", message, path, related=place, related_message="the error is here")

    def _check_shared(self, name: str, use: ComponentUse, manifest: ComponentType) -> Iterator[Diagnostic]:
        if use.direction == "output" or use.of_topic or manifest.shared_input:
            return
        first = self._inputs.setdefault(name, use)
        if first is not use:
            yield use.document.error(
                "E307",
                f"the component {name!r} is already the input of another pipeline, and {manifest.name} serves only one",
                use.path,
                "write a second component for this pipeline",
                related=first.document.span(first.path),
                related_message=f"the pipeline {first.pipeline.name!r} uses it here",
            )


def check_use(use: ComponentUse, binding: Binding) -> Iterator[Diagnostic]:
    """Whether a binding can be what a pipeline uses it for."""
    wrong = list(_check_direction(use, binding))
    yield from wrong
    if not wrong and use.direction == "output":
        if not use.of_topic:
            yield from _check_operation(use, binding.manifest)
        yield from _check_metadata(use, binding.manifest)


def _check_direction(use: ComponentUse, binding: Binding) -> Iterator[Diagnostic]:
    manifest = binding.manifest
    if use.of_topic != (manifest.pubsub is not None):
        if use.of_topic:
            message, hint = f"{manifest.name} is no pub/sub", f"write `binding: {use.name}`, and no `topic`"
        else:
            message = f"{manifest.name} is a pub/sub, and no binding"
            hint = f"write `pubsub: {use.name}` and `topic: NAME`"
        yield use.document.error("E305", message, use.path, hint)
        return
    if use.of_topic:
        return
    possible = {"input": manifest.input, "output": manifest.output}
    if possible[use.direction] is None:
        other = next((direction for direction, factory in possible.items() if factory is not None), None)
        hint = f"it can only be an {other}" if other else "it is no binding"
        yield use.document.error("E305", f"{manifest.name} cannot be an {use.direction}", use.path, hint)
        return
    for entry in binding.entries:
        if entry.name != "direction" or not isinstance(entry.value, str):
            continue
        if use.direction not in re.findall(r"\w+", entry.value):
            message = f"its `direction` is {entry.value!r}, so it cannot be an {use.direction}"
            hint, place = "change one of them", binding.document.span(entry.path)
            yield use.document.error(
                "E305", message, use.path, hint, related=place, related_message="the `direction` is here"
            )


def _check_operation(use: ComponentUse, manifest: ComponentType) -> Iterator[Diagnostic]:
    operation, known = use.operation, manifest.operations
    if operation is None:
        operation, path = manifest.default_operation, use.path
    else:
        path = (*use.path[:-1], "operation")
    if not isinstance(operation, str) or operation in known or "{{" in operation:
        return
    hint = f"{close_match(operation, known)} The operations are {', '.join(known)}".strip()
    yield use.document.error("E306", f"{manifest.name} has no operation {operation!r}", path, hint)


def _check_metadata(use: ComponentUse, manifest: ComponentType) -> Iterator[Diagnostic]:
    """A warning for a key that is nearly one that the type knows: a key that it does not know is without effect."""
    path = (*use.path[:-1], "metadata")
    given, known = use.document.get(path), manifest.output_metadata
    if not isinstance(given, dict) or any("<" in key for key in known):
        return
    for name in given:
        meant = slip_of(name, known) if name not in known else None
        if meant is not None:
            message = f"an operation of {manifest.name} takes no metadata {name!r}, and goes on without it"
            yield use.document.warning("W302", message, (*path, name), f"did you mean {meant!r}?", key=True)
