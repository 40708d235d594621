"""The port of the gRPC API, whose packages need not be installed."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from engine.api.blocks import Blocks
from engine.api.options import ApiOptions
from engine.errors import DefinitionError

if TYPE_CHECKING:
    from engine.api.grpc import GrpcServer

_log = logging.getLogger("jackfield.api")


class GrpcPort:
    def __init__(self, blocks: Blocks, host: str, options: ApiOptions) -> None:
        self._blocks = blocks
        self._host = host
        self._options = options
        self._server: GrpcServer | None = None

    @property
    def port(self) -> int | None:
        """None while nobody listens."""
        return self._server.port if self._server is not None else None

    async def open(self) -> None:
        """Listens, where that is asked for; raises `DefinitionError` when it cannot, or warns where nobody insists."""
        if self._options.grpc_port is None:
            return
        try:
            self._server = await self._listening(self._options.grpc_port)
        except DefinitionError as error:
            if self._options.grpc_is_wanted:
                raise
            _log.warning("Dapr's API is not served over gRPC: %s", error)

    async def close(self) -> None:
        if self._server is not None:
            await self._server.stop()
            self._server = None

    async def _listening(self, port: int) -> GrpcServer:
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it writes beside our log what we raise as errors
        try:
            from engine.api.grpc import GrpcServer
        except (ImportError, RuntimeError) as error:  # generated code raises the latter where grpc is too old for it
            message = f"gRPC needs packages that are not installed: {error}"
            raise DefinitionError(message, hint="pip install 'jackfield[dapr]'") from error
        server = GrpcServer(self._blocks, self._host, port)
        await server.start()
        return server
