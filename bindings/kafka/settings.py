"""The settings of librdkafka (its CONFIGURATION.md) that a component's metadata asks for."""

from __future__ import annotations

import logging
from typing import Any

from bindings.kafka.metadata import KafkaConnectionMetadata

_MAX_POLL = 300_000  # milliseconds; a member asks for its next messages all the time, also when nobody reads
_RECONNECT = 2_000  # milliseconds; the longest wait from one try to the next
_ACKS = {"all": "all", "local": "1", "none": "0"}
_STRATEGIES = {"sticky": "cooperative-sticky", "range": "range", "roundrobin": "roundrobin"}
_MECHANISMS = {"PLAINTEXT": "PLAIN", "SHA-256": "SCRAM-SHA-256", "SHA-512": "SCRAM-SHA-512"}

log = logging.getLogger("jackfield.kafka")
log.setLevel(logging.CRITICAL)  # it logs what is raised as well, on every try


def consumer_settings(metadata: KafkaConnectionMetadata, group: str) -> dict[str, Any]:
    return {
        **_connection(metadata),
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Only for a position that the brokers have deleted; where a group begins is said when it is given a partition.
        "auto.offset.reset": "earliest",
        "allow.auto.create.topics": True,
        "partition.assignment.strategy": _STRATEGIES[metadata.consumer_group_rebalance_strategy],
        "session.timeout.ms": _milliseconds(metadata.session_timeout),
        "heartbeat.interval.ms": _milliseconds(metadata.heartbeat_interval),
        "max.poll.interval.ms": max(_MAX_POLL, _milliseconds(metadata.session_timeout)),
        "fetch.min.bytes": metadata.consumer_fetch_min,
        "max.partition.fetch.bytes": metadata.consumer_fetch_default,
        # What is fetched and not asked for is fetched again after a pause.
        "queued.min.messages": 10_000,
        "queued.max.messages.kbytes": 16_384,
    }


def producer_settings(metadata: KafkaConnectionMetadata) -> dict[str, Any]:
    settings = {
        **_connection(metadata),
        "acks": _ACKS[metadata.producer_required_acks],
        "enable.idempotence": metadata.producer_required_acks == "all",
        "compression.type": metadata.compression,
        "delivery.timeout.ms": _milliseconds(metadata.write_timeout),
        "linger.ms": 0,
        "partitioner": "fnv1a_random",  # that of Dapr's client: one key is in one partition, whoever of the two sends
        "topic.metadata.propagation.max.ms": 5_000,  # how long a topic that is not there is waited for
    }
    if metadata.max_message_bytes is not None:
        settings["message.max.bytes"] = metadata.max_message_bytes
    return settings


def _connection(metadata: KafkaConnectionMetadata) -> dict[str, Any]:
    return {
        "bootstrap.servers": metadata.brokers,
        "client.id": metadata.client_id,
        "logger": log,
        "reconnect.backoff.max.ms": _RECONNECT,
        "socket.keepalive.enable": True,
        "socket.timeout.ms": _milliseconds(metadata.read_timeout),
        "socket.connection.setup.timeout.ms": _milliseconds(metadata.dial_timeout),
        "connections.max.idle.ms": _milliseconds(metadata.client_connection_keep_alive_interval),
        "topic.metadata.refresh.interval.ms": _milliseconds(metadata.client_connection_topic_metadata_refresh_interval),
        **_tls(metadata),
        **_login(metadata),
    }


def _tls(metadata: KafkaConnectionMetadata) -> dict[str, Any]:
    sasl = metadata.auth in ("password", "oidc")
    if metadata.auth == "none" or metadata.disable_tls:
        return {"security.protocol": "SASL_PLAINTEXT" if sasl else "PLAINTEXT"}
    settings: dict[str, Any] = {"security.protocol": "SASL_SSL" if sasl else "SSL"}
    if metadata.skip_verify:
        settings["enable.ssl.certificate.verification"] = False
    if metadata.ca_cert:
        settings["ssl.ca.pem"] = metadata.ca_cert
    if metadata.auth == "mtls" and metadata.client_cert and metadata.client_key:
        settings["ssl.certificate.pem"] = metadata.client_cert
        settings["ssl.key.pem"] = metadata.client_key.get_secret_value()
    return settings


def _login(metadata: KafkaConnectionMetadata) -> dict[str, Any]:
    if metadata.auth == "password" and metadata.sasl_password:
        return {
            "sasl.mechanisms": _MECHANISMS[metadata.sasl_mechanism],
            "sasl.username": metadata.sasl_username,
            "sasl.password": metadata.sasl_password.get_secret_value(),
        }
    if metadata.auth == "oidc" and metadata.oidc_client_secret:
        settings = {
            "sasl.mechanisms": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.token.endpoint.url": metadata.oidc_token_endpoint,
            "sasl.oauthbearer.client.id": metadata.oidc_client_id,
            "sasl.oauthbearer.client.secret": metadata.oidc_client_secret.get_secret_value(),
            "sasl.oauthbearer.scope": " ".join(metadata.oidc_scopes.replace(",", " ").split()),
        }
        if metadata.extensions:
            extensions = metadata.extensions.items()
            settings["sasl.oauthbearer.extensions"] = ",".join(f"{name}={value}" for name, value in extensions)
        if metadata.ca_cert:
            settings["https.ca.pem"] = metadata.ca_cert
        return settings
    return {}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
