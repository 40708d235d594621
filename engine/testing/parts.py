"""What the engine's builder is lent in a test in place of systems: settings, secrets, inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import aiohttp

from bindings.contract import Clock, InputBinding, OutputBinding, Subscription
from bindings.manifest import ComponentType
from bindings.metadata import Metadata
from bindings.store import Store
from engine.builder import Builder
from engine.components import Components, Use
from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.model import SecretKeyRef
from engine.definitions.pipeline import InlineBinding, Pipeline
from engine.observer import Observer
from engine.registry import component_type
from engine.resolver import Place, Resolver
from engine.secrets import SecretError, Secrets
from engine.suggest import close_match

_NO_SETTINGS = Metadata()


class GivenSecrets(Secrets):
    """The secrets that the test gives; no secret store is opened."""

    def __init__(self, definitions: Definitions, clock: Clock, values: Mapping[str, str]) -> None:
        super().__init__(definitions.components, None, clock)
        self._values = values

    async def get(self, store: str, reference: SecretKeyRef) -> str:
        names = [f"{reference.name}/{reference.key}", reference.name]
        found = next((self._values[name] for name in names if name in self._values), None)
        if found is None:
            hint = close_match(names[-1], self._values) or f"write `secrets: {{{names[-1]}: …}}`"
            raise SecretError("E503", f"the test gives no secret {names[-1]!r}", hint=hint)
        return found


class SettingsOfClocks(Resolver):
    """Only what runs as itself has settings: the address of a broker that nobody calls need not exist."""

    async def binding(self, pipeline: Located[Pipeline], place: Place, binding: str | InlineBinding) -> Use:
        if isinstance(binding, str):
            return await self.component(binding)
        manifest = component_type(binding.type)
        if place[1] == "input" and manifest.runs_on_clock:
            return await super().binding(pipeline, place, binding)
        names = {"input": f"{pipeline.model.metadata.name}-input", "outputs": f"outputs[{place[2]}]"}
        return _swapped(names.get(str(place[1]), str(place[2])), manifest)

    async def component(self, name: str) -> Use:
        component = self._components.get(name)
        manifest = component_type(component.model.spec.type) if component is not None else None
        if manifest is None or manifest.runs_on_clock:
            return await super().component(name)
        return _swapped(name, manifest)


def _swapped(name: str, manifest: ComponentType) -> Use:
    return Use(name, manifest, _NO_SETTINGS, name)


class SwappedComponents(Components):
    """`watch` makes the input of the test: given the real one where that needs only the clock."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        watch: Callable[[InputBinding | None], InputBinding],
        output: Callable[[str], OutputBinding],
    ) -> None:
        super().__init__(store, clock)
        self._watch = watch
        self._output = output

    def input(self, use: Use) -> InputBinding:
        return self._watch(super().input(use) if use.manifest.runs_on_clock else None)

    def topic(self, use: Use, wanted: Subscription) -> InputBinding:
        return self._watch(None)

    async def output(self, use: Use) -> OutputBinding:
        return self._output(use.name)

    async def release(self, use: Use) -> None:
        pass


class BenchBuilder(Builder):
    """The engine's builder, with the secrets of a test."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        session: aiohttp.ClientSession,
        components: Components,
        observer: Observer,
        secrets: Mapping[str, str],
    ) -> None:
        super().__init__(store, clock, session, components, observer)
        self._secrets = secrets

    def resolver(self, definitions: Definitions) -> Resolver:
        given = GivenSecrets(definitions, self._clock, self._secrets)
        return SettingsOfClocks(definitions, self._store, self._clock, given)
