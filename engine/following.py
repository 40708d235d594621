"""The folder while it runs: what changes in it, and what its apps subscribe to, is applied."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from bindings.contract import Clock
from engine.app_inputs import AppInputs
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.folder import File
from engine.discovery import Discovery
from engine.engine import Engine
from engine.live import LiveFolder, changed, look
from engine.report import LineReport, Sink


async def follow(
    root: Path, given: Sequence[File], engine: Engine, report: LineReport, sink: Sink, clock: Clock, color: bool = False
) -> None:
    """Applies the folder as it is, then each change of it and of what its apps subscribe to, while the report is
    flushed every second. `given`: definitions that are in no file.
    """
    live = LiveFolder(root)
    found = asyncio.Event()
    discovery = Discovery(root, engine.app, clock, found.set)
    inputs = AppInputs(root, engine.app_id, engine.app, clock, found.set)
    shown: set[Diagnostic] = set()
    flushing = asyncio.create_task(_flush_every_second(report))
    try:
        while True:
            # Before the files are read: what changes meanwhile is seen next time.
            stamps = await asyncio.to_thread(look, root)
            found.clear()
            checked = await live.load([*given, *discovery.files.values(), *inputs.files.values()])
            for diagnostic in checked.diagnostics:
                if diagnostic not in shown:
                    text = diagnostic.as_text(color)
                    sink.write(diagnostic.severity, "check", text, {"file": str(diagnostic.span)})
            if shown != set(checked.diagnostics):
                for file in live.fallen_back:
                    sink.write("warning", "check", f"{file}: its last good version goes on", {"file": file})
            shown = set(checked.diagnostics)
            await engine.apply(checked.definitions)
            discovery.follow(checked.definitions)
            inputs.follow(checked.definitions)
            await _first(changed(root, stamps, clock), found.wait())
    finally:
        await asyncio.gather(discovery.close(), inputs.close())
        flushing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flushing


async def _flush_every_second(report: LineReport) -> None:
    while True:
        await asyncio.sleep(1)
        report.flush()


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Returns when one of them has."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
