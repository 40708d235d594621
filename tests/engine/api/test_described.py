from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dapr.proto.runtime.v1 import metadata_pb2

from engine.api.described import AppConnection, components_of, connection_of, subscriptions_of
from engine.definitions.check import Definitions, check
from engine.definitions.dapr import SubscriptionSpec
from engine.definitions.folder import File, Folder
from engine.definitions.source import Source
from tests.engine.api.served import served
from tests.engine.api.test_grpc_subscribe import talk
from tests.engine.definitions.folders import app, component, documents, report_of

HEAD = "apiVersion: dapr.io/v2alpha1\nkind: Subscription\n"
PUBSUB = component(name="pubsub", type="pubsub.in-memory")
SUBSCRIPTION = f"""{HEAD}metadata: {{name: s}}
spec:
  pubsubname: pubsub
  topic: orders
  metadata: {{rawPayload: "false"}}
  deadLetterTopic: failed
  routes: {{rules: [{{match: 'event.type == "big"', path: /big}}], default: /all}}
scopes: [shop]
"""
SHOP = "apiVersion: jackfield/v1\nkind: App\nmetadata: {name: shop}\n"
DEFINITIONS = documents(
    PUBSUB,
    component(name="store", type="state.in-memory"),
    component(name="theirs", type="state.in-memory", more="scopes: [other]\n"),
    component(name="queue", type="bindings.memory"),
    SUBSCRIPTION,
    SHOP + "spec: {url: 'http://localhost:8123/base', maxConcurrency: 7}\n",
)


async def test_metadata_tells_the_same_over_http_and_grpc(tmp_path: Path) -> None:
    async with served(tmp_path, DEFINITIONS) as api, api.stub() as stub, talk(api) as stream:
        await stream.begin("live", dead_letter_topic="lost")
        _, body, _ = await api.call("GET", "/v1.0/metadata")
        message = await stub.GetMetadata(metadata_pb2.GetMetadataRequest())
    found: dict[str, Any] = json.loads(body)
    assert {one["name"]: one.get("capabilities") for one in found["components"]} == {
        "pubsub": None,
        "store": ["ETAG", "TRANSACTIONAL", "TTL"],
        "queue": ["INPUT_BINDING", "OUTPUT_BINDING"],
    }
    assert found["subscriptions"] == [
        {
            "pubsubname": "pubsub",
            "topic": "orders",
            "metadata": {"rawPayload": "false"},
            "rules": [{"match": 'event.type == "big"', "path": "/big"}, {"path": "/all"}],
            "deadLetterTopic": "failed",
            "type": "DECLARATIVE",
        },
        {
            "pubsubname": "pubsub",
            "topic": "live",
            "rules": [{"path": "/"}],
            "deadLetterTopic": "lost",
            "type": "STREAMING",
        },
    ]
    connection = {"port": 8123, "protocol": "http", "channelAddress": "localhost", "maxConcurrency": 7}
    assert found["appConnectionProperties"] == connection
    assert found["actorRuntime"] == {"runtimeStatus": "DISABLED", "hostReady": False}

    assert [(one.name, list(one.capabilities)) for one in message.registered_components] == [
        (one["name"], one.get("capabilities", [])) for one in found["components"]
    ]
    types = metadata_pb2.PubsubSubscriptionType
    told = [
        {
            "pubsubname": one.pubsub_name,
            "topic": one.topic,
            **({"metadata": dict(one.metadata)} if one.metadata else {}),
            "rules": [{**({"match": r.match} if r.match else {}), "path": r.path} for r in one.rules.rules],
            "deadLetterTopic": one.dead_letter_topic,
            "type": types.Name(one.type),
        }
        for one in message.subscriptions
    ]
    assert told == found["subscriptions"]
    properties = message.app_connection_properties
    assert (properties.port, properties.protocol, properties.max_concurrency) == (8123, "http", 7)
    assert properties.channel_address == "localhost"
    assert message.actor_runtime.runtime_status == metadata_pb2.ActorRuntime.DISABLED


async def test_what_an_app_has_said_itself_is_programmatic(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {})
    for path, text in (
        (tmp_path / "all.yaml", documents(PUBSUB, app(name="shop"), app(name="my.shop"))),
        (tmp_path / ".dapr" / "subscribe" / "shop.yaml", SUBSCRIPTION),
    ):
        folder = folder.replace(path, File.of(Source(path, path.name, text)))
    report = await check(folder)
    (found,) = subscriptions_of(report.definitions, "shop", [])
    assert found.type == "PROGRAMMATIC"
    assert subscriptions_of(report.definitions, "my.shop", []) == []


async def test_capabilities_depend_on_the_version(tmp_path: Path) -> None:
    metadata = "  - {name: connectionString, value: 'postgresql://localhost/a'}\n"
    first = component(metadata, name="v1", type="state.postgresql", more="  version: v1\n")
    second = component(metadata, name="v2", type="state.postgresql", more="  version: v2\n")
    lost = component(name="lost", type="state.unheard-of")
    report = await report_of(tmp_path, {"f.yaml": documents(first, second, lost)})
    found = {one.name: list(one.capabilities) for one in components_of(report.definitions, "shop")}
    assert found == {
        "v1": ["ETAG", "TRANSACTIONAL", "QUERY_API", "TTL"],
        "v2": ["ETAG", "TRANSACTIONAL", "TTL"],
        "lost": [],
    }


async def test_connection_is_that_of_the_app(tmp_path: Path) -> None:
    report = await report_of(tmp_path, {"f.yaml": SHOP + "spec: {url: 'https://shop.example'}\n"})
    assert connection_of(report.definitions, "shop") == AppConnection("shop.example", 443, "https")
    assert connection_of(report.definitions, "other") is None


def test_stream_is_a_subscription_to_one_path() -> None:
    (found,) = subscriptions_of(Definitions(), "shop", [SubscriptionSpec(pubsubname="pubsub", topic="live")])
    assert (found.type, [rule.path for rule in found.rules], found.dead_letter_topic) == ("STREAMING", ["/"], "")
