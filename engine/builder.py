"""Builds what runs from a definition: the stages, the opened outputs, the input, and the flow between them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import aiohttp

from bindings.contract import Clock, InputBinding, OutputBinding, ServesHttp
from bindings.store import DurableQueue, Store
from engine.app import AppClient, without_password
from engine.components import Components, Use, open_within
from engine.dead_letters import DeadLetters
from engine.deduplication import Deduplication
from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import Call, Delivery, InlineApp, Output, Pipeline, Retry, Step
from engine.envelope import EnvelopeMaker
from engine.expressions import compile_expression, text_of
from engine.flow import Flow
from engine.intake import Intake, KeyOf
from engine.letter_output import RetryingOutput
from engine.named_outputs import NamedOutputs
from engine.observer import Counts, Observer
from engine.parking import Parking
from engine.pipeline_run import PipelineRun
from engine.resolver import Resolver, schema_of
from engine.silence import Silence
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
    """One revision of a pipeline, with all that has to be closed again. Its outputs are open, its input is not."""

    pipeline: Located[Pipeline]
    run: PipelineRun
    input: InputBinding
    input_use: Use
    webhook: ServesHttp | None
    closing: contextlib.AsyncExitStack

    async def open_input(self) -> None:
        await open_within(self.input, self.input_use)

    async def close(self) -> None:
        try:
            await self.run.close()
        finally:
            await self.closing.aclose()


class Builder:
    """Lends the engine's parts to the pipelines that it builds."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        session: aiohttp.ClientSession,
        components: Components,
        observer: Observer,
        resolver: Callable[[Definitions, Store, Clock], Resolver] = Resolver,
    ) -> None:
        self._new_resolver = resolver
        self._store = store
        self._clock = clock
        self._session = session
        self._components = components
        self._observer = observer
        self._apps: WeakValueDictionary[object, AppClient] = WeakValueDictionary()  # by what they are made of

    async def build(
        self,
        pipeline: Located[Pipeline],
        definitions: Definitions,
        revision: str,
        counts: Counts,
        replays: DurableQueue,
        input: InputBinding | None = None,
    ) -> Built:
        """Opens the outputs; raises `DefinitionError`, or `NotReady` when one of their systems does not answer.

        `input` is read in the place of the one that is defined.
        """
        async with contextlib.AsyncExitStack() as closing, self.resolver(definitions) as resolver:
            assembly = Assembly(self, pipeline, definitions, resolver, closing)
            use = await resolver.binding(pipeline, ("spec", "input", "binding"), pipeline.model.spec.input.binding)
            inner = input or self._components.input(use)
            durable = self._components.durable(inner, use)
            run = await self._run(assembly, durable, use, revision, counts, replays)
            webhook = inner if isinstance(inner, ServesHttp) else None
            return Built(pipeline, run, durable, use, webhook, closing.pop_all())

    async def _run(
        self,
        assembly: Assembly,
        input: InputBinding,
        use: Use,
        revision: str,
        counts: Counts,
        replays: DurableQueue,
    ) -> PipelineRun:
        pipeline, surroundings = assembly.pipeline, assembly.surroundings
        name, spec = pipeline.model.metadata.name, pipeline.model.spec
        envelope = EnvelopeMaker(spec.event, use.name, use.manifest.name, surroundings.env)
        wanted = spec.delivery.deduplicate
        once = Deduplication(name, wanted, self._store, surroundings) if wanted is not None else None
        parking = Parking(name, self._store, self._clock)
        stages: list[Stage] = [
            EachEvent("event", lambda passage: envelope.complete(passage, self._clock.now())),
            *([once] if once is not None else []),
            *([parking] if spec.delivery.on_dead_letter == "park" else []),
            *await assembly.stages(),
        ]
        own = assembly.retries()
        retries = [*(None for _ in stages[len(own) :]), *own]  # the first stages are the engine's
        output = await assembly.letter_output(spec.delivery)
        # The current revision would not know of a key that an old one, which only does replays, has parked.
        parks = spec.delivery.on_dead_letter == "park" and not isinstance(input, Silence)
        letters = DeadLetters(name, revision, self._store, self._clock, parking if parks else None, output)
        flow = Flow(name, revision, stages, spec.delivery, letters, counts, self._observer, retries)
        intake = Intake(envelope, _key_of(spec.delivery, once, surroundings), self._clock)
        limits = {"concurrency": spec.delivery.concurrency, **_batching(stages)}
        return PipelineRun(flow, input, replays, intake, self._clock, parking=parking, once=once, **limits)

    async def app(self, call: Call, definitions: Definitions, resolver: Resolver) -> AppClient:
        """One client for one definition of an app, so that `maxConcurrency` holds over all pipelines."""
        if isinstance(call.app, InlineApp):
            return AppClient(self._session, without_password(call.app.url), call.app.url)
        app, token = definitions.apps[call.app], await resolver.token(definitions.apps[call.app])
        spec, made_of = app.model.spec, (app.model.model_dump_json(), token)
        known = self._apps.get(made_of)
        if known is not None:
            return known
        client = self._apps[made_of] = AppClient(
            self._session,
            call.app,
            spec.url,
            token=token,
            max_concurrency=spec.max_concurrency,
            max_response_size=spec.max_response_size,
        )
        return client

    async def output(self, use: Use, closing: contextlib.AsyncExitStack) -> OutputBinding:
        binding = await self._components.output(use)
        closing.push_async_callback(self._components.release, use)
        return binding

    def named_outputs(self, definitions: Definitions) -> NamedOutputs:
        async def resolve(name: str) -> Use:
            async with self.resolver(definitions) as resolver:
                return await resolver.component(name)

        return NamedOutputs(self._components, resolve)

    def resolver(self, definitions: Definitions) -> Resolver:
        return self._new_resolver(definitions, self._store, self._clock)

    @property
    def clock(self) -> Clock:
        return self._clock


