from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.bindings.kafka.server import Kafka
from tests.integration.faults import component

_GROUP = "copy"
_PARTITIONS = 4


class KafkaTopics(Kafka):
    """`source` and `target` are topics; the pipeline is the group `copy` of the source, and nobody reads the target."""

    source, target = "{binding: source}", "{binding: target}"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clients_port, self.port = self.port, self.proxied_port  # what goes through the proxy is told its port

    def components(self, port: int) -> str:
        more = {"brokers": f"127.0.0.1:{port}", "authType": "none"}
        source = {**more, "topics": "source", "consumerGroup": _GROUP, "initialOffset": "oldest"}
        return component("source", "bindings.kafka", source) + component(
            "target", "bindings.kafka", {**more, "publishTopic": "target"}
        )

    async def fill(self, bodies: Sequence[bytes]) -> None:
        await asyncio.to_thread(self._fill, bodies)

    async def waiting(self, place: str) -> int:
        return await asyncio.to_thread(self._waiting, place)

    async def take_all(self, place: str) -> Sequence[bytes]:
        return await asyncio.to_thread(self._take_all, place)

    def _fill(self, bodies: Sequence[bytes]) -> None:
        admin = AdminClient(self._settings_of_clients())
        for made in admin.create_topics([NewTopic(name, _PARTITIONS, 1) for name in ("source", "target")]).values():
            made.result()
        producer = Producer({"bootstrap.servers": f"127.0.0.1:{self.clients_port}"})
        for body in bodies:
            producer.produce("source", body, headers={"content-type": "application/json"})
        producer.flush()

    def _waiting(self, place: str) -> int:
        return sum(end - start for start, end in self._ranges(place).values())

    def _take_all(self, place: str) -> Sequence[bytes]:
        ranges = self._ranges(place)
        consumer = Consumer(self._settings_of_clients())
        found: list[bytes] = []
        consumer.assign([TopicPartition(place, number, start) for number, (start, _) in ranges.items()])
        while len(found) < sum(end - start for start, end in ranges.values()):
            found += [message.value() or b"" for message in consumer.consume(1000, 0.1) if message.error() is None]
        consumer.close()
        return found

    def _ranges(self, place: str) -> dict[int, tuple[int, int]]:
        """Of each partition the first and the end of what a reader would get."""
        consumer = Consumer({**self._settings_of_clients(), "group.id": _GROUP if place == "source" else "nobody"})
        partitions = [TopicPartition(place, number) for number in range(_PARTITIONS)]
        starts = {one.partition: max(one.offset, 0) for one in _committed(consumer, partitions)}
        ends = {one.partition: consumer.get_watermark_offsets(one, timeout=60)[1] for one in partitions}
        consumer.close()
        return {number: (start, ends[number]) for number, start in starts.items()}

    def _settings_of_clients(self) -> dict[str, str | int | float | bool]:
        return {"bootstrap.servers": f"127.0.0.1:{self.clients_port}", "group.id": "nobody"}


def _committed(consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
    """Also from a broker that was just restarted, and does not know yet that it is the one to ask."""
    while True:
        try:
            return consumer.committed(partitions, timeout=60)
        except KafkaException as error:
            if not error.args[0].retriable() and error.args[0].code() != KafkaError.NOT_COORDINATOR:
                raise
