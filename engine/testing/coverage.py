"""Which ways out of each stage of a pipeline its tests have gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bindings.contract import Outcome
from engine.definitions.pipeline import Pipeline
from engine.errors import EventError
from engine.observer import Observer
from engine.passage import Passage
from engine.stages.stage import Stage, Verdict
from engine.testing.record import Dead, Record

PASSED, FILTERED, RETRIED, DEAD, SKIPPED = "passed", "filtered", "retried", "dead-lettered", "skipped"

_WAYS: Mapping[str, Sequence[str]] = {
    "filter": (PASSED, FILTERED),
    "validate": (PASSED, DEAD),
    "transform": (PASSED,),
    "split": (PASSED,),
    "call": (PASSED, RETRIED, DEAD),
}


def ways_of(pipeline: Pipeline) -> dict[str, Sequence[str]]:
    """The ways out of each stage that tests ought to go; a template may fail too, which is not counted."""
    ways: dict[str, Sequence[str]] = {}
    for index, step in enumerate(pipeline.spec.steps):
        kind = next(name for name in _WAYS if name in {n.rstrip("_") for n in step.model_fields_set})
        ways[f"steps[{index}].{kind}"] = _WAYS[kind]
    for index, output in enumerate(pipeline.spec.outputs):
        ways[f"outputs[{index}]"] = (PASSED, *((SKIPPED,) if output.when is not None else ()), RETRIED, DEAD)
    return ways


@dataclass(slots=True)
class Coverage:
    """Of one pipeline, over all tests that ran."""

    ways: Mapping[str, Sequence[str]]
    gone: set[tuple[str, str]] = field(default_factory=set)

    @property
    def missing(self) -> list[tuple[str, str]]:
        return [(stage, way) for stage, ways in self.ways.items() for way in ways if (stage, way) not in self.gone]

    @property
    def percent(self) -> float:
        """100 for a pipeline that has no stage."""
        count = sum(map(len, self.ways.values()))
        return 100 * (count - len(self.missing)) / count if count else 100.0


class WatchedStage:
    """A stage as it is, of which it is seen where its events go."""

    def __init__(self, stage: Stage, coverage: Coverage) -> None:
        self.name = stage.name
        self.limit = stage.limit
        self.waits = stage.waits
        self._stage = stage
        self._coverage = coverage

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        verdicts = await self._stage(batch)
        self._coverage.gone.update((self.name, _way(verdict)) for verdict in verdicts)
        return verdicts


def _way(verdict: Verdict) -> str:
    if verdict is None:
        return SKIPPED
    if verdict == Outcome.FILTERED or verdict == []:
        return FILTERED
    return "failed" if isinstance(verdict, EventError) else PASSED


class Watcher(Observer):
    """Notes the errors on the way: what the engine reports of them."""

    def __init__(self, record: Record, coverage: Coverage) -> None:
        self._record = record
        self._coverage = coverage

    def delivered(self, pipeline: str, batch: Sequence[Passage]) -> None:
        pass

    def filtered(self, pipeline: str, passage: Passage) -> None:
        pass

    def retrying(self, pipeline: str, stage: str, batch: Sequence[Passage], error: EventError, wait: float) -> None:
        self._coverage.gone.add((stage, RETRIED))

    def dead_lettered(self, pipeline: str, stage: str, passage: Passage, error: EventError, letter: str) -> None:
        self._coverage.gone.add((stage, DEAD))
        attempts = max(passage.attempts, 1)
        self._record.dead_letters.append(Dead(stage, str(error), error.status, attempts, passage.event))

    def paused(self, pipeline: str, stage: str, reason: str) -> None:
        self._coverage.gone.add((stage, RETRIED))

    def resumed(self, pipeline: str, stage: str) -> None:
        pass
