"""The plan: the flow of a pipeline over some events, with outputs and an HTTP client that only write down."""

from __future__ import annotations

import contextlib
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp

from bindings.contract import Clock, Received, Settled
from bindings.metadata import Metadata
from bindings.store import DeadLetter, Store
from engine.assembly import Assembly, Part
from engine.builder import Builder
from engine.components import Components, Use
from engine.dead_letters import DeadLetters
from engine.definitions.app import App
from engine.definitions.check import Definitions
from engine.definitions.diagnostic import Span
from engine.definitions.folder import Located
from engine.definitions.pipeline import InlineBinding, Pipeline
from engine.definitions.redaction import HIDDEN
from engine.envelope import EnvelopeMaker
from engine.errors import DefinitionError, EventError
from engine.flow import Flow
from engine.observer import Counts
from engine.passage import Arrival, Passage
from engine.plan.answers import Reply
from engine.plan.record import Performed, Record, RecordingComponents, RecordingSession, sounds_secret
from engine.plan.watched import DEPENDS, Turn, Watched
from engine.registry import component_type
from engine.resolver import Place, Resolver, name_in_place
from engine.revision import revision_of
from engine.stages.stage import EachEvent, Stage, Surroundings


@dataclass(frozen=True, slots=True)
class End:
    """The end of an event's way: `done` (or that this depends on an answer), `filtered`, `dead-lettered`, or `tried
    again` after `wait` seconds, which is as far as a plan goes. `sent`: a dead letter that an output would get.
    """

    event: str
    outcome: str
    stage: str = ""
    error: EventError | None = None
    wait: float = 0.0
    sent: Sequence[Performed] = ()


@dataclass(slots=True)
class Plan:
    """`notes`: what a plan leaves out of this pipeline. `history` is in the order of the way."""

    pipeline: Located[Pipeline]
    revision: str
    notes: Sequence[str]
    history: list[Turn | End] = field(default_factory=list)

    @property
    def has_dead_letters(self) -> bool:
        return any(isinstance(one, End) and one.outcome == "dead-lettered" for one in self.history)

    def path(self, stage: str) -> tuple[str | int, ...]:
        """Where a stage is in the definition: `steps[1].call` is `spec`, `steps`, 1, `call`."""
        parts = re.findall(r"\w+", stage)
        return ("spec", *(int(part) if part.isdigit() else part for part in parts))

    def place(self, stage: str) -> Span:
        return self.pipeline.document.span(self.path(stage), key=True)


async def make_plan(
    name: str, definitions: Definitions, received: Sequence[Received], answers: Sequence[Reply], clock: Clock
) -> Plan:
    """`answers`: one for each `call` step, in their order; of those beyond, nothing is known.

    Raises `DefinitionError` for a pipeline that is not there, or an App whose address cannot be one.
    """
    pipeline = definitions.pipelines.get(name)
    if pipeline is None:
        raise DefinitionError(f"there is no pipeline {name!r} that could run", hint="`jackfield check` may say why")
    plan = Plan(pipeline, revision_of(pipeline, definitions), list(_notes(pipeline.model)))
    record = Record()
    observer = _Ends(plan, record)
    session, components = RecordingSession(record), RecordingComponents(record)
    builder = _PlanBuilder(
        cast(Store, _NoStore()), clock, cast(aiohttp.ClientSession, session), cast(Components, components), observer
    )
    async with contextlib.AsyncExitStack() as closing, builder.resolver(definitions) as resolver:
        assembly = Assembly(builder, pipeline, definitions, resolver, closing)
        flow, envelope = await _flow(assembly, resolver, plan, record, observer, list(answers))
        observer.resume([_passage(one, envelope, clock.now()) for one in received])
        while observer.waiting:
            await flow.advance(observer.waiting.popleft())
    return plan


async def _flow(
    assembly: Assembly, resolver: Resolver, plan: Plan, record: Record, observer: _Ends, answers: list[Reply]
) -> tuple[Flow, EnvelopeMaker]:
    pipeline, spec = plan.pipeline, plan.pipeline.model.spec
    surroundings = assembly.surroundings = _without_secrets(assembly.surroundings)
    use = await resolver.binding(pipeline, ("spec", "input", spec.input.field), spec.input.component)
    envelope = EnvelopeMaker(spec.event, use.name, use.manifest.name, surroundings.env)
    first = EachEvent("event", lambda passage: envelope.complete(passage, surroundings.clock.now()))
    parts = [
        Part(first),
        *[await assembly.step(index, step) for index, step in enumerate(spec.steps)],
        *[await assembly.output(index, output) for index, output in enumerate(spec.outputs)],
    ]
    stages: list[Stage] = []
    for part in parts:
        watched = Watched(part.stage, record, plan.history.append)
        is_call = watched.name.endswith(".call")
        stages.append(_Answered(watched, record, answers.pop(0)) if is_call and answers else watched)
    name, store = pipeline.model.metadata.name, cast(Store, _NoStore())
    output = await assembly.letter_output()
    letters = DeadLetters(name, plan.revision, store, surroundings.clock, output=output)
    rules = [part.rule for part in parts]
    flow = Flow(name, plan.revision, stages, spec.delivery, letters, Counts(), observer, rules)
    flow.waits = observer
    return flow, envelope


