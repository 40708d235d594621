"""What HTTP requests and answers of all building blocks have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import ClientError, web

from engine.api.error import ApiError
from engine.api.requests import written
from engine.event import JSON_TYPE

_PREFIX = "metadata."


async def body_of(request: web.Request, largest: int) -> bytes:
    """The whole body; raises `ApiError` for one of more than `largest` bytes, or that breaks off."""
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > largest:
                message = f"failed to read request body: it is larger than {largest:,} bytes"
                raise ApiError("ERR_BODY_READ", message, 413, "INVALID_ARGUMENT")
    except (ClientError, web.RequestPayloadError) as error:
        message = f"failed to read request body: {error}"
        raise ApiError("ERR_BODY_READ", message, 400, "INVALID_ARGUMENT") from error
    return bytes(body)


def metadata_of_query(request: web.Request) -> dict[str, str]:
    """`?metadata.ttlInSeconds=10`; of one name, the first counts."""
    names = [name for name in request.query if name.startswith(_PREFIX)]
    return {name.removeprefix(_PREFIX): request.query[name] for name in names}


def result_response(
    data: bytes | None, metadata: Mapping[str, str], etag: str | None = None, *, status: int = 200
) -> web.Response:
    """Bytes as they are, with their metadata as headers; 204 where there are none."""
    headers = {f"{_PREFIX}{name}": _one_line(value) for name, value in metadata.items()}
    if etag is not None:
        headers["ETag"] = etag
    if data is None:
        return web.Response(status=204, headers=headers)
    return web.Response(status=status, body=data, headers=headers, content_type=JSON_TYPE)


def json_response(value: Any, status: int = 200) -> web.Response:
    """With the content type as Dapr writes it, which some clients compare."""
    return web.Response(status=status, body=written(value), content_type=JSON_TYPE)


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
