from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.bindings.azure.server import Azurite
from tests.integration.faults import component


class StorageQueues(Azurite):
    """`source` and `target` are queues of Azure Storage, on Azurite."""

    source, target = "{binding: source}", "{binding: target}"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = self.queue_port

    def restart(self) -> None:
        """In order: Azurite writes to disk every few seconds, so that a kill would lose what it has confirmed."""
        super().stop()
        self.start()

    def stop(self) -> None:
        self.close_clients()
        super().stop()

    def components(self, port: int) -> str:
        # What was on its way through a connection that is cut comes again after five seconds.
        more = {"queueEndpoint": f"http://127.0.0.1:{port}", "visibilityTimeout": "5s", "pollingInterval": "500ms"}
        return "".join(
            component(name, "bindings.azure.storagequeues", {**self.login, "queueName": name, **more})
            for name in ("source", "target")
        )

    async def fill(self, bodies: Sequence[bytes]) -> None:
        source, _ = [self.queues.create_queue(name) for name in ("source", "target")]
        for start in range(0, len(bodies), 16):
            part = bodies[start : start + 16]
            await asyncio.gather(*(asyncio.to_thread(source.send_message, body.decode()) for body in part))

    async def waiting(self, place: str) -> int:
        return self.queues.get_queue_client(place).get_queue_properties().approximate_message_count or 0

    async def take_all(self, place: str) -> Sequence[bytes]:
        queue = self.queues.get_queue_client(place)
        found: list[bytes] = []
        while await self.waiting(place):
            for message in queue.receive_messages(messages_per_page=32):
                queue.delete_message(message)
                found.append(str(message.content).encode())
        return found
