"""A TCP proxy that a test can cut, stall and mend: what a network does."""

from __future__ import annotations

import asyncio
import contextlib


class Proxy:
    """Passes on what comes to `port` to the port of a server on this machine."""

    def __init__(self, target: int, port: int = 0) -> None:
        """`port`: 0 for a free one."""
        self.port = port
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Ends all connections, in the middle of what they carry; new ones can be made."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def stall(self) -> None:
        """Nothing gets through, and nobody is told."""
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    async def stop(self) -> None:
        self._open.set()
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        finally:
            self._writers -= {writer, back}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
