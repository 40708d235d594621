"""How the API for apps is served."""

from __future__ import annotations

from dataclasses import dataclass

from engine.api.blocks import LARGEST_BODY

DEFAULT_GRPC_PORT = 50001  # Dapr's


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """`app_id`: whom it serves; the App document of that name says where that app is.

    `grpc_port`: None: not over gRPC; 0: any that is free. `grpc_is_wanted`: what cannot be served is an error, and no
    warning. `max_body`: the largest body of a request, in bytes.
    """

    app_id: str = "jackfield"
    grpc_port: int | None = None
    grpc_is_wanted: bool = True
    max_body: int = LARGEST_BODY
