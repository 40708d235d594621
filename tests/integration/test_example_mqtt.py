"""examples/mqtt, on a broker of the tests' own and a mail server: temperatures in, states and a mail out."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys

import pytest

from tests.bindings.fakes import eventually
from tests.bindings.mqtt.project import heard, listening, publish
from tests.bindings.mqtt.server import Mosquitto
from tests.bindings.smtp.server import serving
from tests.integration.apps import free_port
from tests.integration.project import ROOT, Project, until

EXAMPLE = ROOT / "examples/mqtt"


@pytest.mark.timeout(400)  # it may have to install the server
async def test_temperatures_become_states_and_a_mail(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    broker.start()
    shutil.copytree(EXAMPLE / "pipelines", project.path / "pipelines", dirs_exist_ok=True)
    port = free_port()
    async with serving() as mail:
        for path in (project.path / "pipelines").iterdir():
            text = path.read_text().replace("localhost:1883", f"127.0.0.1:{broker.port}").replace("8080", str(port))
            path.write_text(text.replace("value: localhost", "value: 127.0.0.1").replace("1025", str(mail.port)))
        environment = {**os.environ, "APP_PORT": str(port)}
        app = await asyncio.create_subprocess_exec(sys.executable, str(EXAMPLE / "thermostat.py"), env=environment)
        try:
            run = await project.run()
            for pipeline in ("rooms", "mail"):
                await until(run, "started", pipeline)
            for room, celsius in (("kitchen", 21.5), ("attic", 31.5), ("cellar", 12)):
                await publish(broker.port, f"sensors/{room}/temperature", json.dumps({"celsius": celsius}).encode())
            async with listening(broker.port, "rooms/+/state") as display, asyncio.timeout(30):
                states = [json.loads(one) for one in await heard(display, 3)]
            await eventually(lambda: len(mail.taken) == 1)
            assert await run.stop() == 0, run.told()
        finally:
            app.kill()
            await app.wait()
            broker.stop()
    assert {one["room"]: one["state"] for one in states} == {"kitchen": "fine", "attic": "hot", "cellar": "cold"}
    [alert] = mail.taken
    assert (alert.message["Subject"], alert.text) == ("The attic is hot", "It is 31.5 °C in the attic.")
