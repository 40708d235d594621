"""Brokers that die and networks that are cut: broker -> app -> broker, and what becomes of each event.

5,000 events go in batches of 50 through an app. On the way the broker is killed and started again twice, and its
connections are cut five times. Bar: no event is lost (exit status 1 otherwise); what was under way comes again.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
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

EVENTS, RESTARTS, CUTS = 5_000, 2, 5


class Server(Broker, Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


# With how many restarts: moto, which stands for SQS, has all in memory.
BROKERS: Mapping[str, tuple[Callable[[Path], Server], int]] = {
    "RabbitMQ": (RabbitMqQueues, RESTARTS),
    "Kafka": (KafkaTopics, RESTARTS),
    "Redis": (RedisStreams, RESTARTS),
    "JetStream": (JetStreamTopics, RESTARTS),
    "MQTT": (MqttTopics, RESTARTS),
    "SQS": (SqsQueues, 0),
}


def measure(name: str, folder: Path) -> int:
    """How many events were lost."""
    for part in ("server", "project"):
        (folder / part).mkdir()
    make, restarts = BROKERS[name]
    broker = make(folder / "server")
    broker.start()
    start = time.perf_counter()
    try:
        account = asyncio.run(endure(broker, folder / "project", events=EVENTS, restarts=restarts, cuts=CUTS))
    finally:
        broker.stop()
    row(f"faults: {name}, {EVENTS:,} events", f"{time.perf_counter() - start:.1f} s")
    row(f"faults: {name}, lost, {restarts} restarts, {CUTS} cuts", f"{account.lost + account.waiting} events", "0")
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
