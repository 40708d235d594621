"""Runs one test: the engine's own code from the input to the outcome, with the systems around it swapped.

Inputs and outputs are swapped behind their contracts, apps beneath the app client, the store is in memory, and time
is virtual; a binding that needs nothing but time (`ComponentType.runs_on_clock`) runs as itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import aiohttp

from bindings.contract import InputBinding, OutputBinding
from engine.address import without_password
from engine.builder import Built
from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import InlineApp, Pipeline
from engine.definitions.pipeline_test import Case
from engine.observer import Counts
from engine.testing.apps import FakeApps
from engine.testing.coverage import Coverage, WatchedStage, Watcher, ways_of
from engine.testing.inputs import GivenInput, WatchedInput
from engine.testing.memory_store import MemoryStore
from engine.testing.outputs import FakeOutput
from engine.testing.parts import BenchBuilder, SwappedComponents
from engine.testing.record import Record
from engine.testing.virtual_loop import LoopClock, run_virtually

_LONGEST = 3600.0  # seconds of virtual time after the last event
_A_MOMENT = 0.001  # before the beginning: what is due at that very instant is due after the start


@dataclass(frozen=True, slots=True)
class Bench:
    """`folder`: what the files that a test names are relative to."""

    definitions: Definitions
    folder: Path

    def run(self, pipeline: str, case: Case, coverage: Coverage | None = None) -> Record:
        """Runs one test; raises `DefinitionError` when the pipeline cannot be built."""
        located = self.definitions.pipelines[pipeline]
        seen = coverage if coverage is not None else Coverage(ways_of(located.model))
        with _environment(located.model.spec.env, case.env), _same_chances():
            return run_virtually(_Run(self, located, case, seen).run(), case.time.start - _A_MOMENT)


class _Run:
    def __init__(self, bench: Bench, pipeline: Located[Pipeline], case: Case, coverage: Coverage) -> None:
        self._bench = bench
        self._pipeline = pipeline
        self._case = case
        self._coverage = coverage
        self._clock = LoopClock()
        self._record = Record()
        self._outputs: dict[str, OutputBinding] = {}
        self._input: WatchedInput

    async def run(self) -> Record:
        built = await self._build()
        try:
            built.run.flow.stages = [WatchedStage(stage, self._coverage) for stage in built.run.flow.stages]
            await built.open_input()
            built.run.start()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._longest):
                    await self._input.watch()
            await built.run.stop(_LONGEST)
        finally:
            await built.close()
        return self._record

    async def _build(self) -> Built:
        case, definitions, store = self._case, self._bench.definitions, MemoryStore()
        apps = FakeApps(self._urls(), case.apps, self._bench.folder, case.env, self._record)
        session = cast(aiohttp.ClientSession, apps)  # all that the app client uses of it
        components = SwappedComponents(store, self._clock, self._watch, self._output)
        watcher = Watcher(self._record, self._coverage)
        builder = BenchBuilder(store, self._clock, session, components, watcher, case.secrets)
        return await builder.build(self._pipeline, definitions, "test", Counts(), store.queue("replays"))

    def _urls(self) -> Mapping[str, str]:
        calls = [step.call for step in self._pipeline.model.spec.steps if step.call is not None]
        in_place = {without_password(c.app.url): c.app.url for c in calls if isinstance(c.app, InlineApp)}
        return {**in_place, **{name: app.model.spec.url for name, app in self._bench.definitions.apps.items()}}

    def _watch(self, real: InputBinding | None) -> InputBinding:
        expected = None if real else len(self._case.events)
        given = GivenInput(self._case.events, self._bench.folder, self._clock, self._case.time.start)
        last = sum(event.after for event in self._case.events)
        until = self._case.time.until
        self._end = until if until is not None else self._case.time.start + last + _LONGEST
        self._input = WatchedInput(real or given, self._record, self._clock, self._end, expected)
        return self._input

    @property
    def _longest(self) -> float:
        """A schedule gets its time to finish what came before the end."""
        more = _LONGEST if self._case.events == [] else 0.0
        return self._end - self._clock.now() + more

    def _output(self, name: str) -> OutputBinding:
        if name not in self._outputs:
            answers = self._case.outputs.get(name, [])
            self._outputs[name] = FakeOutput(name, answers, self._case.env, self._clock, self._record)
        return self._outputs[name]


@contextlib.contextmanager
def _environment(listed: list[str], given: Mapping[str, str]) -> Iterator[None]:
    """The variables of the test, and of those that the pipeline lists no others."""
    before = {name: os.environ.get(name) for name in {*listed, *given}}
    _set({name: given.get(name) for name in before})
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextlib.contextmanager
def _same_chances() -> Iterator[None]:
    """The jitter is the same in every run."""
    state = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)
