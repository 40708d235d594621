"""The W3C trace context of a request (https://www.w3.org/TR/trace-context/): passed on as it is."""

from __future__ import annotations

from collections.abc import Mapping

_NAMES = ("traceparent", "tracestate", "baggage")


def trace_of(headers: Mapping[str, str]) -> dict[str, str]:
    """From the headers of HTTP or the metadata of gRPC, which are there in small letters or in any."""
    return {name: headers[name] for name in _NAMES if headers.get(name)}
