"""The life of `jackfield run`: load, start, follow the folder, and drain at SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from bindings.metadata import parse_duration, parse_size
from engine import faults
from engine.api.options import DEFAULT_GRPC_PORT, ApiOptions
from engine.child import Child, dapr_environment
from engine.definitions.folder import File
from engine.definitions.source import Source
from engine.engine import Engine
from engine.errors import DefinitionError
from engine.following import follow
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
    given = _given_app(root, arguments)
    status = 0  # that of the app, when it has ended by itself
    with _logged(sink):
        await engine.start()
        sink.write("started", "jackfield", f"listens on http://{engine.server.host}:{engine.server.port}", {})
        if engine.grpc is not None and engine.grpc.port is not None:
            sink.write("started", "jackfield", f"listens on {engine.server.host}:{engine.grpc.port} for gRPC", {})
        retaining = asyncio.create_task(retention.run())
        following = asyncio.create_task(follow(root, given, engine, report, sink, clock, color))
        _on_signals(sink, engine.asked_to_stop)
        stopped = asyncio.ensure_future(engine.asked_to_stop.wait())
        child: Child | None = None
        try:
            child = await _start_app(arguments, engine)
            ended = [asyncio.create_task(child.ended())] if child is not None else []
            await asyncio.wait({following, stopped, *ended}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
            if ended and ended[0].done():
                status = ended[0].result()
                sink.write("stopped", arguments.app_id, f"the app has ended with status {status}", {})
            sink.write("draining", "jackfield", f"finishes what is under way, at most {arguments.drain}", {})
        finally:
            following.cancel()
            retaining.cancel()
            await asyncio.gather(following, retaining, return_exceptions=True)
            await engine.stop()
            if child is not None:
                await child.stop()
            report.flush()
    if arguments.log_format == "text":
        print(summary(engine.counts))
    return status


async def _start_app(arguments: argparse.Namespace, engine: Engine) -> Child | None:
    """What stands after `--`."""
    if not arguments.app_command:
        return None
    grpc = engine.grpc.port if engine.grpc is not None else None
    child = Child(
        arguments.app_command, dapr_environment(arguments.app_id, engine.server.port, grpc, arguments.app_port)
    )
    await child.start()
    return child


def _given_app(root: Path, arguments: argparse.Namespace) -> list[File]:
    """The App document that `--app-port` stands for."""
    port = arguments.app_port
    if port is None:
        return []
    if not 0 < port < 65536:
        raise DefinitionError(f"--app-port: {port} is no port")
    name, url = json.dumps(arguments.app_id), f"http://{LOOPBACK}:{port}"
    text = f"apiVersion: jackfield/v1\nkind: App\nmetadata: {{name: {name}}}\nspec: {{url: {url}}}\n"
    return [File.of(Source(root / ".dapr" / "app.yaml", f"--app-port {port}", text))]


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
    try:
        max_body = parse_size(arguments.max_body_size)
    except ValueError as error:
        raise DefinitionError(f"--max-body-size: {error}") from error
    return ApiOptions(
        app_id=arguments.app_id,
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
