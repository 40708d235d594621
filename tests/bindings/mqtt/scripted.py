"""A broker that sends what a test says: for what a real one cannot be made to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from bindings.mqtt import packets

ACCEPTED = b"\x20\x02\x00\x00"
RESUMED = b"\x20\x02\x01\x00"
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next packet of the client, which must be a short one."""
    first, length = await reader.readexactly(2)
    return first, await reader.readexactly(length)


@asynccontextmanager
async def broker(script: Script) -> AsyncIterator[int]:
    """Gives its port. The connection ends with the script."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await script(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


def message(packet_id: int, payload: bytes, duplicate: bool = False) -> bytes:
    found = bytearray(packets.publish("t", payload, qos=1, retain=False, packet_id=packet_id))
    found[0] |= 0x08 if duplicate else 0
    return bytes(found)
