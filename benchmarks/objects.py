"""A bucket of 20,000 objects of 1 KB through the input of `bindings.aws.s3`, against getting them one by one.

The server is moto's, a process on this machine, which answers after 20 ms, as S3 does within its region: without that
the server would be measured, which takes 2 ms of a core for each request. Beside the rate: how much memory the input
takes, and what a poll costs when nothing is new, with a whole listing and with `lookBack`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any

import boto3
import psutil

from benchmarks.table import row
from bindings.aws.s3 import component
from bindings.contract import InputBinding
from engine.clock import SystemClock
from engine.testing.memory_store import MemoryStore
from tests.bindings.conformance import settled
from tests.bindings.fakes import context
from tests.servers import free_ports

OBJECTS, ONE_BY_ONE, SIZE, DELAY, BATCH, POLLS = 20_000, 500, 1024, 0.020, 100, 2
BUCKET = "uploads"


def serve(port: int) -> None:
    """The process of the server, with the bucket in it."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.s3.models import s3_backends
    from werkzeug.serving import run_simple

    backend = s3_backends["123456789012"]["aws"]
    backend.create_bucket(BUCKET, "us-east-1")
    for number in range(OBJECTS):
        backend.put_object(BUCKET, f"in/{number:06}.bin", os.urandom(SIZE))
    moto = DomainDispatcherApplication(create_backend_app)

    def answer(environ: Any, start: Any) -> Iterable[bytes]:
        time.sleep(DELAY)
        return moto(environ, start)  # type: ignore[no-any-return]

    run_simple("127.0.0.1", port, answer, threaded=True)


def one_by_one(login: dict[str, str]) -> float:
    """Objects a second."""
    client = boto3.Session(login["accessKey"], login["secretKey"], region_name=login["region"]).client(
        "s3", endpoint_url=login["endpoint"]
    )
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=BUCKET, MaxKeys=ONE_BY_ONE)["Contents"]]
    start = time.perf_counter()
    for key in keys:
        assert len(client.get_object(Bucket=BUCKET, Key=key)["Body"].read()) == SIZE
    seconds = time.perf_counter() - start
    client.close()
    return len(keys) / seconds


async def drain(binding: InputBinding) -> float:
    """Objects a second."""
    left = OBJECTS
    start = time.perf_counter()
    while left:
        received = await binding.read(BATCH)
        await binding.settle(settled(received))
        left -= len(received)
    return OBJECTS / (time.perf_counter() - start)


async def idle(binding: InputBinding) -> float:
    """Milliseconds of the processor that a poll takes which finds nothing."""
    polls, start = 0, time.process_time()
    enough = asyncio.Event()
    place = binding._place  # type: ignore[attr-defined]
    turn = place.page

    async def page(start: str | None) -> Any:
        nonlocal polls
        found = await turn(start)
        polls += found.end is None
        if polls == POLLS:
            enough.set()
        return found

    place.page = page
    reading = asyncio.ensure_future(binding.read(BATCH))
    await enough.wait()
    reading.cancel()
    return 1000 * (time.process_time() - start) / POLLS


async def measure(login: dict[str, str], look_back: str | None) -> float:
    """Objects a second through the input."""
    assert component.input is not None
    process = psutil.Process()
    before = process.memory_info().rss
    given = {**login, "bucket": BUCKET, "pollInterval": "1ms", "lookBack": look_back}
    binding = component.input(
        component.metadata.model_validate(given), context("uploads", SystemClock(), MemoryStore())
    )
    await binding.open()
    rate = await drain(binding)
    grown = (process.memory_info().rss - before) / 2**20
    how = "with lookBack" if look_back else "all keys listed"
    row(f"objects: {OBJECTS:,} of 1 KB through the input, {how}", f"{rate:,.0f} objects/s")
    row(f"objects: the memory that takes, {how}", f"{grown:,.0f} MB")
    row(f"objects: a poll that finds nothing, {how}", f"{await idle(binding):,.1f} ms of a core")
    await binding.close()
    return rate


def main() -> int:
    [port] = free_ports(1)
    login = {"accessKey": "test", "secretKey": "test", "region": "us-east-1", "endpoint": f"http://127.0.0.1:{port}"}
    command = [sys.executable, "-m", "benchmarks.objects", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert server.poll() is None, "the server did not start"
                time.sleep(0.05)
        alone = one_by_one(login)
        row("objects: one get after the other", f"{alone:,.0f} objects/s")
        rates = [asyncio.run(measure(login, look_back)) for look_back in (None, "1ms")]
        times = min(rates) / alone
        row("objects: the input is faster", f"{times:.1f} times", "at least 3 times")
        return 0 if times >= 3 else 1
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(int(sys.argv[1]))
    sys.exit(main())
