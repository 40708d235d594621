"""The check of a folder: all mistakes in one run, and the definitions that have none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from bindings.manifest import ComponentType
from bindings.metadata import Metadata
from engine.clock import SystemClock
from engine.definitions.app import App
from engine.definitions.bindings import Binding, component_binding, inline_binding
from engine.definitions.cases import check_tests
from engine.definitions.clear_secrets import check_secrets
from engine.definitions.component import Component
from engine.definitions.dapr import Subscription
from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic, Span
from engine.definitions.document import Step
from engine.definitions.ends import check_ends
from engine.definitions.findings import Findings
from engine.definitions.folder import Folder, Located
from engine.definitions.meaning import check_meaning
from engine.definitions.model import Model, SecretKeyRef
from engine.definitions.names import names_of
from engine.definitions.pipeline import Pipeline
from engine.definitions.places import Place, check_loops, place_of
from engine.definitions.references import References, check_use
from engine.definitions.resiliency import Resiliency
from engine.definitions.resiliency_check import check_resiliency
from engine.definitions.schema_files import SchemaFiles
from engine.definitions.settings import resolve, written
from engine.definitions.source import Source
from engine.definitions.subscriptions import check_subscription, with_subscriptions
from engine.definitions.uses import ComponentUse, app_uses, component_uses
from engine.definitions.variables import check_environment
from engine.secrets import SecretError, Secrets


# No `repr` here: asyncio.run makes one of its result, and that of a thousand definitions takes a third of a second.
@dataclass(frozen=True, slots=True, repr=False)
class Definitions:
    """What of a folder can run, by name: nothing in it has an error, or refers to what has one.

    `policies`: the Resiliency documents among the `others`, apart because each pipeline asks for them.
    `schemas`: the files of `validate` steps as they were checked, by the path that `schema_path` gives.
    `subscriptions`: what pipelines were made of, by the names of these.
    """

    root: Path = Path()
    pipelines: Mapping[str, Located[Pipeline]] = field(default_factory=dict)
    apps: Mapping[str, Located[App]] = field(default_factory=dict)
    components: Mapping[str, Located[Component]] = field(default_factory=dict)
    others: Sequence[Located[Model]] = ()
    policies: Sequence[Located[Resiliency]] = ()
    schemas: Mapping[Path, Source] = field(default_factory=dict)
    subscriptions: Mapping[str, Located[Subscription]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """`diagnostics` are sorted by file, line and column; `refused` are the definitions that have errors."""

    diagnostics: Sequence[Diagnostic]
    definitions: Definitions
    refused: Set[Definition] = frozenset()


async def check(folder: Folder, *, secrets: bool = True, schemas: Mapping[Path, Source] | None = None) -> Report:
    """Checks all definitions of a folder; `secrets`: whether each secret and variable must be there; `schemas`: files
    of `validate` steps that count as given here, and not as they are on the disk.
    """
    checker = _Checker(folder, secrets, schemas or {})
    try:
        await checker.check_components()
        await checker.check_apps()
        checker.check_pipelines()
        checker.check_subscriptions()
        checker.check_tests()
        checker.check_resiliencies()
        checker.check_loops()
        checker.check_secrets()
    finally:
        await checker.secrets.close()
    return checker.report()


class _Checker:
    """In the order of dependence, so that what refers to a definition knows whether that has an error."""

    def __init__(self, folder: Folder, with_secrets: bool, schemas: Mapping[Path, Source]) -> None:
        self._folder = folder
        self._kinds: dict[str, list[Definition]] = defaultdict(list)
        for definition in folder.definitions:
            self._kinds[definition.kind].append(definition)
        self._found = Findings(folder.definitions)
        names, repeated = names_of(folder)
        for definition, diagnostic in repeated:
            self._found.add(definition, [diagnostic])
        self._bindings: dict[Definition, Binding] = {}
        self._names = names
        self._references = References(names, self._found, self._bindings)
        self._schema_files = SchemaFiles(schemas)
        self._settings: dict[str, Metadata | None] = {}  # by the names of bindings
        self._clear_secrets: dict[Definition, list[tuple[Step, ...]]] = defaultdict(list)
        self._secret_lines: set[tuple[str, int]] = set()
        self._stores: dict[str, Located[Component]] = {}
        self.secrets = Secrets(self._stores, None, SystemClock())
        self._with_secrets = with_secrets
        self._uses = {pipeline: list(component_uses(pipeline)) for pipeline in self._kinds["Pipeline"]}

    async def check_components(self) -> None:
        uses: dict[str, list[ComponentUse]] = defaultdict(list)
        for use in (use for of_one in self._uses.values() for use in of_one):
            if isinstance(use.binding, str):
                uses[use.binding].append(use)
        for component in self._kinds["Component"]:
            binding = component_binding(component)
            if isinstance(binding, Diagnostic):
                self._found.add(component, [binding])
            elif binding is not None:
                self._bindings[component] = binding
                self._note_secrets(component, binding)
                self._found.add(component, binding.check())
                self._found.add(component, binding.check_requirements(uses[component.name]))
        for component in sorted(self._bindings, key=self._dependence):
            await self._check_values(component, self._bindings[component])

    def _dependence(self, component: Definition) -> tuple[bool, bool]:
        """Secret stores come before what may need them, and of those the ones that need none themselves."""
        binding = self._bindings[component]
        return binding.manifest.secret_store is None, any(entry.is_reference for entry in binding.entries)

    async def _check_values(self, component: Definition, binding: Binding) -> None:
        references = [entry.path for entry in binding.entries if entry.secret is not None]
        store_path = ("auth", "secretStore")
        if references or component.document.get(store_path) is not None:
            self._found.add(component, self._references.check_secret_store(component.document, store_path, references))
        if self._found.first_error(component) is None:
            secrets = self.secrets if self._with_secrets else None
            store = str(component.document.get(store_path) or "")
            resolved = await resolve(component.document, binding.entries, store, secrets)
            settings, wrong = binding.check_values(resolved)
            self._found.add(component, wrong)
            self._settings[component.name] = settings
        if binding.manifest.secret_store is not None and self._found.first_error(component) is None:
            await self._check_store(component, binding)

    async def _check_store(self, component: Definition, binding: Binding) -> None:
        if component.model is None:
            return
        self._stores[component.name] = cast(Located[Component], Located(component.model, component.document))
        if self._with_secrets:
            try:
                await self.secrets.open(component.name)
            except SecretError as error:
                path = next((e.path for e in binding.entries if e.name in str(error.args[0])), ("metadata", "name"))
                diagnostic = component.document.error(error.code, str(error.args[0]), path, error.hint)
                self._found.add(component, [diagnostic])

    async def check_apps(self) -> None:
        for app in self._kinds["App"]:
            path, store_path = ("spec", "token", "secretKeyRef"), ("spec", "auth", "secretStore")
            reference = app.document.get(path)
            if not isinstance(reference, dict) or not isinstance(reference.get("name"), str):
                continue
            self._found.add(app, self._references.check_secret_store(app.document, store_path, [path]))
            if self._found.first_error(app) is None and self._with_secrets:
                try:
                    await self.secrets.get(app.spec["auth"]["secretStore"], SecretKeyRef.model_validate(reference))
                except SecretError as error:
                    place = (*path, error.part)
                    self._found.add(app, [app.document.error(error.code, str(error.args[0]), place, error.hint)])

    def check_subscriptions(self) -> None:
        for subscription in self._kinds["Subscription"]:
            of_names = self._references.check_pubsub(subscription.document)
            self._found.add(subscription, [*of_names, *check_subscription(subscription, self._names)])

    def check_tests(self) -> None:
        components = self._names.of_kind("Component")
        for test in self._kinds["PipelineTest"]:
            self._found.add(test, self._references.check_pipeline(test.document, ("spec", "pipeline")))
            pipeline = self._names.of_kind("Pipeline").get(str(test.spec.get("pipeline")))
            if pipeline is not None and self._found.first_error(pipeline) is None:
                manifest = self._type_of_input(pipeline)
                runs_on_clock = manifest is not None and manifest.runs_on_clock
                self._found.add(test, check_tests(test, pipeline, runs_on_clock, components))

    def check_resiliencies(self) -> None:
        for resiliency in self._kinds["Resiliency"]:
            self._found.add(resiliency, check_resiliency(resiliency.document, self._names))

    def check_pipelines(self) -> None:
        for pipeline in self._kinds["Pipeline"]:
            self._found.add(pipeline, check_ends(pipeline))
            for use in self._uses[pipeline]:
                self._found.add(pipeline, self._check_use(use))
            for app_use in app_uses(pipeline):
                self._found.add(pipeline, self._references.check_app(app_use))
            self._found.add(pipeline, self._schema_files.check(pipeline))
            schema_at = partial(self._schema_files.sound, pipeline)
            self._found.add(pipeline, check_meaning(pipeline, self._type_of_input(pipeline), schema_at))
            if self._with_secrets:
                self._found.add(pipeline, check_environment(pipeline))

    def _type_of_input(self, pipeline: Definition) -> ComponentType | None:
        use = next((use for use in self._uses[pipeline] if use.direction == "input"), None)
        binding = self._binding_of(use) if use is not None else None
        return binding.manifest if isinstance(binding, Binding) else None

    def _binding_of(self, use: ComponentUse) -> Binding | Diagnostic | None:
        if not isinstance(use.binding, str):
            return inline_binding(use.document, use.path)
        component = self._names.of_kind("Component").get(use.binding)
        return self._bindings.get(component) if component is not None else None

    def _check_use(self, use: ComponentUse) -> Iterable[Diagnostic]:
        if isinstance(use.binding, str):
            return self._references.check_component(use)
        return self._check_inline(use)

    def _check_inline(self, use: ComponentUse) -> Iterator[Diagnostic]:
        binding = inline_binding(use.document, use.path)
        if isinstance(binding, Diagnostic):
            yield binding
        elif binding is not None:
            self._note_secrets(use.pipeline, binding)
            wrong = [*binding.check(), *binding.check_requirements([use])]
            if not wrong:
                self._settings[use.name], wrong = binding.check_values(written(use.document, binding.entries))
            yield from wrong
            yield from check_use(use, binding)
            yield from self._references.check_name_in_place(use, binding.manifest)

    def check_loops(self) -> None:
        """Of the pipelines that can run."""
        uses = {pipeline: found for pipeline, found in self._uses.items() if self._is_good(pipeline)}
        for pipeline, diagnostic in check_loops(uses, self._place_of):
            self._found.add(pipeline, [diagnostic])

    def _place_of(self, use: ComponentUse) -> Place | None:
        binding = self._binding_of(use)
        if not isinstance(binding, Binding):
            return None
        return place_of(use, binding.manifest, self._settings.get(use.name))

    def check_secrets(self) -> None:
        for definition in self._folder.definitions:
            found = list(check_secrets(definition.document, self._clear_secrets.get(definition, ())))
            self._found.add(definition, found)
            for diagnostic in found:
                self._hide(diagnostic.span)

    def _note_secrets(self, definition: Definition, binding: Binding) -> None:
        for path in binding.clear_secrets():
            self._clear_secrets[definition].append(path)
            self._hide(binding.document.span(path))

    def _hide(self, span: Span) -> None:
        """Its lines are not shown."""
        self._secret_lines.update((span.file, line) for line in range(span.line, span.end_line + 1))

    def report(self) -> Report:
        of_files = (diagnostic for file in self._folder.files.values() for diagnostic in file.diagnostics)
        diagnostics = dict.fromkeys([*self._folder.diagnostics, *of_files, *self._found])
        refused = {definition for definition in self._folder.definitions if not self._is_good(definition)}
        shown = [self._without_secret(diagnostic) for diagnostic in diagnostics]
        return Report(sorted(shown, key=lambda d: (d.span, d.code)), self._definitions(), refused)

    def _without_secret(self, diagnostic: Diagnostic) -> Diagnostic:
        has_secret = (diagnostic.span.file, diagnostic.span.line) in self._secret_lines
        return replace(diagnostic, source_line="") if has_secret else diagnostic

    def _is_good(self, definition: Definition) -> bool:
        return definition.model is not None and self._found.first_error(definition) is None

    def _definitions(self) -> Definitions:
        good: dict[str, dict[str, Any]] = defaultdict(dict)
        others: list[Located[Model]] = []
        for definition in self._folder.definitions:
            if definition.model is None or not self._is_good(definition):
                continue
            located = Located(definition.model, definition.document)
            if definition.kind in ("Pipeline", "App", "Component"):
                good[definition.kind][definition.name] = located
            else:
                others.append(located)
        policies = [Located(one.model, one.document) for one in others if isinstance(one.model, Resiliency)]
        parts = good["Pipeline"], good["App"], good["Component"], others, policies, self._schema_files.sources
        return with_subscriptions(Definitions(self._folder.root, *parts))
