from __future__ import annotations

import asyncio
from pathlib import Path

from bindings.contract import Result
from engine.errors import Unavailable
from tests.bindings.fakes import operation
from tests.bindings.mqtt.project import heard, listening, make_pubsub, read_all, reading, writing
from tests.bindings.mqtt.server import Mosquitto
from tests.bindings.topics import publication
from tests.proxy import Proxy


async def test_connection_that_is_cut_fails_what_is_not_confirmed_and_is_made_again(
    server: Mosquitto, topic: str
) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    async with writing(f"tcp://127.0.0.1:{proxy.port}", topic) as output:
        proxy.stall()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(output.invoke([operation("create") for _ in range(3)]))
            await asyncio.wait({waiting}, timeout=0.05)
            assert not waiting.done()
            proxy.cut()
            proxy.mend()
        assert [type(error) for error in waiting.result()] == [Unavailable] * 3
        [result] = await output.invoke([operation("create")])
        assert isinstance(result, Result)
    await proxy.stop()


async def test_broker_that_is_away_makes_unavailable_and_is_found_when_it_is_back(tmp_path: Path) -> None:
    server = Mosquitto(tmp_path)
    server.start()
    async with reading(server.url, "orders"), writing(server.url, "orders") as output:
        server.stop()
        for _ in range(2):
            [away] = await output.invoke([operation("create")])
            assert type(away) is Unavailable
        assert "does not answer" in str(away)
        server.start()
        [result] = await output.invoke([operation("create", b"1")])
        assert isinstance(result, Result)
    async with reading(server.url, "orders") as reader:
        assert [one.data for one in await read_all(reader, 1)] == [b"1"]
    server.stop()


async def test_many_invokes_at_once_share_the_connection(server: Mosquitto, topic: str) -> None:
    batches = [[operation("create") for _ in range(50)] for _ in range(20)]
    async with listening(server.port, topic) as client:
        async with writing(server.url, topic) as output:
            results = await asyncio.gather(*(output.invoke(batch) for batch in batches))
        assert all(isinstance(result, Result) for batch in results for result in batch)
        found = await heard(client, 1000)
    assert sorted(found) == sorted(one.event.data or b"" for batch in batches for one in batch)


async def test_qos_0_is_sent_once_and_confirmed_by_nobody(server: Mosquitto, topic: str) -> None:
    pubsub = make_pubsub(server.url, qos="0")
    await pubsub.open()
    async with listening(server.port, topic) as client:
        errors = await pubsub.publish(topic, [publication(b"%d" % number) for number in range(1500)])
        assert errors == [None] * 1500
        assert len(await heard(client, 1500)) == 1500
    await pubsub.close()
