"""What Dapr's Kafka components can be told (dapr/components-contrib, common/component/kafka/metadata.go)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from bindings.metadata import (
    BindingMetadata,
    Duration,
    Flag,
    Metadata,
    PositiveDuration,
    PubSubMetadata,
    Secret,
    Text,
    Whole,
)

AuthType: TypeAlias = Literal["none", "password", "mtls", "certificate", "oidc"]

_NO_AWS = "AWS IAM is not supported: use authType password with SHA-512, or mtls"
_NO_JWT = "the client assertion of oidc_private_key_jwt is not supported: use authType oidc with a client secret"
_NO_REGISTRY = "there is no schema registry: values travel as the bytes that they are"
_AWS = "awsAccessKey awsSecretKey awsSessionToken awsIamRoleArn awsStsSessionName awsRegion accessKey secretKey"
_AWS_TOO = "sessionToken region assumeRoleArn sessionName trustAnchorArn trustProfileArn"
_JWT = "oidcClientAssertionCert oidcClientAssertionKey oidcResource oidcAudience oidcKid"
_REGISTRY = "schemaRegistryURL schemaRegistryAPIKey schemaRegistryAPISecret schemaCachingEnabled"
_REGISTRY_TOO = "schemaLatestVersionCacheTTL useAvroJSON"
_REFUSED = {
    **dict.fromkeys(f"{_AWS} {_AWS_TOO}".split(), _NO_AWS),
    **dict.fromkeys(_JWT.split(), _NO_JWT),
    **dict.fromkeys(f"{_REGISTRY} {_REGISTRY_TOO}".split(), _NO_REGISTRY),
}
_REFUSED_TYPES = {"awsiam": _NO_AWS, "oidc_private_key_jwt": _NO_JWT}
_CERTIFICATE = "-----BEGIN CERTIFICATE-----\n..."


class KafkaConnectionMetadata(Metadata):
    """What the binding and the pub/sub have in common."""

    brokers: Text = Field(
        description="The addresses of some brokers, with commas between; the client finds the others.",
        examples=["localhost:9092", "kafka1:9092,kafka2:9092"],
        min_length=1,
    )
    client_id: Text = Field(
        "jackfield", alias="clientID", description="The name of this client in the brokers' logs.", examples=["shop"]
    )
    auth_type: AuthType | None = Field(
        None,
        description="How the client shows who it is: `none` (and no TLS), `password` (SASL), `mtls`, `certificate` "
        "(TLS with the authority of `caCert`, no login) or `oidc`. Required, unless `authRequired` is there.",
        examples=["none", "password"],
    )
    auth_required: Flag | None = Field(
        None,
        description="Dapr's old name: true is `password` where there is a `saslPassword`, and else `mtls`; false is "
        "`none`.",
        examples=["false"],
    )
    sasl_username: Text | None = Field(None, description="The user of `password`.", examples=["shop"])
    sasl_password: Secret | None = Field(None, description="The password of `password`.", examples=["secret"])
    sasl_mechanism: Literal["PLAINTEXT", "SHA-256", "SHA-512"] = Field(
        "PLAINTEXT", description="How the password travels: as it is, or with SCRAM.", examples=["SHA-512"]
    )
    oidc_token_endpoint: Text | None = Field(
        None, description="Where a token is asked for.", examples=["https://identity.example.com/v1/token"]
    )
    oidc_client_id: Text | None = Field(
        None, alias="oidcClientID", description="The client's id there.", examples=["shop"]
    )
    oidc_client_secret: Secret | None = Field(
        None, alias="oidcClientSecret", description="The client's secret there.", examples=["secret"]
    )
    oidc_scopes: Text = Field("openid", description="The scopes, with commas between.", examples=["openid,kafka"])
    oidc_extensions: Text | None = Field(
        None,
        description="SASL extensions that go with the token: a JSON object of texts.",
        examples=['{"cluster":"kafka","poolid":"pool"}'],
    )
    disable_tls: Flag = Field(
        False, description="No TLS, although there is an `authType` other than `none`.", examples=["true"]
    )
    skip_verify: Flag = Field(
        False, description="Takes any certificate of a broker. For tests only.", examples=["true"]
    )
    ca_cert: Text | None = Field(
        None,
        description="The certificates to trust, in PEM, instead of the system's.",
        examples=[_CERTIFICATE],
    )
    client_cert: Text | None = Field(
        None, description="`mtls`: the client certificate, in PEM.", examples=[_CERTIFICATE]
    )
    client_key: Secret | None = Field(
        None, description="`mtls`: its key, in PEM.", examples=["-----BEGIN PRIVATE KEY-----\n..."]
    )
    version: Text = Field(
        "2.0.0.0", description="Understood, and without effect: client and brokers agree on it.", examples=["2.0.0"]
    )
    consumer_group: Text | None = Field(
        None,
        description="Those who read with one group share the messages. Default: the name of the component, or for a "
        "topic of a pub/sub its consumer.",
        examples=["orders-service"],
        min_length=1,
    )
    initial_offset: Literal["newest", "oldest"] = Field(
        "newest",
        description="Where a group begins that reads a partition for the first time. From then on it goes on where it "
        "was, also when it had acknowledged nothing.",
        examples=["oldest"],
    )
    consume_retry_enabled: Flag = Field(
        True,
        description="Understood, and without effect: a message counts as read only when its outcome is known, and "
        "`delivery.retry` of the pipeline says how often it is tried.",
        examples=["true"],
    )
    consume_retry_interval: Duration = Field(
        0.1, description="Understood, and without effect, as `consumeRetryEnabled`.", examples=["200ms"]
    )
    heartbeat_interval: PositiveDuration = Field(
        3.0, description="How often the group hears from this member.", examples=["5s"]
    )
    session_timeout: PositiveDuration = Field(
        10.0,
        description="A member that is silent for so long loses its partitions. The brokers set limits to it.",
        examples=["20s"],
    )
    consumer_group_rebalance_strategy: Literal["range", "sticky", "roundrobin"] = Field(
        "sticky",
        description="How a group shares its partitions; all members must have the same. `sticky` is cooperative: who "
        "keeps a partition reads on while the group shares the others. (Dapr's default is `range`.)",
        examples=["sticky", "range"],
    )
    channel_buffer_size: Whole = Field(
        256, ge=1, description="How many messages are held ready for a reader.", examples=["256"]
    )
    consumer_fetch_min: Whole = Field(
        1, ge=1, description="Bytes that a broker waits for, up to half a second, before it answers.", examples=["1"]
    )
    consumer_fetch_default: Whole = Field(
        1_048_576, ge=1, description="Bytes of one partition that are asked for at once.", examples=["1048576"]
    )
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        "none", description="How batches of messages are compressed when they are sent.", examples=["zstd"]
    )
    max_message_bytes: Whole | None = Field(
        None,
        ge=1000,
        le=1_000_000_000,
        description="The largest message that is sent, in bytes. Default: 1,000,000. The brokers have a limit too.",
        examples=["2048"],
    )
    producer_required_acks: Literal["all", "local", "none"] = Field(
        "all",
        description="Who must have a message before it counts as sent: all replicas in sync, the leader, or nobody. "
        "Only with `all` nothing is lost.",
        examples=["all"],
    )
    producer_retry_max: Whole = Field(
        5,
        ge=0,
        description="Understood, and without effect: it is tried again until `writeTimeout` is over.",
        examples=["5"],
    )
    client_connection_topic_metadata_refresh_interval: PositiveDuration = Field(
        480.0, description="How often the client asks where the partitions are.", examples=["4m"]
    )
    client_connection_keep_alive_interval: Duration = Field(
        0.0, description="A connection that was idle for so long is closed; 0 is never.", examples=["4m"]
    )
    dial_timeout: PositiveDuration = Field(30.0, description="The most time for a connection.", examples=["10s"])
    read_timeout: PositiveDuration = Field(30.0, description="The most time for an answer.", examples=["10s"])
    write_timeout: PositiveDuration = Field(
        30.0, description="The most time until a message that is sent is confirmed.", examples=["10s"]
    )
    metadata_timeout: Duration = Field(
        0.0, description="Understood, and without effect: `readTimeout` holds for all requests.", examples=["5s"]
    )
    escape_headers: Flag = Field(
        False, description="URL-escapes the values of headers, and the key, in the metadata of what is read."
    )
    exclude_header_meta_regex: Text = Field(
        "",
        description="Names that this expression finds neither become headers nor come out of them.",
        examples=["^rawPayload|valueSchemaType$"],
    )

    @property
    def auth(self) -> AuthType:
        if self.auth_type is not None:
            return self.auth_type
        return "none" if not self.auth_required else "password" if self.sasl_password else "mtls"

    @property
    def extensions(self) -> dict[str, str]:
        found = json.loads(self.oidc_extensions) if self.oidc_extensions else {}
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise ValueError("it is not an object of texts")
        return found

    @model_validator(mode="before")
    @classmethod
    def _is_supported(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if (reason := _REFUSED_TYPES.get(str(values.get("authType")))) is not None:
            raise ValueError(f"authType {values['authType']}: {reason}")
        for name in values:
            if name in _REFUSED:
                raise ValueError(f"{name}: {_REFUSED[name]}")
        return values

    @field_validator("exclude_header_meta_regex")
    @classmethod
    def _is_an_expression(cls, text: str) -> str:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"it is not a regular expression: {error}") from error
        return text

    @model_validator(mode="after")
    def _login_is_whole(self) -> KafkaConnectionMetadata:
        if self.auth_type is None and self.auth_required is None:
            raise ValueError("authType is missing; write none when the brokers ask for no login")
        needed: dict[str, dict[str, object]] = {
            "password": {"saslUsername": self.sasl_username, "saslPassword": self.sasl_password},
            "certificate": {"caCert": self.ca_cert},
            "mtls": {"clientCert": self.client_cert, "clientKey": self.client_key},
            "oidc": {
                "oidcTokenEndpoint": self.oidc_token_endpoint,
                "oidcClientID": self.oidc_client_id,
                "oidcClientSecret": self.oidc_client_secret,
            },
        }
        missing = [name for name, value in needed.get(self.auth, {}).items() if not value]
        if missing:
            raise ValueError(f"authType {self.auth} needs {' and '.join(missing)}")
        if self.auth == "mtls" and self.disable_tls:
            raise ValueError("authType mtls needs TLS: leave disableTls out")
        if self.heartbeat_interval >= self.session_timeout:
            raise ValueError("heartbeatInterval must be less than sessionTimeout, best a third of it")
        try:
            _ = self.extensions
        except ValueError as error:
            raise ValueError(f"oidcExtensions cannot be read: {error}") from error
        return self


class KafkaMetadata(KafkaConnectionMetadata, BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/kafka/, and `contentMode`."""

    topics: Text | None = Field(
        None, description="Input: the topics to read, with commas between.", examples=["orders", "orders,returns"]
    )
    publish_topic: Text | None = Field(None, description="Output: the topic to write to.", examples=["invoices"])
    content_mode: Literal["binary", "structured"] = Field(
        "binary",
        description="Output: how the CloudEvent travels: its attributes as `ce_` headers beside the data, or all of "
        "it as one JSON document. What is read may be either.",
        examples=["structured"],
    )

    @property
    def topic_list(self) -> Sequence[str]:
        return [topic.strip() for topic in (self.topics or "").split(",") if topic.strip()]


class KafkaPubSubMetadata(KafkaConnectionMetadata, PubSubMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-pubsub/setup-apache-kafka/"""
