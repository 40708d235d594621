from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bindings.contract import Context, InputBinding, Operation, OutputBinding, Received, Redelivery, Result, Settled
from bindings.manifest import ComponentType
from bindings.metadata import Metadata
from engine.clock import VirtualClock
from engine.components import Components, Use, open_within
from engine.errors import DefinitionError, EventError, NotReady, Retryable
from engine.spool import Spool
from engine.testing.memory_store import MemoryStore


class Output:
    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        self.opened = 0
        self.closed = 0
        self.context: Context | None = None
        self._error = error
        self._hangs = hangs

    async def open(self) -> None:
        self.opened += 1
        if self._hangs:
            await asyncio.Event().wait()
        if self._error:
            raise self._error

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        return [Result() for _ in operations]

    async def close(self) -> None:
        self.closed += 1


class Input:
    def __init__(self, redelivery: Redelivery) -> None:
        self.redelivery: Redelivery = redelivery

    async def open(self) -> None:
        pass

    async def read(self, limit: int) -> Sequence[Received]:
        raise NotImplementedError

    async def settle(self, settled: Sequence[Settled]) -> None:
        pass

    async def close(self) -> None:
        pass


def use(manifest: ComponentType, name: str = "files", init_timeout: float = 5.0, fingerprint: str = "") -> Use:
    return Use(name, manifest, Metadata(), fingerprint or name, init_timeout)


def manifest(
    *outputs: OutputBinding, input: InputBinding | None = None, missing: str = "", extra: str | None = None
) -> ComponentType:
    """A component type whose factory gives out these outputs, one after the other."""
    left = list(outputs)

    def make_output(settings: Any, context: Context) -> OutputBinding:
        if missing:
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        output = left.pop(0)
        if isinstance(output, Output):
            output.context = context
        return output

    def make_input(settings: Any, context: Context) -> InputBinding:
        if missing:
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        assert input is not None
        return input

    return ComponentType(
        name="bindings.test",
        summary="for tests",
        metadata=Metadata,
        example="",
        input=make_input if input or missing else None,
        output=make_output if outputs or missing else None,
        extra=extra,
    )


@pytest.fixture
def components() -> Components:
    return Components(MemoryStore(), VirtualClock())


async def test_output_is_opened_once_and_closed_by_the_last_that_uses_it(components: Components) -> None:
    output = Output()
    shared = use(manifest(output))
    assert [await components.output(shared) for _ in range(3)] == [output] * 3
    await components.release(shared)
    await components.release(shared)
    assert (output.opened, output.closed) == (1, 0)
    await components.release(shared)
    assert (output.opened, output.closed) == (1, 1)


async def test_output_that_was_closed_is_made_anew(components: Components) -> None:
    first, second = Output(), Output()
    shared = use(manifest(first, second))
    await components.output(shared)
    await components.release(shared)
    assert await components.output(shared) is second


async def test_output_is_opened_once_by_pipelines_that_start_side_by_side(components: Components) -> None:
    output = Output()
    shared = use(manifest(output))
    assert await asyncio.gather(*(components.output(shared) for _ in range(5))) == [output] * 5
    assert output.opened == 1


async def test_output_that_does_not_answer_holds_up_no_other(components: Components) -> None:
    opening = asyncio.create_task(components.output(use(manifest(Output(hangs=True)), "away")))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await components.output(use(manifest(Output()), "there"))
    assert not opening.done()
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)


async def test_changed_component_is_another_output(components: Components) -> None:
    first, second = Output(), Output()
    type_ = manifest(first, second)
    assert await components.output(use(type_, fingerprint="old")) is first
    assert await components.output(use(type_, fingerprint="new")) is second


async def test_output_is_lent_its_name(components: Components) -> None:
    output = Output()
    await components.output(use(manifest(output)))
    assert output.context is not None
    assert output.context.name == "files"


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (NotReady("connection refused"), NotReady, "connection refused"),
        (DefinitionError("there is no such folder"), DefinitionError, "there is no such folder"),
        (Retryable("busy"), NotReady, r"component files \(bindings\.test\) cannot be opened: busy"),
        (KeyError("host"), KeyError, "host"),
    ],
)
async def test_output_that_cannot_be_opened_is_closed_and_not_kept(
    components: Components, error: Exception, kind: type[Exception], message: str
) -> None:
    broken, good = Output(error), Output()
    shared = use(manifest(broken, good))
    with pytest.raises(kind, match=message):
        await components.output(shared)
    assert broken.closed == 1
    assert await components.output(shared) is good


async def test_output_that_does_not_open_in_time_is_not_ready() -> None:
    output = Output(hangs=True)
    with pytest.raises(NotReady, match=r"component files \(bindings\.test\) did not open within 0\.01 s"):
        await open_within(output, use(manifest(output), init_timeout=0.01))
    assert output.closed == 1


async def test_opening_that_is_cancelled_closes() -> None:
    output = Output(hangs=True)
    opening = asyncio.create_task(open_within(output, use(manifest(output))))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert output.closed == 1


@pytest.mark.parametrize(
    ("extra", "command"),
    [("rabbitmq", r"pip install 'jackfield\[rabbitmq\]'"), (None, "pip install 'jackfield'")],
)
async def test_missing_library_says_how_to_install_it(components: Components, extra: str | None, command: str) -> None:
    missing = use(manifest(missing="aio_pika", extra=extra))
    with pytest.raises(DefinitionError, match=rf"bindings\.test needs the package 'aio_pika' \({command}\)"):
        await components.output(missing)
    with pytest.raises(DefinitionError, match=command):
        components.input(missing)


async def test_type_without_that_direction_is_refused(components: Components) -> None:
    with pytest.raises(DefinitionError, match=r"bindings\.test cannot be an input"):
        components.input(use(manifest(Output())))
    with pytest.raises(DefinitionError, match=r"bindings\.test cannot be an output"):
        await components.output(use(manifest(input=Input("native"))))


@pytest.mark.parametrize(("redelivery", "spooled"), [("native", False), ("none", False), ("store", True)])
async def test_only_an_input_that_needs_it_stands_behind_a_spool(
    components: Components, redelivery: Redelivery, spooled: bool
) -> None:
    input = Input(redelivery)
    hook = use(manifest(input=input))
    assert components.input(hook) is input
    assert isinstance(components.durable(input, hook), Spool) == spooled


async def test_version_of_a_component_reaches_its_factory() -> None:
    output = Output()
    components = Components(MemoryStore(), VirtualClock())
    versioned = replace(use(manifest(output)), version="v2")
    await components.output(versioned)
    assert output.context is not None
    assert output.context.version == "v2"
    await components.release(versioned)
