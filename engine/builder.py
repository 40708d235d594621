"""Builds what runs from a definition: the stages, the opened outputs, the input, and the flow between them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import yaml

from bindings.contract import Clock, InputBinding, ServesHttp
from bindings.store import Store
from engine.app import AppClient
from engine.components import Components, Use, open_within
from engine.definitions.app import App
from engine.definitions.check import Definitions
from engine.definitions.component import Component
from engine.definitions.folder import Located
from engine.definitions.pipeline import Call, InlineApp, InlineBinding, Pipeline, Step
from engine.definitions.settings import inline_settings, settings
from engine.envelope import EnvelopeMaker
from engine.flow import Flow
from engine.observer import Counts, Observer
from engine.pipeline_run import PipelineRun
from engine.registry import component_type
from engine.replay import queue_name
from engine.revision import revision_of
from engine.secrets import Secrets
from engine.stages.call import CallStage
from engine.stages.filter import filter_stage
from engine.stages.output import OutputStage
from engine.stages.split import split_stage
from engine.stages.stage import EachEvent, Stage, Surroundings
from engine.stages.transform import transform_stage
from engine.stages.validate import validate_stage

_BATCH_WITHOUT_CALL = 100  # events that no app waits for go through the stages and the outputs together


@dataclass(slots=True)
class Built:
    """One revision of a pipeline, with all that has to be closed again. The input is not opened yet."""

    pipeline: Located[Pipeline]
    revision: str
    run: PipelineRun
    input: InputBinding
    input_use: Use
    webhook: ServesHttp | None
    components: Components
    outputs: list[Use] = field(default_factory=list)

    async def open_input(self) -> None:
        await open_within(self.input, self.input_use)

    async def close(self) -> None:
        await self.run.close()
        while self.outputs:
            await self.components.release(self.outputs.pop())


class Builder:
    """Lends the engine's parts to the pipelines that it builds."""

    def __init__(
        self, store: Store, clock: Clock, session: aiohttp.ClientSession, components: Components, observer: Observer
    ) -> None:
        self._store = store
        self._clock = clock
        self._session = session
        self._components = components
        self._observer = observer
        self._apps: dict[str, AppClient] = {}

    async def build(self, pipeline: Located[Pipeline], definitions: Definitions, counts: Counts) -> Built:
        """Opens the outputs; raises `DefinitionError`, or `NotReady` when one of their systems does not answer."""
        spec, name = pipeline.model.spec, pipeline.model.metadata.name
        secrets = Secrets(definitions.components, self._store, self._clock)
        uses: list[Use] = []
        try:
            input_use = await self._use(
                pipeline, ("spec", "input", "binding"), spec.input.binding, definitions, secrets
            )
            inner = self._components.input(input_use)
            env = {variable: os.environ.get(variable, "") for variable in spec.env}
            surroundings = Surroundings(env, self._clock)
            envelope = EnvelopeMaker(spec.event, input_use.name, input_use.manifest.name, env)
            stages: list[Stage] = [EachEvent("event", lambda passage: envelope.complete(passage, self._clock.now()))]
            for index, step in enumerate(spec.steps):
                stages.append(await self._step(pipeline, index, step, definitions, secrets, surroundings))
            for index, output in enumerate(spec.outputs):
                place = ("spec", "outputs", index, "binding")
                use = await self._use(pipeline, place, output.binding, definitions, secrets)
                binding = await self._components.output(use)
                uses.append(use)
                operation = output.operation or use.manifest.default_operation
                stages.append(
                    OutputStage(f"outputs[{index}]", f"{name}.{index}", output, operation, binding, surroundings)
                )
        except BaseException:
            for use in uses:
                await self._components.release(use)
            raise
        finally:
            await secrets.close()
        revision = revision_of(pipeline, definitions)
        flow = Flow(name, revision, stages, spec.delivery, self._store, self._clock, counts, self._observer)
        binding_input = self._components.durable(inner, input_use)
        replays = self._store.queue(queue_name(name))
        limits = {"concurrency": spec.delivery.concurrency, **_batching(stages)}
        run = PipelineRun(flow, binding_input, replays, envelope, self._clock, **limits)
        webhook = inner if isinstance(inner, ServesHttp) else None
        return Built(pipeline, revision, run, binding_input, input_use, webhook, self._components, uses)

    async def _use(
        self,
        pipeline: Located[Pipeline],
        place: tuple[str | int, ...],
        binding: str | InlineBinding,
        definitions: Definitions,
        secrets: Secrets,
    ) -> Use:
        if isinstance(binding, InlineBinding):
            owner = pipeline.model.metadata.name
            name = f"{owner}-{place[1]}" if place[1] == "input" else f"{owner}-{place[1]}-{place[2]}"
            manifest = component_type(binding.type)
            values = inline_settings(pipeline.document, place, binding)
            return Use(name, manifest, values, f"{name} {binding.model_dump_json()}")
        component: Located[Component] = definitions.components[binding]
        manifest = component_type(component.model.spec.type)
        values = await settings(component, secrets)
        fingerprint = f"{binding} {component.model.model_dump_json()}"
        return Use(binding, manifest, values, fingerprint, component.model.spec.init_timeout)

    async def _step(
        self,
        pipeline: Located[Pipeline],
        index: int,
        step: Step,
        definitions: Definitions,
        secrets: Secrets,
        surroundings: Surroundings,
    ) -> Stage:
        name = f"steps[{index}]"
        if step.filter is not None:
            return filter_stage(f"{name}.filter", step.filter, surroundings)
        if step.validate_ is not None:
            return validate_stage(f"{name}.validate", _schema(pipeline, step.validate_))
        if step.split is not None:
            return split_stage(f"{name}.split", step.split, surroundings)
        if step.call is not None:
            app = await self._app(step.call, definitions, secrets)
            return CallStage(f"{name}.call", step.call, app, surroundings)
        return transform_stage(f"{name}.transform", step.transform, surroundings)

    async def _app(self, call: Call, definitions: Definitions, secrets: Secrets) -> AppClient:
        if isinstance(call.app, InlineApp):
            return AppClient(self._session, call.app.url, call.app.url)
        located: Located[App] = definitions.apps[call.app]
        spec = located.model.spec
        # One client for one definition of an app, so that `maxConcurrency` holds over all pipelines.
        key = located.model.model_dump_json()
        if key not in self._apps:
            token = None
            if spec.token is not None:
                store = spec.auth.secret_store if spec.auth else ""
                token = await secrets.get(store, spec.token.secret_key_ref)
            self._apps[key] = AppClient(
                self._session,
                call.app,
                spec.url,
                token=token,
                max_concurrency=spec.max_concurrency,
                max_response_size=spec.max_response_size,
            )
        return self._apps[key]


def _batching(stages: list[Stage]) -> Mapping[str, Any]:
    calls = [stage for stage in stages if isinstance(stage, CallStage)]
    batches = [stage.batch for stage in calls if stage.batch is not None]
    size = max((call.limit for call in calls), default=_BATCH_WITHOUT_CALL)
    return {"batch_size": size, "max_wait": max((batch.max_wait for batch in batches), default=0.0)}


def _schema(pipeline: Located[Pipeline], schema: str | dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        return schema
    path = pipeline.document.path.parent / schema
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