def _without_secrets(surroundings: Surroundings) -> Surroundings:
    """Whatever is made of a variable that sounds secret has `***` in its place."""
    env = {name: HIDDEN if sounds_secret(name) else value for name, value in surroundings.env.items()}
    return Surroundings(env, surroundings.clock)


def _passage(received: Received, envelope: EnvelopeMaker, now: float) -> Passage:
    event = envelope.plain(received, now)
    return Passage(Arrival(received, event, _Unsettled()), event)


def _notes(pipeline: Pipeline) -> list[str]:
    delivery = pipeline.spec.delivery
    notes = {
        "deduplicate: the ledger is not asked whether the event was done before": delivery.deduplicate is not None,
        "onDeadLetter: it is not asked whether the key is parked": delivery.on_dead_letter == "park",
    }
    return [note for note, holds in notes.items() if holds]


class _Answered:
    """A call whose answer is known."""

    waits = False

    def __init__(self, call: Watched, record: Record, answer: Reply) -> None:
        self.name = call.name
        self.limit = call.limit
        self._call = call
        self._record = record
        self._answer = answer

    async def __call__(self, batch: Sequence[Passage]) -> Any:
        self._record.answer = self._answer
        try:
            return await self._call(batch)
        finally:
            self._record.answer = None


class _PlanBuilder(Builder):
    def resolver(self, definitions: Definitions) -> Resolver:
        return _Unresolved(definitions, self._store, self._clock)


class _Unresolved(Resolver):
    """Components with no settings, since none is opened, and so no secret is read."""

    async def binding(self, pipeline: Located[Pipeline], place: Place, binding: str | InlineBinding) -> Use:
        if isinstance(binding, str):
            return await self.component(binding)
        name = name_in_place(pipeline, place)
        return Use(name, component_type(binding.type), Metadata(), name)

    async def component(self, name: str) -> Use:
        if name not in self._components:
            return await super().component(name)  # which says what is wrong with the name
        return Use(name, component_type(self._components[name].model.spec.type), Metadata(), name)

    async def token(self, app: Located[App]) -> str | None:
        return HIDDEN if app.model.spec.token is not None else None


class _Ends:
    """What the flow tells (engine/observer.py), and where its batches wait (`engine.flow.Waits`): at once, or not."""

    def __init__(self, plan: Plan, record: Record) -> None:
        self.waiting: deque[list[Passage]] = deque()
        self._plan = plan
        self._record = record

    def _end(self, passages: Sequence[Passage], outcome: str, stage: str = "", **more: Any) -> None:
        self._plan.history += [End(passage.event.id, outcome, stage, **more) for passage in passages]

    def delivered(self, pipeline: str, batch: Sequence[Passage]) -> None:
        for passage in batch:
            self._end([passage], DEPENDS if DEPENDS in passage.notes else "done")

    def filtered(self, pipeline: str, passage: Passage) -> None:
        self._end([passage], "filtered")

    def retrying(self, pipeline: str, stage: str, batch: Sequence[Passage], error: EventError, wait: float) -> None:
        if wait > 0:
            self._end(batch, "tried again", stage, error=error, wait=wait)

    def dead_lettered(self, pipeline: str, stage: str, passage: Passage, error: EventError, letter: str) -> None:
        _, sent = self._record.take()
        self._end([passage], "dead-lettered", stage, error=error, sent=sent)

    def paused(self, pipeline: str, stage: str, reason: str) -> None:
        """Nothing is asked, so that nothing fails to answer."""

    def resumed(self, pipeline: str, stage: str) -> None:
        """Nothing was paused."""

    def resume(self, batch: list[Passage]) -> None:
        self.waiting.append(batch)

    def resume_after(self, seconds: float, batch: list[Passage]) -> None:
        if seconds <= 0:
            self.resume(batch)

    def park(self, at: int, batch: list[Passage], wait: float) -> None:
        """No watched stage has a breaker."""

    def unpark(self, at: int) -> None:
        """Nothing is parked."""


class _NoStore:
    """Where dead letters go that nobody lost."""

    async def marks(self, scope: str) -> Mapping[str, str]:
        """No letter has an id yet."""
        return {}

    async def set_marks(self, scope: str, marks: Mapping[str, str]) -> None:
        """No other letter will."""

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """They are ends of a plan."""


class _Unsettled:
    def add(self, settled: Settled) -> None:
        """There is no input to tell."""
