"""The errors of Dapr's API, as its clients know them (dapr/dapr, pkg/messages/predefined.go and pkg/api/errors)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPE = "type.googleapis.com/google.rpc."


class ApiError(Exception):
    """`status` is that of HTTP, `grpc` the name of gRPC's; `reason` and `resource` make Dapr's `details`."""

    def __init__(
        self,
        code: str,
        message: str,
        status: int,
        grpc: str,
        *,
        reason: str = "",
        resource: tuple[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.grpc = grpc
        self._reason = reason
        self._resource = resource
        self._metadata = dict(metadata or {})

    def body(self) -> dict[str, Any]:
        """As JSON."""
        body: dict[str, Any] = {"errorCode": self.code, "message": self.message}
        details = self._details()
        return {**body, "details": details} if details else body

    def _details(self) -> list[dict[str, Any]]:
        if not self._reason:
            return []
        info = {"@type": f"{_TYPE}ErrorInfo", "domain": "dapr.io", "reason": self._reason, "metadata": self._metadata}
        if self._resource is None:
            return [info]
        kind, name = self._resource
        return [info, {"@type": f"{_TYPE}ResourceInfo", "resource_type": kind, "resource_name": name}]


def malformed(why: object) -> ApiError:
    """The request is not what it should be."""
    return ApiError("ERR_MALFORMED_REQUEST", f"failed deserializing HTTP body: {why}", 400, "INVALID_ARGUMENT")


def unimplemented(what: str) -> ApiError:
    return ApiError("ERR_API_UNIMPLEMENTED", f"{what} is not implemented by this version", 501, "UNIMPLEMENTED")
