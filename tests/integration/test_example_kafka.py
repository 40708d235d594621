"""examples/kafka, on a server of the tests' own: readings in, alarms out."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message

from tests.bindings.kafka.server import Kafka
from tests.integration.apps import free_port
from tests.integration.project import ROOT, Project

EXAMPLE = ROOT / "examples/kafka"


def first_alarm(address: str) -> Message:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "person", "auto.offset.reset": "earliest"})
    consumer.subscribe(["alarms"])
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            if (message := consumer.poll(0.1)) is not None and message.error() is None:
                return message
        raise AssertionError("there is no alarm")
    finally:
        consumer.close()


@pytest.mark.timeout(400)  # it may have to get the server
async def test_sensor_that_stays_too_warm_raises_one_alarm(project: Project, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    server = Kafka(tmp_path / "server")
    server.start()
    shutil.copytree(EXAMPLE / "pipelines", project.path / "pipelines", dirs_exist_ok=True)
    port = str(free_port())
    definition = project.path / "pipelines/readings.yaml"
    definition.write_text(definition.read_text().replace("localhost:9092", server.address).replace("8081", port))
    app = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE / "watch.py"), env={**os.environ, "PORT": port}
    )
    try:
        run = await project.run()
        sensors = [sys.executable, str(EXAMPLE / "sensors.py"), server.address]
        await asyncio.to_thread(subprocess.run, sensors, check=True)
        alarm = await asyncio.to_thread(first_alarm, server.address)
        event = json.loads(alarm.value() or b"")
        assert (alarm.key(), event["data"]) == (b"attic", {"sensor": "attic", "celsius": 33})
        assert (event["type"], event["subject"]) == ("com.example.reading", "attic")
        assert await run.stop() == 0, run.told()
        assert run.noise == []
    finally:
        app.kill()
        await app.wait()
        server.stop()
