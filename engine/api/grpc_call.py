"""One call of the gRPC API, beside its message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.api.trace import trace_of


class Call:
    def __init__(self, context: Any) -> None:
        self._context = context

    @property
    def metadata(self) -> Mapping[str, str]:
        """Those that are texts; of one name, the first counts."""
        found: dict[str, str] = {}
        for name, value in self._context.invocation_metadata() or ():
            if isinstance(value, str):
                found.setdefault(name, value)
        return found

    @property
    def trace(self) -> dict[str, str]:
        return trace_of(self.metadata)

    async def send_headers(self, headers: Mapping[str, str]) -> None:
        """Before the answer; what is no header of gRPC is left out."""
        fit = [(name.lower(), value) for name, value in headers.items() if _is_header(name.lower(), value)]
        if fit:
            await self._context.send_initial_metadata(fit)


def _is_header(name: str, value: str) -> bool:
    """Whether gRPC lets it be one (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)."""
    plain = name.isascii() and all(one.isalnum() or one in "-_." for one in name)
    printable = value.isascii() and value.isprintable()
    return bool(name) and plain and printable and not name.startswith("grpc-") and not name.endswith("-bin")
