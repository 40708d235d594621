"""An app that does nothing: it answers 200 with an empty body. As a process of its own it prints its URL."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from aiohttp import web

from tests.integration.apps import serving
from tests.integration.project import ROOT


async def answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response()


@contextlib.asynccontextmanager
async def app_process() -> AsyncIterator[str]:
    """The app beside the engine and the benchmark, not in their processes; gives its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.app", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        assert url, "the app did not start"
        yield url
    finally:
        process.terminate()
        await process.wait()


async def main() -> None:
    async with serving(answer) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
