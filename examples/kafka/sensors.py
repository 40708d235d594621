"""Three sensors write their temperatures to Kafka: python sensors.py [BROKERS]"""

from __future__ import annotations

import json
import sys

from confluent_kafka import Producer

READINGS = {"attic": [29, 31, 32, 33, 34], "cellar": [12, 12, 13, 12, 12], "kitchen": [31, 32, 24, 31, 32]}


def main(brokers: str) -> None:
    producer = Producer({"bootstrap.servers": brokers})
    for moment in range(5):
        for sensor, celsius in READINGS.items():
            producer.produce("readings", json.dumps({"celsius": celsius[moment]}), key=sensor)
    producer.flush()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:9092")
