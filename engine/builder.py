"""Builds what runs from a definition: the stages, the opened outputs, the input, and the flow between them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import aiohttp

from bindings.contract import Clock, InputBinding, OutputBinding, ServesHttp, Subscription
from bindings.metadata import PubSubMetadata
from bindings.store import DurableQueue, Store
from engine.address import without_password
from engine.app import AppClient
from engine.assembly import Assembly, Part
from engine.components import Components, Use, open_within
from engine.dead_letters import DeadLetters
from engine.deduplication import Deduplication
from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import Call, Delivery, InlineApp, Pipeline
from engine.definitions.subscriptions import SubscribedInput
from engine.endpoint import Endpoints
from engine.envelope import EnvelopeMaker
from engine.expressions import compile_expression, text_of
from engine.flow import Flow
from engine.intake import Intake, KeyOf
from engine.named_outputs import NamedOutputs
from engine.observer import Counts, Observer
from engine.parking import Parking
from engine.pipeline_run import PipelineRun
from engine.resolver import Resolver
from engine.silence import Silence
from engine.stages.call import CallStage
from engine.stages.deliver import DeliverStage
from engine.stages.stage import EachEvent, Stage, Surroundings
from engine.stages.stream import StreamStage
from engine.topic_scopes import check_subscriber
from engine.topics import unless_expired

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
    """Lends the engine's parts to the pipelines that it builds. `app_id`: the app whose token may be in APP_API_TOKEN,
    as Dapr has it.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        session: aiohttp.ClientSession,
        components: Components,
        observer: Observer,
        app_id: str = "",
    ) -> None:
        self._store = store
        self._clock = clock
        self._session = session
        self._components = components
        self._observer = observer
        self._app_id = app_id
        self.endpoints = Endpoints()
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
            source = pipeline.model.spec.input
            use = await resolver.binding(pipeline, ("spec", "input", source.field), source.component)
            inner = input or self._input(pipeline.model, use)
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
        parks = spec.delivery.on_dead_letter == "park"
        parking = Parking(name, self._store, parks)
        parts = [
            Part(EachEvent("event", lambda passage: envelope.complete(passage, self._clock.now()))),
            *([Part(self._expiration())] if spec.input.topic is not None else []),
            *([Part(once)] if once is not None else []),
            *([Part(parking)] if parks else []),
            *[await assembly.step(index, step) for index, step in enumerate(spec.steps)],
            *[await assembly.output(index, output) for index, output in enumerate(spec.outputs)],
        ]
        output = await assembly.letter_output()
        # The current revision would not know of a key that an old one, which only does replays, has parked.
        parked = parking if not isinstance(input, Silence) else None
        letters = DeadLetters(name, revision, self._store, self._clock, parked, output)
        stages = [part.stage for part in parts]
        flow = Flow(
            name,
            revision,
            stages,
            spec.delivery,
            letters,
            counts,
            self._observer,
            rules=[part.rule for part in parts],
            endpoints=[part.endpoint for part in parts],
        )
        key_of, orders = _key_of(spec.delivery, once, surroundings), spec.delivery.order_by is not None
        intake = Intake(envelope, key_of, self._clock, orders)
        limits = {"concurrency": spec.delivery.concurrency, **_batching(stages)}
        return PipelineRun(flow, input, replays, intake, self._clock, parking=parking, once=once, **limits)

    def _expiration(self) -> Stage:
        return EachEvent("expiration", lambda passage: unless_expired(passage.event, self._clock.now()))

    def _input(self, pipeline: Pipeline, use: Use) -> InputBinding:
        source = pipeline.spec.input
        if source.topic is None:
            return self._components.input(use)
        settings = use.settings
        if isinstance(source, SubscribedInput):
            check_subscriber(settings, source.consumer, use.name, source.topic)
        own = settings.consumer_id if isinstance(settings, PubSubMetadata) else None
        usual = source.consumer if isinstance(source, SubscribedInput) else pipeline.metadata.name
        return self._components.topic(use, Subscription(source.topic, own or usual, source.metadata))

    def resolver(self, definitions: Definitions) -> Resolver:
        return Resolver(definitions, self._store, self._clock)

    async def app(self, call: Call, definitions: Definitions, resolver: Resolver) -> AppClient:
        if isinstance(call.app, InlineApp):
            return AppClient(self._session, without_password(call.app.url), call.app.url)
        return await self.named_app(call.app, definitions, resolver)

    async def named_app(self, name: str, definitions: Definitions, resolver: Resolver) -> AppClient:
        """One client for one definition of an app, so that `maxConcurrency` holds over all pipelines."""
        app, token = definitions.apps[name], await resolver.token(definitions.apps[name])
        if token is None and name == self._app_id:
            token = os.environ.get("APP_API_TOKEN") or None
        spec, made_of = app.model.spec, (app.model.model_dump_json(), token)
        known = self._apps.get(made_of)
        if known is not None:
            return known
        client = self._apps[made_of] = AppClient(
            self._session,
            name,
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

    @property
    def clock(self) -> Clock:
        return self._clock


def _key_of(delivery: Delivery, once: Deduplication | None, surroundings: Surroundings) -> KeyOf | None:
    """What events have in common of which only one may be on its way: by the order, else by the deduplication."""
    if delivery.order_by is None:
        return once.key_of if once is not None else None
    expression = compile_expression(delivery.order_by)
    return lambda passage: text_of(expression.evaluate(surroundings.scope(passage)))


def _batching(stages: Sequence[Stage]) -> Mapping[str, Any]:
    calls = [stage for stage in stages if isinstance(stage, CallStage | DeliverStage | StreamStage)]
    batches = [stage.batch for stage in calls if stage.batch is not None]
    size = max((call.limit for call in calls), default=_BATCH_WITHOUT_CALL)
    return {"batch_size": size, "max_wait": max((batch.max_wait for batch in batches), default=0.0)}
