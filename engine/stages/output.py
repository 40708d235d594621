"""An output: one operation of an output binding for each event."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bindings.contract import Operation, OutputBinding, Result
from engine.definitions.pipeline import Output
from engine.errors import EventError, TimedOut
from engine.event import Event
from engine.expressions import Tree, compile_expression, compile_tree, text_of
from engine.passage import Passage
from engine.stages.filter import holds
from engine.stages.stage import Surroundings, Verdict


class OutputStage:
    """The event itself goes on unchanged. What an operation gets has an id of its own, derived from the event's and
    the output's place, so that it is the same again after a crash and differs between two outputs.
    """

    limit = None
    waits = True

    def __init__(
        self,
        name: str,
        key: str,
        output: Output,
        operation: str,
        binding: OutputBinding,
        surroundings: Surroundings,
        timeout: float | None = None,
    ) -> None:
        self.name = name
        self._key = key
        self._operation = operation
        self._binding = binding
        self._surroundings = surroundings
        self._timeout = timeout
        self._when = compile_expression(output.when) if output.when is not None else None
        self._data: Tree | None = compile_tree(output.data) if "data" in output.model_fields_set else None
        self._metadata = compile_tree(output.metadata) if output.metadata else None

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        verdicts: list[Verdict] = [None for _ in batch]
        operations: list[Operation] = []
        asked: list[int] = []
        for index, passage in enumerate(batch):
            try:
                if self._when is None or holds(self._when, passage, self._surroundings):
                    operations.append(self._operation_for(passage))
                    asked.append(index)
            except EventError as error:
                verdicts[index] = error
        results = await self._invoke(operations) if operations else ()
        for index, result in zip(asked, results, strict=True):
            verdicts[index] = result if isinstance(result, EventError) else batch[index].event
            if isinstance(result, Result) and result.landed:
                batch[index].notes.append(result.landed)
        return verdicts

    async def _invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        if self._timeout is None:
            return await self._binding.invoke(operations)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._binding.invoke(operations)
        except TimeoutError as error:
            raise TimedOut(f"{self.name} did not confirm within {self._timeout:g} s") from error

    def _operation_for(self, passage: Passage) -> Operation:
        scope = self._surroundings.scope(passage)
        event: Event = passage.event if self._data is None else passage.event.with_value(self._data.evaluate(scope))
        metadata = self._metadata.evaluate(scope) if self._metadata is not None else {}
        return Operation(
            self._operation,
            event.replace(id=f"{event.id}/{self._key}"),
            {key: text_of(value) for key, value in metadata.items()},
        )
