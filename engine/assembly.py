"""The parts of one pipeline: its stages, whom each of them asks, and when it is tried again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bindings.contract import OutputBinding
from engine.breaker import Breaker, policy_of
from engine.components import Use
from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import Call, InlineApp, Output, Pipeline, Retry, Step, Target
from engine.definitions.subscriptions import RoutedCall, StreamedCall
from engine.endpoint import Endpoint
from engine.letter_output import TIMEOUT, RetryingOutput
from engine.resilience import Policy, Resilience
from engine.resolver import Place, Resolver, schema_of
from engine.retry import RetryRule
from engine.stages.call import CallStage
from engine.stages.deliver import DeliverStage
from engine.stages.filter import filter_stage
from engine.stages.output import OutputStage
from engine.stages.split import split_stage
from engine.stages.stage import Stage, Surroundings
from engine.stages.stream import StreamStage
from engine.stages.transform import transform_stage
from engine.stages.validate import validate_stage
from engine.topics import PUBLISH

if TYPE_CHECKING:
    from engine.builder import Builder


@dataclass(frozen=True, slots=True)
class Part:
    """A stage; `rule` is None where the pipeline's own policy holds."""

    stage: Stage
    endpoint: Endpoint | None = None
    rule: RetryRule | None = None


class Assembly:
    """Makes the parts one after the other; what they open is closed with `closing`."""

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
        self.surroundings = Surroundings(env, builder.clock)
        self._definitions = definitions
        self._builder = builder
        self._resolver = resolver
        self._closing = closing
        self._named_outputs = builder.named_outputs(definitions)
        self._delivery = pipeline.model.spec.delivery
        self._resilience = Resilience(definitions)
        self._inbound = self._resilience.inbound(pipeline.model.spec.input)
        closing.push_async_callback(self._named_outputs.close)

    async def step(self, index: int, step: Step) -> Part:
        name = f"steps[{index}]"
        if step.filter is not None:
            return Part(filter_stage(f"{name}.filter", step.filter, self.surroundings))
        if step.validate_ is not None:
            schema = schema_of(self.pipeline, step.validate_, self._definitions)
            return Part(validate_stage(f"{name}.validate", schema))
        if step.split is not None:
            return Part(split_stage(f"{name}.split", step.split, self.surroundings))
        if step.call is not None:
            return await self._call(f"{name}.call", step.call)
        return Part(transform_stage(f"{name}.transform", step.transform, self.surroundings))

    async def output(self, index: int, output: Output) -> Part:
        use, binding, operation = await self._opened(("spec", "outputs", index), output)
        output = output.model_copy(update={"metadata": _with_topic(output, output.metadata)})
        key = f"{self.pipeline.model.metadata.name}.{index}"
        policy = self._resilience.outbound(output)
        stage = OutputStage(
            f"outputs[{index}]", key, output, operation, binding, self.surroundings, timeout=policy.timeout
        )
        return Part(stage, self._endpoint(use.fingerprint, policy), self._rule(output.retry, policy))

    async def letter_output(self) -> RetryingOutput | None:
        """The output for dead letters, where it is not the store."""
        where = self._delivery.dead_letter
        if isinstance(where, str):
            return None
        _, binding, operation = await self._opened(("spec", "delivery", "deadLetter"), where)
        metadata = _with_topic(where, where.metadata)
        timeout = self._resilience.outbound(where).timeout or TIMEOUT
        return RetryingOutput(binding, operation, metadata, self._delivery.retry, self.surroundings, timeout)

    async def _opened(self, place: Place, target: Target) -> tuple[Use, OutputBinding, str]:
        """The component and its binding of a target that is written at `place`, and what it is to do."""
        use = await self._resolver.binding(self.pipeline, (*place, target.field), target.component)
        binding = await self._builder.output(use, self._closing)
        usual = PUBLISH if target.topic is not None else use.manifest.default_operation
        return use, binding, target.operation or usual

    async def _call(self, name: str, call: Call) -> Part:
        if isinstance(call, StreamedCall):
            stream = StreamStage(name, call, timeout=self._inbound.timeout)
            return Part(stream, self._endpoint(object(), self._inbound), self._rule(call.retry, self._inbound))
        app = await self._builder.app(call, self._definitions, self._resolver)
        policy = self._resilience.app(call.app).over(self._inbound)
        timeout = call.timeout if policy.timeout is None or "timeout" in call.model_fields_set else policy.timeout
        stage: Stage
        if isinstance(call, RoutedCall):
            stage = DeliverStage(name, call, app, self.surroundings, timeout=timeout)
        else:
            stage = CallStage(name, call, app, self._named_outputs, self.surroundings, timeout=timeout)
        address = call.app.url if isinstance(call.app, InlineApp) else call.app
        key = (address, app.url, call.method, call.path)
        return Part(stage, self._endpoint(key, policy), self._rule(call.retry, policy))

    def _endpoint(self, key: object, policy: Policy) -> Endpoint:
        """Shared by all who ask it with the same policy."""
        own = self._delivery.circuit_breaker
        said = policy.breaker if "circuit_breaker" not in self._delivery.model_fields_set else None
        settings = own if said is None else policy.circuit_breaker
        breaker = said or policy_of(own)
        now = self._builder.clock.now
        return self._builder.endpoints.get((key, str(settings)), lambda: Endpoint(Breaker(breaker, now)))

    def _rule(self, own: Retry | None, policy: Policy) -> RetryRule | None:
        if own is not None:
            return RetryRule(own)
        return None if "retry" in self._delivery.model_fields_set else policy.rule


def _with_topic(target: Target, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    return metadata if target.topic is None else {**metadata, "topic": target.topic}
