"""The outputs of a test: confirm or fail by the script, and note what was confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bindings.contract import Clock, Operation, Result
from engine.definitions.pipeline_test import OutputAnswer
from engine.errors import EventError, Permanent, Retryable, Unavailable
from engine.testing.record import Record, Sent
from engine.testing.script import Script

_ERRORS: Mapping[str, type[EventError]] = {
    "retryable": Retryable,
    "unavailable": Unavailable,
    "permanent": Permanent,
}


class FakeOutput:
    def __init__(
        self, name: str, answers: Sequence[str | OutputAnswer], env: Mapping[str, str], clock: Clock, record: Record
    ) -> None:
        self._name = name
        self._script = Script([_answer(one) for one in answers or ("ok",)])
        self._env = env
        self._clock = clock
        self._record = record

    async def open(self) -> None:
        pass

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        return [await self._invoke(operation) for operation in operations]

    async def _invoke(self, operation: Operation) -> Result | EventError:
        index = self._script.choose(operation.event, self._env, self._clock.now())
        answer = self._script.use(index) if index is not None else OutputAnswer()
        await self._clock.sleep(answer.delay)
        if answer.result != "ok":
            return _ERRORS[answer.result](answer.message or f"output {self._name} is {answer.result} in this test")
        sent = Sent(self._name, operation.name, operation.metadata, operation.event, self._clock.now())
        self._record.outputs.append(sent)
        return Result()

    async def close(self) -> None:
        pass


def _answer(written: str | OutputAnswer) -> OutputAnswer:
    return written if isinstance(written, OutputAnswer) else OutputAnswer.model_validate({"result": written})
