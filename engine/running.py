"""The life of `jackfield run`: load, start, follow the folder, and drain at SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from bindings.contract import Clock
from bindings.metadata import parse_duration, parse_size
from engine import faults
from engine.api.options import DEFAULT_GRPC_PORT, ApiOptions
from engine.definitions.diagnostic import Diagnostic
from engine.engine import Engine
from engine.errors import DefinitionError
from engine.live import LiveFolder, changed, look
from engine.registry import open_store
from engine.report import LineReport, LogHandler, Sink, sink_for, summary
from engine.retention import Retention
from engine.server import LOOPBACK

EXIT_NOW = 130  # a second signal: what was under way is given out again at the next start
_ONE_SIGNAL = 0.2  # seconds; timeout(1) signals a process and its group, and means it once


async def run_folder(arguments: argparse.Namespace) -> int:
    """Runs until SIGTERM or SIGINT; the exit status is 0 after a clean drain."""
    root = _folder(arguments.dir)
    # What was imported stays, and is no garbage; events make few cycles. Measured: a seventh of the CPU time an event.
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    clock = faults.clock()
    color = (sys.stdout.isatty() and "NO_COLOR" not in os.environ) or "FORCE_COLOR" in os.environ
    sink = sink_for(arguments.log_format, clock, color)
    report = LineReport(sink, clock)
    store = open_store(arguments.store, clock)
    retention = Retention.of(store, clock, arguments.keep_dead_letters, arguments.most_dead_letters)
    host, port, drain = arguments.host, arguments.http_port, _drain(arguments.drain)
    engine = Engine(store, clock, report, host, port, drain, _api(arguments))
    with _logged(sink):
        await engine.start()
        sink.write("started", "jackfield", f"listens on http://{engine.server.host}:{engine.server.port}", {})
        if engine.grpc is not None and engine.grpc.port is not None:
            sink.write("started", "jackfield", f"listens on {engine.server.host}:{engine.grpc.port} for gRPC", {})
        retaining = asyncio.create_task(retention.run())
        following = asyncio.create_task(follow(root, engine, report, sink, clock, color))
        _on_signals(sink, engine.asked_to_stop)
        stopped = asyncio.ensure_future(engine.asked_to_stop.wait())
        try:
            await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
            sink.write("draining", "jackfield", f"finishes what is under way, at most {arguments.drain}", {})
        finally:
            following.cancel()
            retaining.cancel()
            await asyncio.gather(following, retaining, return_exceptions=True)
            await engine.stop()
            report.flush()
    if arguments.log_format == "text":
        print(summary(engine.counts))
    return 0


@contextlib.contextmanager
def _logged(sink: Sink) -> Iterator[None]:
    """Brings what is logged into the lines of the sink, for as long as the engine runs."""
    handler = LogHandler(sink)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise DefinitionError(f"there is no folder {text!r}", hint="`jackfield init DIR` makes one that runs")
    return Path(text)


def _drain(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise DefinitionError(f"--drain: {error}") from error


def _api(arguments: argparse.Namespace) -> ApiOptions:
    port = arguments.app_port
    if port is not None and not 0 < port < 65536:
        raise DefinitionError(f"--app-port: {port} is no port")
    try:
        max_body = parse_size(arguments.max_body_size)
    except ValueError as error:
        raise DefinitionError(f"--max-body-size: {error}") from error
    return ApiOptions(
        app_id=arguments.app_id,
        app_url=None if port is None else f"http://{LOOPBACK}:{port}",
        grpc_port=DEFAULT_GRPC_PORT if arguments.grpc_port is None else arguments.grpc_port,
        grpc_is_wanted=arguments.grpc_port is not None,
        max_body=max_body,
    )


def _on_signals(sink: Sink, stopped: asyncio.Event) -> None:
    """The first SIGTERM or SIGINT sets the event, a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    first = 0.0

    def stop() -> None:
        nonlocal first
        if not stopped.is_set():
            first = loop.time()
            stopped.set()
        elif loop.time() - first > _ONE_SIGNAL:
            sink.write("stopped", "jackfield", "ended at once; what was under way comes again", {})
            os._exit(EXIT_NOW)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def follow(root: Path, engine: Engine, report: LineReport, sink: Sink, clock: Clock, color: bool = False) -> None:
    """Applies the folder as it is, then each change of it, while the report is flushed every second."""
    live = LiveFolder(root)
    shown: set[Diagnostic] = set()
    flushing = asyncio.create_task(_flush_every_second(report))
    try:
        while True:
            # Before the files are read: what changes meanwhile is seen next time.
            stamps = await asyncio.to_thread(look, root)
            checked = await live.load()
            for diagnostic in checked.diagnostics:
                if diagnostic not in shown:
                    text = diagnostic.as_text(color)
                    sink.write(diagnostic.severity, "check", text, {"file": str(diagnostic.span)})
            if shown != set(checked.diagnostics):
                for file in live.fallen_back:
                    sink.write("warning", "check", f"{file}: its last good version goes on", {"file": file})
            shown = set(checked.diagnostics)
            await engine.apply(checked.definitions)
            await changed(root, stamps, clock)
    finally:
        flushing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flushing


async def _flush_every_second(report: LineReport) -> None:
    while True:
        await asyncio.sleep(1)
        report.flush()
