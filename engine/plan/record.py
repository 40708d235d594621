"""What would be sent: requests to apps and operations of outputs, as they come, and nothing of it leaves."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from bindings.contract import Operation, Result
from engine.components import Use
from engine.definitions.redaction import HIDDEN, without_passwords
from engine.errors import EventError
from engine.plan.answers import Reply
from engine.plan.unanswered import NeedsAnswer

_SECRET = re.compile("authorization|cookie|token|secret|passw|credential|(api|private|access)[-_]?key", re.IGNORECASE)


def sounds_secret(name: str) -> bool:
    """Of a header or a variable."""
    return _SECRET.search(name) is not None


@dataclass(frozen=True, slots=True)
class Request:
    """As the app would get it; what is secret in it is not shown. The client adds Host and Content-Length."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Performed:
    """One operation, and the component that would do it, with its type."""

    component: str
    type: str
    operation: Operation


@dataclass(slots=True)
class Record:
    """`answer`: what the app says to the next requests; None when that is not known."""

    answer: Reply | None = None
    requests: list[Request] = field(default_factory=list)
    performed: list[Performed] = field(default_factory=list)

    def take(self) -> tuple[Sequence[Request], Sequence[Performed]]:
        """What came since the last time."""
        taken = tuple(self.requests), tuple(self.performed)
        self.requests, self.performed = [], []
        return taken


class RecordingSession:
    """In the place of the HTTP client below `engine.app.AppClient`."""

    def __init__(self, record: Record) -> None:
        self._record = record

    @contextlib.asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        data: bytes | io.BytesIO | None,
        allow_redirects: bool,
    ) -> AsyncIterator[Reply]:
        shown = {name: HIDDEN if sounds_secret(name) else value for name, value in headers.items()}
        body = data.getvalue() if isinstance(data, io.BytesIO) else data
        self._record.requests.append(Request(method, without_passwords(url), shown, body))
        if self._record.answer is None:
            raise NeedsAnswer
        yield self._record.answer


class RecordingComponents:
    """In the place of `engine.components.Components`: nothing is opened."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def output(self, use: Use) -> RecordingOutput:
        return RecordingOutput(use, self._record)

    async def release(self, use: Use) -> None:
        """Nothing was opened."""


class RecordingOutput:
    """An `OutputBinding` that says of every operation that it is done."""

    def __init__(self, use: Use, record: Record) -> None:
        self._use = use
        self._record = record

    async def open(self) -> None:
        """There is nothing to open."""

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        self._record.performed += [Performed(self._use.name, self._use.manifest.name, one) for one in operations]
        return [Result() for _ in operations]

    async def close(self) -> None:
        """Nothing was opened."""