class Assembly:
    """The stages of one pipeline, as they are made one after the other."""

    def __init__(
        self,
        builder: Builder,
        pipeline: Located[Pipeline],
        definitions: Definitions,
        resolver: Resolver,
        closing: contextlib.AsyncExitStack,
    ) -> None:
        env = {variable: os.environ.get(variable, "") for variable in pipeline.model.spec.env}
        self.pipeline = pipeline
        self.definitions = definitions
        self.surroundings = Surroundings(env, builder.clock)
        self._builder = builder
        self._resolver = resolver
        self._closing = closing
        self._named_outputs = builder.named_outputs(definitions)
        closing.push_async_callback(self._named_outputs.close)

    async def stages(self) -> list[Stage]:
        """The steps, and after them the outputs."""
        spec = self.pipeline.model.spec
        return [
            *[await self._step(index, step) for index, step in enumerate(spec.steps)],
            *[await self._output(index, output) for index, output in enumerate(spec.outputs)],
        ]

    def retries(self) -> list[Retry | None]:
        """The policy of each of the stages that has one of its own."""
        spec = self.pipeline.model.spec
        calls = (step.call.retry if step.call is not None else None for step in spec.steps)
        return [*calls, *(output.retry for output in spec.outputs)]

    async def _step(self, index: int, step: Step) -> Stage:
        name = f"steps[{index}]"
        if step.filter is not None:
            return filter_stage(f"{name}.filter", step.filter, self.surroundings)
        if step.validate_ is not None:
            return validate_stage(f"{name}.validate", schema_of(self.pipeline, step.validate_, self.definitions))
        if step.split is not None:
            return split_stage(f"{name}.split", step.split, self.surroundings)
        if step.call is not None:
            app = await self._builder.app(step.call, self.definitions, self._resolver)
            return CallStage(f"{name}.call", step.call, app, self._named_outputs, self.surroundings)
        return transform_stage(f"{name}.transform", step.transform, self.surroundings)

    async def letter_output(self, delivery: Delivery) -> RetryingOutput | None:
        """The output for dead letters, where it is not the store."""
        if isinstance(delivery.dead_letter, str):
            return None
        where, place = delivery.dead_letter, ("spec", "delivery", "deadLetter", "binding")
        use = await self._resolver.binding(self.pipeline, place, where.binding)
        binding = await self._builder.output(use, self._closing)
        operation = where.operation or use.manifest.default_operation
        return RetryingOutput(binding, operation, where.metadata, delivery.retry, self.surroundings)

    async def _output(self, index: int, output: Output) -> Stage:
        use = await self._resolver.binding(self.pipeline, ("spec", "outputs", index, "binding"), output.binding)
        binding = await self._builder.output(use, self._closing)
        operation = output.operation or use.manifest.default_operation
        key = f"{self.pipeline.model.metadata.name}.{index}"
        return OutputStage(f"outputs[{index}]", key, output, operation, binding, self.surroundings)


def _key_of(delivery: Delivery, once: Deduplication | None, surroundings: Surroundings) -> KeyOf | None:
    """What events have in common of which only one may be on its way: by the order, else by the deduplication."""
    if delivery.order_by is None:
        return once.key_of if once is not None else None
    expression = compile_expression(delivery.order_by)
    return lambda passage: text_of(expression.evaluate(surroundings.scope(passage)))


def _batching(stages: Sequence[Stage]) -> Mapping[str, Any]:
    calls = [stage for stage in stages if isinstance(stage, CallStage)]
    batches = [stage.batch for stage in calls if stage.batch is not None]
    size = max((call.limit for call in calls), default=_BATCH_WITHOUT_CALL)
    return {"batch_size": size, "max_wait": max((batch.max_wait for batch in batches), default=0.0)}
