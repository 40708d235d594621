"""Brokers that die and networks that are cut: broker -> app -> broker, and what becomes of each event.

Events go in batches of 50 through an app: 5,000, or fewer where the server is an emulator. On the way the broker is
killed and started again twice, if it keeps anything, and its connections are cut five times. Bar: no event is lost
(exit status 1 otherwise); what was under way comes again.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.table import row
from tests.integration.faults import Broker, endure
from tests.integration.kafka import KafkaTopics
from tests.integration.mqtt import MqttTopics
from tests.integration.nats import JetStreamTopics
from tests.integration.rabbitmq import RabbitMqQueues
from tests.integration.redis import RedisStreams
from tests.integration.sqs import SqsQueues
from tests.integration.storagequeues import StorageQueues

CUTS = 5


class Server(Broker, Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True)
class Trial:
    make: Callable[[Path], Server]
    events: int = 5_000
    restarts: int = 2


BROKERS = {
    "RabbitMQ": Trial(RabbitMqQueues),
    "Kafka": Trial(KafkaTopics),
    "Redis": Trial(RedisStreams),
    "JetStream": Trial(JetStreamTopics),
    "MQTT": Trial(MqttTopics),
    # On moto, which has all in memory, and looks at every message of a queue for each that it gives out.
    "SQS": Trial(SqsQueues, events=1_000, restarts=0),
    # Azurite is restarted in order, and takes and gives out some dozens a second.
    "Azure Storage queues": Trial(StorageQueues),
}


def measure(name: str, folder: Path) -> int:
    """How many events were lost."""
    for part in ("server", "project"):
        (folder / part).mkdir()
    trial = BROKERS[name]
    broker = trial.make(folder / "server")
    broker.start()
    start = time.perf_counter()
    try:
        faults = {"events": trial.events, "restarts": trial.restarts, "cuts": CUTS}
        account = asyncio.run(endure(broker, folder / "project", **faults))
    finally:
        broker.stop()
    row(f"faults: {name}, {trial.events:,} events", f"{time.perf_counter() - start:.1f} s")
    row(
        f"faults: {name}, lost, {trial.restarts} restarts, {CUTS} cuts", f"{account.lost + account.waiting} events", "0"
    )
    row(f"faults: {name}, twice at the app", f"{account.repeated_at_app} events")
    row(f"faults: {name}, twice in the target", f"{account.repeated_in_target} events")
    return account.lost + account.waiting


def main() -> int:
    lost = 0
    for name in BROKERS:
        with tempfile.TemporaryDirectory() as folder:
            lost += measure(name, Path(folder))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
