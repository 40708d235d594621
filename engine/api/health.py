"""Whether the API can be used (dapr/dapr, pkg/api/http/health.go)."""

from __future__ import annotations

from engine.api.error import ApiError
from engine.api.parts import Parts


class Health:
    def __init__(self, parts: Parts, app_id: str) -> None:
        self._parts = parts
        self._app_id = app_id

    def check(self, app_id: str | None = None) -> None:
        """Raises `ApiError` while anything that should run does not, or when another app is asked for."""
        if app_id is not None and app_id != self._app_id:
            raise ApiError("ERR_HEALTH_APPID_NOT_MATCH", "dapr app-id does not match", 500, "INTERNAL")
        if not self._parts.well():
            raise ApiError("ERR_HEALTH_NOT_READY", "dapr is not ready", 500, "INTERNAL")

    def check_outbound(self) -> None:
        """Raises `ApiError` until components and apps can be used."""
        if not self._parts.ready():
            raise ApiError("ERR_OUTBOUND_HEALTH_NOT_READY", "dapr outbound is not ready", 500, "INTERNAL")
