"""What a network and a broker do to a pipeline, and what becomes of its events: broker -> app -> broker."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from tests.integration.apps import serving
from tests.integration.project import Project
from tests.proxy import Proxy

_PATIENCE = 600.0  # seconds
PIPELINE = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {{name: copy}}
    spec:
      input: {source}
      steps:
        - call: {{app: {{url: {url}}}, batch: {{maxEvents: 50}}}}
      outputs: [{target}]
"""


class Broker(Protocol):
    """A server of the tests' own, and two places in it: `source` and `target`."""

    port: int
    source: str  # as the input of a pipeline names it
    target: str  # as an output names it

    def restart(self) -> None: ...  # killed and started again
    def components(self, port: int) -> str: ...  # the two Component documents, for a server at this port
    async def fill(self, bodies: Sequence[bytes]) -> None: ...
    async def waiting(self, place: str) -> int: ...  # how many messages a reader would get there now
    async def take_all(self, place: str) -> Sequence[bytes]: ...


@dataclass(frozen=True)
class Account:
    """What became of the events, by their numbers."""

    lost: int  # neither in the target nor in the source any more
    waiting: int  # in the source
    repeated_at_app: int
    repeated_in_target: int
    restarts: int
    cuts: int


class Disturbed:
    """The app counts what it has seen; at given counts the broker is restarted, or its connections are cut."""

    def __init__(self, broker: Broker, proxy: Proxy, events: int, restarts: int, cuts: int) -> None:
        self._broker = broker
        self._proxy = proxy
        self._events = events
        self.seen: Counter[int] = Counter()
        at_restart = {events * (n + 1) // (restarts + 1): self._restart for n in range(restarts)}
        at_cut = {events * (2 * n + 1) // (2 * cuts): self._cut for n in range(cuts)}
        self._due = sorted([*at_restart.items(), *at_cut.items()], key=lambda fault: fault[0])
        self._one_at_a_time = asyncio.Lock()
        self.over = asyncio.Event()  # every event was seen, and nothing more happens

    async def handle(self, request: web.Request) -> web.Response:
        events = await request.json()
        self.seen.update(event["data"]["n"] for event in events)
        async with self._one_at_a_time:
            while self._due and len(self.seen) >= self._due[0][0]:
                _, fault = self._due.pop(0)
                await fault()
            if len(self.seen) == self._events:
                self.over.set()
        return web.Response()

    async def _restart(self) -> None:
        await asyncio.to_thread(self._broker.restart)

    async def _cut(self) -> None:
        self._proxy.cut()


async def endure(broker: Broker, folder: Path, *, events: int, restarts: int, cuts: int) -> Account:
    """Sends numbered events through the engine, disturbs it, and accounts for each of them."""
    await broker.fill([json.dumps({"n": n}).encode() for n in range(events)])
    # A server that tells its clients where it is says where the proxy has to be.
    proxy = Proxy(broker.port, getattr(broker, "proxy_port", 0))
    await proxy.start()
    project = Project(folder)
    disturbed = Disturbed(broker, proxy, events, restarts, cuts)
    try:
        async with serving(disturbed.handle) as url:
            project.write(
                "copy.yaml",
                PIPELINE.format(url=url, source=broker.source, target=broker.target) + broker.components(proxy.port),
            )
            run = await project.run()
            async with asyncio.timeout(_PATIENCE):
                await disturbed.over.wait()
                while await broker.waiting("source") or await broker.waiting("target") < events:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await run.stop()  # what is under way is finished
            written = await broker.take_all("target")
            waiting = await broker.take_all("source")
    finally:
        project.end()
        await proxy.stop()
    arrived = Counter(json.loads(body)["n"] for body in written)
    left = {json.loads(body)["n"] for body in waiting} - set(arrived)
    return Account(
        lost=events - len(arrived) - len(left),
        waiting=len(left),
        repeated_at_app=disturbed.seen.total() - len(disturbed.seen),
        repeated_in_target=arrived.total() - len(arrived),
        restarts=restarts,
        cuts=cuts,
    )


def component(name: str, type: str, metadata: dict[str, Any]) -> str:
    """A Component document, to be put behind a pipeline."""
    spec = {"type": type, "version": "v1", "metadata": [{"name": k, "value": v} for k, v in metadata.items()]}
    document = {"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": name}, "spec": spec}
    return f"\n---\n{json.dumps(document)}\n"
