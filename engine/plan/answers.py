"""An app's answer out of a file: a whole HTTP message, or only a body."""

from __future__ import annotations

import http.client
import io
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import cast

from engine.envelope import sniff
from engine.errors import DefinitionError

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: [^\r\n]*)?\r?\n")


@dataclass(frozen=True, slots=True)
class Reply:
    """What `engine.app.AppClient` reads of a response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Reply:
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self.body


def reply_of(text: bytes, content_type: str | None, shown: str) -> Reply:
    """`content_type`: that of a mere body, which is answered with 200. Raises `DefinitionError`."""
    if not text.startswith(b"HTTP/"):
        headers = {"Content-Type": content_type or sniff(text)} if text else {}
        return Reply(200, headers, text)
    line = _STATUS_LINE.match(text)
    if line is None:
        raise DefinitionError(f"{shown} has no status line", hint="the first line is like HTTP/1.1 200 OK")
    rest = io.BytesIO(text[line.end() :])
    try:
        fields = http.client.parse_headers(rest)
    except http.client.HTTPException as error:
        raise DefinitionError(f"{shown} has headers that cannot be read: {error}") from error
    return Reply(int(line[1]), cast(Mapping[str, str], fields), rest.read())
