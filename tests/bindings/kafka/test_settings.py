"""The settings, and logins with them at a real server."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import pytest
from aiohttp import web
from confluent_kafka import Consumer, Producer

from bindings.contract import Result
from bindings.kafka.metadata import KafkaMetadata
from bindings.kafka.settings import consumer_settings, producer_settings
from engine.errors import DefinitionError, NotReady
from tests.bindings.conformance import settled
from tests.bindings.fakes import operation
from tests.bindings.kafka.server import PASSWORD, USER, Kafka
from tests.bindings.kafka.test_input import make_input, make_output, opened
from tests.bindings.keys import Keys
from tests.integration.apps import serving

LOGIN = {"authType": "password", "saslUsername": USER, "saslPassword": PASSWORD}


def metadata(**values: Any) -> KafkaMetadata:
    return KafkaMetadata.model_validate({"brokers": "127.0.0.1:1", "authType": "none", **values})


@pytest.mark.parametrize(
    ("values", "setting", "value"),
    [
        ({}, "auto.offset.reset", "earliest"),
        ({}, "partition.assignment.strategy", "cooperative-sticky"),
        ({"consumerGroupRebalanceStrategy": "range"}, "partition.assignment.strategy", "range"),
        ({"sessionTimeout": "20s"}, "session.timeout.ms", 20_000),
        ({"heartbeatInterval": "500ms"}, "heartbeat.interval.ms", 500),
        ({"consumerFetchMin": "10"}, "fetch.min.bytes", 10),
        ({"consumerFetchDefault": "2048"}, "max.partition.fetch.bytes", 2048),
        ({"clientID": "shop"}, "client.id", "shop"),
        ({"dialTimeout": "5s"}, "socket.connection.setup.timeout.ms", 5000),
        ({"readTimeout": "5s"}, "socket.timeout.ms", 5000),
        ({"clientConnectionKeepAliveInterval": "4m"}, "connections.max.idle.ms", 240_000),
        ({"clientConnectionTopicMetadataRefreshInterval": "1m"}, "topic.metadata.refresh.interval.ms", 60_000),
        ({**LOGIN, "disableTls": "true"}, "security.protocol", "SASL_PLAINTEXT"),
        (LOGIN, "security.protocol", "SASL_SSL"),
        ({**LOGIN, "saslMechanism": "SHA-512"}, "sasl.mechanisms", "SCRAM-SHA-512"),
        ({**LOGIN, "skipVerify": "true"}, "enable.ssl.certificate.verification", False),
    ],
)
def test_setting_of_a_reader_is_that_of_the_client(values: dict[str, Any], setting: str, value: Any) -> None:
    settings = consumer_settings(metadata(**values), "group")
    assert settings[setting] == value
    Consumer(settings).close()  # the client knows all of them


@pytest.mark.parametrize(
    ("values", "setting", "value"),
    [
        ({}, "acks", "all"),
        ({}, "enable.idempotence", True),
        ({"producerRequiredAcks": "local"}, "acks", "1"),
        ({"producerRequiredAcks": "none"}, "enable.idempotence", False),
        ({"compression": "zstd"}, "compression.type", "zstd"),
        ({"maxMessageBytes": "2048"}, "message.max.bytes", 2048),
        ({"writeTimeout": "5s"}, "delivery.timeout.ms", 5000),
    ],
)
def test_setting_of_a_writer_is_that_of_the_client(values: dict[str, Any], setting: str, value: Any) -> None:
    settings = producer_settings(metadata(**values))
    assert settings[setting] == value
    Producer(settings)


async def round_trip(address: str, topic: str, **login: Any) -> None:
    async with opened(make_input(address, topic, **login)) as binding:
        async with opened(make_output(address, topic, **login)) as output:
            [result] = await output.invoke([operation("create", b"hello")])
            assert isinstance(result, Result)
        async with asyncio.timeout(10):
            received = await binding.read(10)
        assert [message.data for message in received] == [b"hello"]
        await binding.settle(settled(received))


@pytest.mark.parametrize("mechanism", ["PLAINTEXT", "SHA-256", "SHA-512"])
async def test_password_opens_it(server: Kafka, topic: str, mechanism: str) -> None:
    address = f"127.0.0.1:{server.password_port}"
    await round_trip(address, topic, **LOGIN, saslMechanism=mechanism, disableTls="true")


@pytest.mark.parametrize("mechanism", ["PLAINTEXT", "SHA-512"])
async def test_wrong_password_is_refused_without_showing_it(server: Kafka, topic: str, mechanism: str) -> None:
    login = {**LOGIN, "saslPassword": "wr0ng-one", "saslMechanism": mechanism, "disableTls": "true"}
    for binding in (
        make_output(f"127.0.0.1:{server.password_port}", topic, **login),
        make_input(f"127.0.0.1:{server.password_port}", topic, **login),
    ):
        with pytest.raises(DefinitionError, match="refused the login") as caught:
            await binding.open()
        assert "wr0ng-one" not in str(caught.value)
        assert "authType" in caught.value.hint
        await binding.close()


async def test_password_over_tls(server: Kafka, keys: Keys, topic: str) -> None:
    authority = keys.authority.read_text()
    await round_trip(f"127.0.0.1:{server.tls_password_port}", topic, **LOGIN, caCert=authority)


async def test_client_certificate_opens_it(server: Kafka, keys: Keys, topic: str) -> None:
    files = {"caCert": keys.authority, "clientCert": keys.certificate, "clientKey": keys.key}
    login = {name: path.read_text() for name, path in files.items()}
    await round_trip(f"127.0.0.1:{server.tls_port}", topic, authType="mtls", **login)


async def test_server_of_an_unknown_authority_is_not_trusted(server: Kafka, topic: str) -> None:
    output = make_output(f"127.0.0.1:{server.tls_password_port}", topic, **LOGIN)
    with pytest.raises(NotReady, match="certificate verify failed"):
        await output.open()
    await output.close()
    await round_trip(f"127.0.0.1:{server.tls_password_port}", topic, **LOGIN, skipVerify="true")


async def test_key_that_cannot_be_used_is_refused(server: Kafka, keys: Keys, topic: str) -> None:
    certificate, locked = keys.certificate.read_text(), keys.locked_key.read_text()
    address = f"127.0.0.1:{server.tls_port}"
    output = make_output(address, topic, authType="mtls", clientCert=certificate, clientKey=locked)
    with pytest.raises(DefinitionError, match="the Kafka client cannot be made"):
        await output.open()
    await output.close()


async def test_token_of_an_identity_provider_opens_it(server: Kafka, topic: str) -> None:
    asked: list[dict[str, str]] = []

    async def give(request: web.Request) -> web.Response:
        form = await request.post()
        asked.append({"authorization": request.headers["Authorization"], "scope": str(form["scope"])})
        return web.json_response({"access_token": unsigned_token(), "token_type": "Bearer", "expires_in": 3600})

    async with serving(give) as url:
        login = {"oidcTokenEndpoint": url, "oidcClientID": "shop", "oidcClientSecret": "s3cret"}
        more = {"oidcScopes": "openid,kafka", "disableTls": "true"}
        await round_trip(f"127.0.0.1:{server.token_port}", topic, authType="oidc", **login, **more)
    assert asked[0]["scope"] == "openid kafka"
    assert base64.b64decode(asked[0]["authorization"].removeprefix("Basic ")) == b"shop:s3cret"


async def test_identity_provider_that_is_away_is_not_ready(server: Kafka, topic: str) -> None:
    login = {"oidcTokenEndpoint": "http://127.0.0.1:1", "oidcClientID": "shop", "oidcClientSecret": "s3cret"}
    output = make_output(f"127.0.0.1:{server.token_port}", topic, authType="oidc", disableTls="true", **login)
    with pytest.raises(NotReady, match="Failed to acquire SASL OAUTHBEARER token") as caught:
        await output.open()
    assert "s3cret" not in str(caught.value)
    await output.close()


def unsigned_token() -> str:
    now = int(time.time())
    parts = ({"alg": "none", "typ": "JWT"}, {"sub": "shop", "iat": now, "exp": now + 3600})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."
