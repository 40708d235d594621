"""Topics at the ends of pipelines: what an app or a pipeline publishes, and what another takes in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bindings.contract import InputBinding, Publication, PubSub, Subscription
from bindings.memory.pubsub import MemoryPubSub
from bindings.metadata import PubSubMetadata
from engine.clock import VirtualClock
from engine.engine import Engine
from engine.errors import NotReady
from engine.event import rfc3339
from engine.server import LOOPBACK
from engine.testing.memory_store import MemoryStore
from engine.topics import TopicInput
from tests.bindings.fakes import context, eventually
from tests.engine.definitions.folders import component, documents, report_of
from tests.engine.test_engine import Diary

TOPICS = component(name="pubsub", type="pubsub.in-memory")
EVENTS = "application/cloudevents+json"


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(MemoryStore(), VirtualClock(1000.0), Diary(), LOOPBACK, 0, drain=5.0)
    await engine.start()
    yield engine
    await engine.stop()


def pubsub(name: str = "pubsub") -> PubSub:
    return MemoryPubSub(PubSubMetadata(), context(name))


async def subscriber(topic: str, consumer: str = "test") -> InputBinding:
    reader = pubsub().subscribe(Subscription(topic, consumer))
    await reader.open()
    return reader


async def next_event(reader: InputBinding) -> dict[str, Any]:
    async with asyncio.timeout(5):
        (message,) = await reader.read(1)
    assert message.attributes == {"datacontenttype": EVENTS}
    found: dict[str, Any] = json.loads(message.data or b"")
    return found


async def run(engine: Engine, root: Path, *texts: str) -> None:
    report = await report_of(root, {"all.yaml": documents(*texts)})
    assert not report.diagnostics
    await engine.apply(report.definitions)
    assert not engine.problems()


def pipeline(input: str, rest: str, name: str = "p") -> str:
    return (
        f"apiVersion: jackfield/v1\nkind: Pipeline\nmetadata: {{name: {name}}}\n"
        f"spec:\n  input: {{pubsub: pubsub, {input}}}\n{rest}"
    )


COPY = "  outputs:\n    - {pubsub: pubsub, topic: out}\n"


async def test_event_goes_from_topic_to_topic_as_a_cloudevent(engine: Engine, tmp_path: Path) -> None:
    reader = await subscriber("out")
    await run(engine, tmp_path, pipeline("topic: in", COPY), TOPICS)
    event = {"id": "1", "specversion": "1.0", "source": "shop", "type": "placed", "data": {"n": 1.50}}
    await pubsub().publish("in", [Publication(json.dumps(event).encode(), EVENTS)])
    found = await next_event(reader)
    assert found == {
        **event,
        "id": "1/p.0",
        "datacontenttype": "application/json",
        "topic": "out",
        "pubsubname": "pubsub",
    }


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain"])
async def test_envelope_is_opened_also_where_the_content_type_got_lost(
    content_type: str, engine: Engine, tmp_path: Path
) -> None:
    reader = await subscriber("out")
    await run(engine, tmp_path, pipeline("topic: in", COPY), TOPICS)
    event = b'{"id": "7", "specversion": "1.0", "source": "shop", "type": "placed", "data": "text"}'
    await pubsub().publish("in", [Publication(event, content_type)])
    assert (await next_event(reader))["id"] == "7/p.0"


async def test_message_that_is_no_cloudevent_is_data(engine: Engine, tmp_path: Path) -> None:
    reader = await subscriber("out")
    await run(engine, tmp_path, pipeline("topic: in", COPY), TOPICS)
    await pubsub().publish("in", [Publication(b'{"specversion": 1}', "application/json")])
    found = await next_event(reader)
    assert (found["data"], found["source"]) == ({"specversion": 1}, "/pubsub")
    assert found["type"] == "jackfield.pubsub.in-memory"


async def test_raw_payload_is_data_whatever_it_holds(engine: Engine, tmp_path: Path) -> None:
    reader = await subscriber("out")
    await run(engine, tmp_path, pipeline("topic: in, metadata: {rawPayload: 'true'}", COPY), TOPICS)
    event = {"id": "1", "specversion": "1.0", "source": "shop", "type": "placed", "data": 1}
    await pubsub().publish("in", [Publication(json.dumps(event).encode(), EVENTS)])
    found = await next_event(reader)
    assert (found["data"], found["source"]) == (event, "/pubsub")


async def test_topic_and_metadata_of_an_output_are_templates(engine: Engine, tmp_path: Path) -> None:
    reader = await subscriber("orders/blue")
    rest = "  outputs:\n    - {pubsub: pubsub, topic: 'orders/{{ data.tenant }}', metadata: {rawPayload: true}}\n"
    await run(engine, tmp_path, pipeline("topic: in", rest), TOPICS)
    await pubsub().publish("in", [Publication(b'{"tenant":"blue"}', "application/json")])
    async with asyncio.timeout(5):
        (message,) = await reader.read(1)
    assert (message.data, message.attributes) == (b'{"tenant":"blue"}', {"datacontenttype": "application/json"})


async def test_pipelines_get_all_messages_each(engine: Engine, tmp_path: Path) -> None:
    reader = await subscriber("out")
    await run(engine, tmp_path, pipeline("topic: in", COPY), pipeline("topic: in", COPY, "q"), TOPICS)
    await pubsub().publish("in", [Publication(b"1", "text/plain")])
    ids = [(await next_event(reader))["id"].rpartition("/")[2] for _ in range(2)]
    assert sorted(ids) == ["p.0", "q.0"]


async def test_pipelines_with_one_consumer_id_share_the_messages(engine: Engine, tmp_path: Path) -> None:
    reader = await subscriber("out")
    metadata = "    - {name: consumerID, value: shop}\n"
    topics = component(metadata, name="pubsub", type="pubsub.in-memory")
    await run(engine, tmp_path, pipeline("topic: in", COPY), pipeline("topic: in", COPY, "q"), topics)
    await pubsub().publish("in", [Publication(b"%d" % n, "text/plain") for n in range(10)])
    assert sorted([(await next_event(reader))["data"] for _ in range(10)]) == [str(n) for n in range(10)]
    await eventually(lambda: sum(counts.delivered for counts in engine.counts.values()) == 10)


async def test_expired_event_ends_at_once_and_ttl_makes_one_expire(engine: Engine, tmp_path: Path) -> None:
    reader = await subscriber("out")
    rest = "  outputs:\n    - {pubsub: pubsub, topic: out, metadata: {ttlInSeconds: 60}}\n"
    await run(engine, tmp_path, pipeline("topic: in", rest), TOPICS)
    event = {"specversion": "1.0", "source": "shop", "type": "placed"}
    old, new = [{**event, "id": id, "expiration": rfc3339(at)} for id, at in (("old", 999.0), ("new", 1001.0))]
    await pubsub().publish("in", [Publication(json.dumps(one).encode(), EVENTS) for one in (old, new)])
    found = await next_event(reader)
    assert (found["id"], found["expiration"]) == ("new/p.0", rfc3339(1060.0))
    await eventually(lambda: engine.counts["p"].filtered == 1)


async def test_dead_letter_goes_to_a_topic(engine: Engine, tmp_path: Path) -> None:
    reader = await subscriber("failed")
    rest = "  steps: [{filter: data.missing}]\n  delivery: {deadLetter: {pubsub: pubsub, topic: failed}}\n"
    await run(engine, tmp_path, pipeline("topic: in", rest), TOPICS)
    await pubsub().publish("in", [Publication(b"{}", "application/json")])
    found = await next_event(reader)
    assert (found["errorstage"], found["topic"]) == ("steps[0].filter", "failed")


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ("topic: '{{ data.topic }}'", "the name of the topic is empty"),
        ("topic: out, metadata: {ttlInSeconds: soon}", "ttlInSeconds must be a whole number of seconds above zero"),
    ],
)
async def test_message_that_cannot_be_published_is_dead_lettered(
    metadata: str, error: str, engine: Engine, tmp_path: Path
) -> None:
    rest = (
        f"  outputs: [{{pubsub: pubsub, {metadata}}}]\n  delivery: {{deadLetter: {{pubsub: pubsub, topic: failed}}}}\n"
    )
    reader = await subscriber("failed")
    await run(engine, tmp_path, pipeline("topic: in", rest), TOPICS)
    await pubsub().publish("in", [Publication(b'{"topic": ""}', "application/json")])
    assert error in (await next_event(reader))["errormessage"]


async def test_what_is_settled_while_the_broker_is_away_waits_without_an_alarm() -> None:
    """Its settling is tried again until the topic is open once more: that is no bug, which would be logged as one."""

    async def lend() -> PubSub:
        raise NotReady("the broker is away")

    async def give_back() -> None:
        raise AssertionError("nothing was lent")

    reader = TopicInput(lend, give_back, Subscription("in", "test"), "test")
    with pytest.raises(NotReady, match="away"):
        await reader.open()
    with pytest.raises(NotReady, match="not open"):
        await reader.settle([])
    await reader.close()
