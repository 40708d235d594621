"""The server of Dapr's gRPC API (dapr/dapr, dapr/proto/runtime/v1/dapr.proto), with the generated messages of the
package `dapr`. Imported only where it is served. A method that is not in the tables answers UNIMPLEMENTED.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from engine.api.blocks import Blocks
from engine.api.error import ApiError, internal
from engine.api.grpc_call import Call
from engine.api.grpc_errors import details_of, message_of, of_http_status
from engine.api.grpc_methods import Conversation, Method, Stream, methods_of
from engine.errors import DefinitionError

SERVICE = "dapr.proto.runtime.v1.Dapr"
_GRACE = 2.0  # seconds that calls get to end when the server stops
_log = logging.getLogger("jackfield.api")


class GrpcServer:
    """Serves on the running event loop. `port` 0 becomes the port that was free."""

    def __init__(self, blocks: Blocks, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._blocks = blocks

    async def start(self) -> None:
        """Listens; raises `DefinitionError` when the port is taken."""
        options = [
            ("grpc.so_reuseport", 0),  # two processes on one port would each get half of the calls
            ("grpc.max_receive_message_length", self._blocks.max_body),
            ("grpc.max_send_message_length", self._blocks.max_body),
        ]
        self._server = grpc.aio.server(options=options, interceptors=[_Token(self._blocks.token)])
        self._server.add_generic_rpc_handlers((_Methods(methods_of(self._blocks)),))
        host = f"[{self.host}]" if ":" in self.host else self.host
        try:
            if not 0 <= self.port < 2**16:  # grpc would take the nearest one
                raise RuntimeError("there is no such port")
            self.port = self._server.add_insecure_port(f"{host}:{self.port}")
        except RuntimeError as error:
            await self._server.stop(None)
            message = f"cannot listen on {self.host}:{self.port} for gRPC"
            hint = "another process may have the port; choose another one with --grpc-port"
            raise DefinitionError(message, hint=hint) from error
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(_GRACE)


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Messages come and go as bytes, so that one that is malformed is told like any other error."""

    def __init__(self, methods: Mapping[str, Method | Stream | Conversation]) -> None:
        self._handlers = {f"/{SERVICE}/{name}": _handler(name, method) for name, method in methods.items()}

    def service(self, details: Any) -> Any:
        return self._handlers.get(details.method)


class _Token(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Lets nobody in who does not bring the token; None: everybody."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    async def intercept_service(self, proceed: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        if self._token is None:
            return await proceed(details)
        given = dict(details.invocation_metadata).get("dapr-api-token")
        if given is None:
            return _refused("missing api token in request metadata")
        if not hmac.compare_digest(str(given).encode(errors="replace"), self._token.encode()):
            return _refused("authentication error: api token mismatch")
        return await proceed(details)


def _refused(why: str) -> Any:
    """Before any message is read."""

    async def refuse(requests: Any, context: Any) -> None:
        await _abort(context, of_http_status(401, why))

    return grpc.stream_stream_rpc_method_handler(refuse)


def _handler(name: str, method: Method | Stream | Conversation) -> Any:
    if isinstance(method, Stream):
        stream = method

        async def streamed(data: bytes, context: Any) -> AsyncIterator[bytes]:
            try:
                async with contextlib.aclosing(stream.run(_parsed(stream.request, data), Call(context))) as answers:
                    async for answer in answers:
                        yield answer.SerializeToString()
            except Exception as error:
                await _abort(context, _told(error, name))

        return grpc.unary_stream_rpc_method_handler(streamed)
    if isinstance(method, Conversation):
        conversation = method

        async def talked(data: AsyncIterator[bytes], context: Any) -> None:
            async def send(answer: Any) -> None:
                await context.write(answer.SerializeToString())

            try:
                await conversation.run((_parsed(conversation.request, one) async for one in data), send)
            except Exception as error:
                await _abort(context, _told(error, name))

        return grpc.stream_stream_rpc_method_handler(talked)
    single = method

    async def answered(data: bytes, context: Any) -> bytes:
        try:
            answer = await single.run(_parsed(single.request, data), Call(context))
            return bytes(answer.SerializeToString())
        except Exception as error:
            await _abort(context, _told(error, name))
            raise AssertionError("an aborted call goes on") from error

    return grpc.unary_unary_rpc_method_handler(answered)


def _parsed(request: Any, data: bytes) -> Any:
    try:
        return request.FromString(data)
    except DecodeError as error:
        message = f"grpc: error unmarshalling request: {error}"
        raise ApiError("ERR_MALFORMED_REQUEST", message, 400, "INTERNAL") from error


def _told(error: Exception, name: str) -> ApiError:
    if isinstance(error, ApiError):
        return error
    _log.error("the call %s has failed", name, exc_info=error)
    return internal()


async def _abort(context: Any, error: ApiError) -> None:
    if details := details_of(error):
        context.set_trailing_metadata(details)
    await context.abort(getattr(grpc.StatusCode, error.grpc), message_of(error))
