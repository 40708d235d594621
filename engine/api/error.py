"""The errors of Dapr's API, as its clients know them (dapr/dapr, pkg/messages/predefined.go and pkg/api/errors)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

DOMAIN = "dapr.io"
_TYPE = "type.googleapis.com/google.rpc."


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What has happened, for programs (googleapis, google/rpc/error_details.proto, as the ones below)."""

    reason: str
    metadata: Mapping[str, str] | None = None

    def json(self) -> dict[str, Any]:
        metadata = None if self.metadata is None else dict(self.metadata)
        return {"@type": f"{_TYPE}ErrorInfo", "domain": DOMAIN, "reason": self.reason, "metadata": metadata}


@dataclass(frozen=True, slots=True)
class ResourceInfo:
    """What it has happened to."""

    type: str
    name: str
    description: str = ""

    def json(self) -> dict[str, Any]:
        named = {"resource_type": self.type, "resource_name": self.name}
        return {"@type": f"{_TYPE}ResourceInfo", **named, "owner": "", "description": self.description}


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What of the request is wrong."""

    field: str
    description: str

    def json(self) -> dict[str, Any]:
        violation = {"field": self.field, "description": self.description}
        return {"@type": f"{_TYPE}BadRequest", "field_violations": [violation]}


Detail: TypeAlias = ErrorInfo | ResourceInfo | FieldViolation


class ApiError(Exception):
    """`status` is that of HTTP, `grpc` the name of gRPC's.

    `details`: of both protocols. Dapr's older errors have none over HTTP and either none over gRPC or, when `coded`,
    the code as an `ErrorInfo`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int,
        grpc: str,
        *,
        details: Sequence[Detail] = (),
        coded: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.grpc = grpc
        self._details = details
        self._coded = coded

    def body(self) -> dict[str, Any]:
        """As JSON over HTTP."""
        body: dict[str, Any] = {"errorCode": self.code, "message": self.message}
        return {**body, "details": [detail.json() for detail in self._details]} if self._details else body

    def grpc_details(self) -> Sequence[Detail]:
        return [*self._details, ErrorInfo(self.code)] if self._coded else self._details


def malformed(why: object) -> ApiError:
    """The request is not what it should be."""
    return ApiError("ERR_MALFORMED_REQUEST", f"failed deserializing HTTP body: {why}", 400, "INVALID_ARGUMENT")


def bad_request(why: str) -> ApiError:
    """As `malformed`, where Dapr puts nothing before the reason."""
    return ApiError("ERR_MALFORMED_REQUEST", why, 400, "INVALID_ARGUMENT")


def unimplemented(what: str) -> ApiError:
    return ApiError("ERR_API_UNIMPLEMENTED", f"{what} is not implemented by this version", 501, "UNIMPLEMENTED")


def internal() -> ApiError:
    """A mistake of ours; what it was is for the log."""
    return ApiError("ERR_INTERNAL", "internal error; the log of jackfield has more", 500, "INTERNAL")
