from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from multidict import CIMultiDict
from yarl import URL

from bindings.contract import Operation
from bindings.http.metadata import HEADER_NAME, HttpMetadata
from bindings.metadata import parse_flag
from engine.errors import Permanent
from engine.event import Event

_METHODS = {
    "create": "POST",
    **{method.lower(): method for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")},
}
_WITH_BODY = {"POST", "PUT", "PATCH"}
_TRACING = {"traceparent", "tracestate", "baggage"}
_OF_THE_CONNECTION = {"content-length", "transfer-encoding", "trailer", "connection"}
_LINE_END = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Request:
    """What one operation sends."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes | None
    error_if_not_2xx: bool

    def __str__(self) -> str:
        """For a person: no user, password or query, which may be secret."""
        return f"{self.method} {self.url.with_user(None).with_query(None).with_fragment(None)}"


def make_request(metadata: HttpMetadata, operation: Operation) -> Request:
    """By the rules of Dapr's binding; raises `Permanent` for an operation that no request can be made of."""
    method = _METHODS.get(operation.name)
    if method is None:
        raise Permanent(f"there is no operation {operation.name!r}; there are {', '.join(_METHODS)}")
    event = operation.event if method in _WITH_BODY else None
    try:
        url = _url(str(metadata.url), operation.metadata.get("path", ""))
        headers = _headers(metadata, operation.metadata, event)
        error_if_not_2xx = parse_flag(operation.metadata.get("errorIfNot2XX") or metadata.error_if_not_2xx)
    except ValueError as error:
        raise Permanent(f"{operation.name}: {error}") from error
    if "Authorization" in headers:
        url = url.with_user(None)  # the client takes a user or this header, not both
    return Request(method, url, headers, event.data if event else None, error_if_not_2xx)


def _url(base: str, path: str) -> URL:
    if not path:
        return URL(base)
    # The client would resolve `..`, and a path that was made from data would leave what the component is for.
    if ".." in re.split(r"[/\\]", unquote(path)):
        raise ValueError(f"the path {path!r} leads out of the component's url with '..'")
    return URL(f"{base.rstrip('/')}/{path.lstrip('/')}")


def _headers(metadata: HttpMetadata, given: Mapping[str, str], event: Event | None) -> CIMultiDict[str]:
    headers = CIMultiDict({"Accept": "application/json; charset=utf-8"})
    if event:
        headers["Idempotency-Key"] = event.id if event.id.isascii() and event.id.isprintable() else quote(event.id)
        if event.data is not None:
            headers["Content-Type"] = event.content_type
    if metadata.security_token and metadata.security_token_header:
        headers[metadata.security_token_header] = metadata.security_token.get_secret_value()
    for name, value in given.items():
        if (name[:1].isupper() or name in _TRACING) and name.lower() not in _OF_THE_CONNECTION:
            headers[name] = value
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name) or _LINE_END.search(value):
            raise ValueError(f"the header {name!r} has characters that no header may have")
    return headers
