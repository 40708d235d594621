"""Dapr's output bindings (Dapr, Bindings API; dapr/dapr, pkg/runtime/processor/binding/send.go)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from bindings.contract import Clock, Operation, Result
from bindings.manifest import ComponentType
from engine.api.error import ApiError
from engine.api.parts import Missing, Parts
from engine.errors import EventError, JackfieldError
from engine.event import JSON_TYPE, Attribute, Event, rfc3339


class Bindings:
    def __init__(self, parts: Parts, app_id: str, clock: Clock) -> None:
        self._parts = parts
        self._app_id = app_id
        self._clock = clock

    async def invoke(
        self, name: str, operation: str, data: bytes | None, metadata: Mapping[str, str], content_type: str = JSON_TYPE
    ) -> Result:
        """One operation; raises `ApiError`."""
        try:
            async with self._parts.output(name) as lent:
                _check_operation(name, operation, lent.use.manifest)
                event = Event(self._attributes(content_type), data)
                (result,) = await lent.component.invoke([Operation(operation, event, metadata)])
        except Missing:
            raise _error(name, f"couldn't find output binding {name}") from None
        except JackfieldError as error:
            raise _error(name, str(error)) from error
        if isinstance(result, EventError):
            raise _error(name, str(result)) from result
        return result

    def _attributes(self, content_type: str) -> dict[str, Attribute]:
        return {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": self._app_id,
            "type": "com.dapr.binding.invoked",
            "time": rfc3339(self._clock.now()),
            "datacontenttype": content_type,
        }


def _check_operation(name: str, operation: str, manifest: ComponentType) -> None:
    if manifest.operations and operation not in manifest.operations:
        supported = " ".join(manifest.operations)
        message = f"binding {name} does not support operation {operation}. supported operations:{supported}"
        raise _error(name, message)


def _error(name: str, why: str) -> ApiError:
    message = f"error invoking output binding {name}: {why}"
    return ApiError("ERR_INVOKE_OUTPUT_BINDING", message, 500, "INTERNAL", coded=True)
