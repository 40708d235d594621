from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiomqtt

from tests.bindings.conformance import settled
from tests.bindings.mqtt.project import reading
from tests.bindings.mqtt.server import Mosquitto
from tests.integration.faults import component

_IDLE = 0.3  # seconds without a message: the session has no more
_READER, _AUDITOR = "source", "auditor"


class MqttTopics(Mosquitto):
    """`source` and `target` are topics. The broker keeps what comes to them in two sessions: that of the pipeline, and
    one of an auditor.

    It is restarted in order: Mosquitto writes its sessions only when it ends, and every half an hour.
    """

    source, target = "{binding: source}", "{binding: target}"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "allow_anonymous true\nmax_inflight_messages 1000")
        self._found: list[bytes] = []

    def components(self, port: int) -> str:
        url = f"tcp://127.0.0.1:{port}"
        return "".join(
            component(name, "bindings.mqtt3", {"url": url, "topic": name, "consumerID": name})
            for name in ("source", "target")
        )

    async def fill(self, bodies: Sequence[bytes]) -> None:
        await self._drain(_READER, "source")
        await self._drain(_AUDITOR, "target")
        async with aiomqtt.Client("127.0.0.1", self.port, max_inflight_messages=1000) as client:
            client.pending_calls_threshold = 1000  # it warns of more
            for start in range(0, len(bodies), 500):
                await asyncio.gather(*(client.publish("source", one, qos=1) for one in bodies[start : start + 500]))

    async def waiting(self, place: str) -> int:
        """The session of the pipeline cannot be looked into while it has it. So the target tells when all is done: when
        it has each of the events, and those that came twice only once.
        """
        if place == "source":
            return 0
        self._found += await self._drain(_AUDITOR, place)
        return len(set(self._found))

    async def take_all(self, place: str) -> Sequence[bytes]:
        if place == "source":
            return await self._drain(_READER, place)
        await self.waiting(place)
        return self._found

    async def _drain(self, session: str, topic: str) -> list[bytes]:
        """What the session has; it is made when it is not there. Another client would acknowledge what it drops."""
        found: list[bytes] = []
        async with reading(self.url, topic, consumerID=session) as reader:
            while True:
                try:
                    messages = await asyncio.wait_for(reader.read(1000), _IDLE)
                except TimeoutError:
                    return found
                await reader.settle(settled(messages))
                found += [one.data or b"" for one in messages]
