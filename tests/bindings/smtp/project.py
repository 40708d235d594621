from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bindings.contract import OutputBinding
from bindings.smtp import component
from tests.bindings.fakes import context


def metadata(port: int, **more: Any) -> Any:
    given = {"host": "127.0.0.1", "port": port, "emailFrom": "from@a.test", "emailTo": "to@b.test", "subject": "Hello"}
    return component.metadata.model_validate({name: value for name, value in {**given, **more}.items() if value != ""})


def make_output(port: int, **more: Any) -> OutputBinding:
    assert component.output is not None
    return component.output(metadata(port, **more), context("mail"))


@asynccontextmanager
async def sending(port: int, **more: Any) -> AsyncIterator[OutputBinding]:
    output = make_output(port, **more)
    try:
        await output.open()
        yield output
    finally:
        await output.close()
