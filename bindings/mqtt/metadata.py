from __future__ import annotations

import ssl
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from bindings.metadata import BindingMetadata, Flag, Metadata, PubSubMetadata, Secret, Text, Whole
from bindings.tls import ClientTls

_PLAIN, _TLS = ("tcp", "mqtt"), ("ssl", "tls", "mqtts", "tcps")


class BrokerMetadata(Metadata):
    """How a broker is reached: the same for the binding and the pub/sub."""

    url: Secret = Field(
        description="The address of the broker, with the user and the password: `tcp://` or `mqtt://`, and with TLS "
        "`ssl://`, `tls://`, `mqtts://` or `tcps://`. The default ports are 1883 and 8883.",
        examples=["tcp://user:password@localhost:1883", "ssl://mqtt.example.com"],
    )
    retain: Flag = Field(
        False,
        description="Output: whether the broker keeps the last message of the topic, for those who subscribe later.",
        examples=["true"],
    )
    clean_session: Flag = Field(
        False,
        description="Whether the broker forgets everything when the connection ends: messages that come meanwhile, "
        "and those that are not acknowledged, are lost.",
        examples=["true"],
    )
    ca_cert: Text | None = Field(
        None,
        description="The certificates to trust, in PEM, instead of the system's.",
        examples=["-----BEGIN CERTIFICATE-----\n..."],
    )
    client_cert: Text | None = Field(
        None, description="The client certificate, in PEM.", examples=["-----BEGIN CERTIFICATE-----\n..."]
    )
    client_key: Secret | None = Field(
        None,
        description="The key of the client certificate, in PEM.",
        examples=["-----BEGIN PRIVATE KEY-----\n..."],
    )

    @property
    def host(self) -> str:
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        return self._parts.port or (8883 if self._is_tls else 1883)

    @property
    def user(self) -> str | None:
        return unquote(self._parts.username) if self._parts.username else None

    @property
    def password(self) -> str | None:
        """Only with a user (MQTT 3.1.1, 3.1.2.9)."""
        return unquote(self._parts.password) if self._parts.username and self._parts.password else None

    @property
    def shown(self) -> str:
        """The address without the password."""
        return f"{self._parts.scheme}://{self.host}:{self.port}"

    def tls(self) -> ssl.SSLContext | None:
        """Reads files, so it blocks; raises `DefinitionError`."""
        if not self._is_tls:
            return None
        return ClientTls(
            self.ca_cert, self.client_cert, self.client_key.get_secret_value() if self.client_key else None
        ).context()

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url.get_secret_value())

    @property
    def _is_tls(self) -> bool:
        return self._parts.scheme in _TLS

    @field_validator("url")
    @classmethod
    def _url_is_mqtt(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            usable = parts.scheme in (*_PLAIN, *_TLS) and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("write it like tcp://user:password@localhost:1883 or ssl://localhost:8883")
        return url

    @model_validator(mode="after")
    def _pairs_are_whole(self) -> BrokerMetadata:
        if (self.client_cert is None) != (self.client_key is None):
            raise ValueError("clientCert and clientKey belong together: set both or none")
        return self


class MqttMetadata(BrokerMetadata, BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/mqtt3/, and `contentMode`."""

    topic: Text = Field(
        description="Input: the topic or filter to read, `+` and `#` allowed; with `$share/GROUP/` before it, the "
        "clients of that group share the messages. Output: the topic to write, unless the operation names one.",
        examples=["sensors/kitchen", "sensors/+/temperature", "$share/workers/sensors/#"],
        min_length=1,
    )
    consumer_id: Text = Field(
        alias="consumerID",
        description="Which session at the broker is ours: `-consumer` follows it as the client id of the input. Each "
        "replica of the engine needs its own; `{podName}` is replaced.",
        examples=["kitchen-display"],
        min_length=1,
    )
    qos: Whole = Field(
        1, ge=0, le=2, description="Read, and without effect, as in Dapr: it is always 1.", examples=["1"]
    )
    back_off_max_retries: Whole = Field(
        3,
        ge=-1,
        description="Read, and without effect: `delivery.retry` of the pipeline says it.",
        examples=["3"],
    )
    content_mode: Literal["data", "structured"] = Field(
        "data",
        description="Output: what a message holds: the data of the event, or the whole event in the JSON format of "
        "CloudEvents (the structured mode, the only one that MQTT 3.1.1 has).",
        examples=["structured"],
    )


class MqttPubSubMetadata(BrokerMetadata, PubSubMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-pubsub/setup-mqtt3/"""

    qos: Whole = Field(
        1,
        ge=0,
        le=7,
        description="0: messages are sent once, and nobody confirms them. Anything else: at least once, as QoS 1.",
        examples=["1"],
    )

    @property
    def level(self) -> int:
        return min(self.qos, 1)
