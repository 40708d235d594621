"""Errors as gRPC tells them: a code, a message, and Google's richer details.

Source: https://grpc.io/docs/guides/error/#richer-error-model; dapr/dapr, pkg/messaging/v1/util.go.
"""

from __future__ import annotations

import http
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from engine.api.error import DOMAIN, ApiError, Detail, ErrorInfo, FieldViolation

_KEY = "grpc-status-details-bin"
_LONGEST = 63  # characters of an app's answer
_LARGEST = 4096  # bytes of the details; a client refuses an answer with 8 KiB beside its messages

# What an app's HTTP status is in gRPC.
_CODES = {
    400: "INTERNAL",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "CANCELLED",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def details_of(error: ApiError) -> tuple[tuple[str, bytes], ...]:
    """The trailing metadata that carry the details."""
    details = error.grpc_details()
    if not details:
        return ()
    packed = [any_pb2.Any() for _ in details]
    for one, detail in zip(packed, details, strict=True):
        one.Pack(_message(detail))
    code = getattr(grpc.StatusCode, error.grpc).value[0]
    status = status_pb2.Status(code=code, message=message_of(error), details=packed)
    data = status.SerializeToString()
    return ((_KEY, data),) if len(data) <= _LARGEST else ()


def message_of(error: ApiError) -> str:
    """It may quote what the caller sent."""
    longest = _LARGEST // 4
    return error.message if len(error.message) <= longest else f"{error.message[: longest - 1]}…"


def of_http_status(status: int, answer: str) -> ApiError:
    """The error that an HTTP status other than 2xx is."""
    try:
        text = http.HTTPStatus(status).phrase
    except ValueError:
        text = ""
    told = {"http.code": str(status), "http.error_message": answer[:_LONGEST]}
    code = "ERR_DIRECT_INVOKE"
    return ApiError(code, text, status, _CODES.get(status, "UNKNOWN"), details=[ErrorInfo(text, told)])


def _message(detail: Detail) -> Any:
    if isinstance(detail, ErrorInfo):
        return error_details_pb2.ErrorInfo(domain=DOMAIN, reason=detail.reason, metadata=detail.metadata)
    if isinstance(detail, FieldViolation):
        violation = error_details_pb2.BadRequest.FieldViolation(field=detail.field, description=detail.description)
        return error_details_pb2.BadRequest(field_violations=[violation])
    return error_details_pb2.ResourceInfo(
        resource_type=detail.type, resource_name=detail.name, description=detail.description
    )
